# A fresh R process with a Python that has exactly what R's first environment
# has: SSA from end to end.

arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(homespot))
out <- arguments[2L]

stopifnot(hasPython())
stopifnot(!suppressMessages(hasPython(torch = TRUE)))
demo <- demoData()
map <- mapCells(demo$sc, demo$st)
saveMapping(map, file.path(out, "map.h5ad"))
stopifnot(identical(
  SummarizedExperiment::assay(loadMapping(file.path(out, "map.h5ad"))),
  SummarizedExperiment::assay(map)
))
write <- function(x, name) writeAnnData(x, file.path(out, name))
write(
  placeCells(map, demo$sc, as = "SpatialExperiment"), "placed.h5ad"
)
write(imputeGenes(map, demo$sc, c("Gene001", "Gene120")), "imputed.h5ad")
write(deconvolveSpots(map, "cell_type"), "types.h5ad")
scores <- crossValidateGenes(demo$sc, demo$st,
  list(a = "ssa", b = "correlation"),
  folds = 2L
)
utils::write.csv(scores, file.path(out, "scores.csv"), row.names = FALSE)
mappingReport(map, file.path(out, "report.html"),
  sc = demo$sc, st = demo$st, labels = "cell_type"
)
packages <- homespotPython()$packages
writeLines(
  paste(names(packages), packages, sep = "=="),
  file.path(out, "packages.txt")
)
