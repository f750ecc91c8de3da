# The Drosophila embryo, read as its README says, mapped in R.

arguments <- commandArgs(trailingOnly = TRUE)
source(arguments[1L])
folder <- arguments[2L]
out <- arguments[3L]

counts <- read.delim(gzfile(file.path(folder, "sc_counts.tsv.gz")),
  row.names = 1L, check.names = FALSE, quote = "", na.strings = character()
)
sc <- as(as.matrix(counts), "CsparseMatrix")
atlas <- read.csv(
  gzfile(file.path(folder, "st_expression.csv.gz")),
  check.names = FALSE, na.strings = character()
)
st <- t(as.matrix(atlas))
colnames(st) <- paste0("bin", seq_len(ncol(st)))
coords <- as.matrix(
  read.csv(gzfile(file.path(folder, "st_coordinates.csv.gz")))
)
sce <- SingleCellExperiment::SingleCellExperiment(list(counts = sc))
map <- mapCells(sce, st, coords = coords)
writeMap(map, file.path(out, "drosophila"))
writePlaces(map, sce, file.path(out, "drosophila"))
