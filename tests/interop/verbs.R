# What follows from a map, as R computes it: from the maps and tables that
# Python wrote. Run by a fresh R and by one that Python hosts, so the folders
# come by environment variables.

source(Sys.getenv("HOMESPOT_EXCHANGE"))
folder <- Sys.getenv("HOMESPOT_PROBLEM")
out <- Sys.getenv("HOMESPOT_OUT")

columns <- function(table) {
  lapply(as.list(table), encode)
}

# A result of a verb, or a square matrix.
results <- list()
keep <- function(name, x) {
  results[[name]] <<- if (is.data.frame(x)) {
    columns(x)
  } else if (is.matrix(x)) {
    list(rows = I(rownames(x)), columns = I(colnames(x)), x = encode(unname(x)))
  } else {
    assays <- SummarizedExperiment::assays(x, withDimnames = FALSE)
    list(
      class = class(x), rows = I(rownames(x)), columns = I(colnames(x)),
      assays = lapply(as.list(assays), function(assay) {
        encode(unname(as.matrix(assay)))
      }),
      of_rows = columns(SummarizedExperiment::rowData(x)),
      of_columns = columns(SummarizedExperiment::colData(x)),
      coordinates = if (is(x, "SpatialExperiment")) {
        encode(unname(SpatialExperiment::spatialCoords(x)))
      },
      record = encode(S4Vectors::metadata(x)$homespot)
    )
  }
}

problem <- readProblem(folder)
sce <- problem$sc
SummarizedExperiment::rowData(sce)$note <- paste("note of", rownames(sce))
SummarizedExperiment::rowData(sce)$rank <- seq_len(nrow(sce))
# One gene has the name NA.
scores <- read.csv(
  file.path(folder, "scores.csv"),
  encoding = "UTF-8", na.strings = ""
)
genes <- lines(file.path(folder, "some_genes.txt"))

for (kind in c(
  "dense", "k_best", "first", "potentials", "sections", "apart"
)) {
  map <- loadMapping(file.path(folder, paste0("map_", kind, ".h5ad")))
  keepOf <- function(name, x) keep(paste(kind, name), suppressWarnings(x))
  cells <- rownames(map)
  flags <- stats::setNames(seq_along(cells) %% 3L == 0L, cells)
  densities <- stats::setNames(as.numeric(seq_len(ncol(map))), colnames(map))
  types <- stats::setNames(SummarizedExperiment::rowData(map)$type, cells)

  keepOf("types", deconvolveSpots(map, "type"))
  keepOf("types by sum", deconvolveSpots(map, "type", read.out = "sum"))
  keepOf("types by name", deconvolveSpots(map, rev(types)))
  keepOf("types by number", deconvolveSpots(map, "cluster"))
  keepOf("types by density", deconvolveSpots(
    map, "type",
    density = rev(densities), confident = rev(flags)
  ))
  keepOf("types of draws", deconvolveSpots(map, "type", level = 0.5))
  keepOf("types joined", deconvolveSpots(
    map, "type",
    sc = sce[, rev(colnames(sce))], st = problem$st, level = 0.5
  ))
  keepOf("labels", annotateCells(map, "layer"))
  keepOf("co-location", colocateTypes(map, "type"))
  keepOf("distances of types", typeDistances(map, "type"))
  keepOf("distances of cells", cellDistances(map))
  keepOf("distances of some", cellDistances(map, rev(cells)[1:7]))
  keepOf("modes", cellModes(map))

  keepOf("scaled", imputeGenes(map, sce))
  keepOf("mean", imputeGenes(map, sce, read.out = "mean"))
  keepOf("sum", imputeGenes(map, sce, read.out = "sum", block.size = 9L))
  keepOf("corrected", imputeGenes(map, sce, st = problem$st))
  keepOf("some", imputeGenes(
    map, sce[, rev(colnames(sce))], genes,
    scale = "log", scores = scores
  ))
  keepOf("from a dense matrix", imputeGenes(
    map, as.matrix(SummarizedExperiment::assay(sce)), genes
  ))
  keepOf("with intervals", imputeGenes(
    map, sce, genes,
    scores = scores, level = 0.7
  ))
  keepOf("on disk", imputeGenes(
    map, sce,
    scores = scores, level = 0.6, block.size = 16L,
    output = file.path(out, paste0("imputed_", kind, ".h5ad"))
  ))
}
# `types` are those of all cells.
keep("fitted", fitTypes(sce, problem$st, rev(types), level = 0.5))
sce$type <- types[colnames(sce)]
keep("fitted by column", fitTypes(
  sce, problem$st, "type",
  level = 0.5, sc.scale = "counts", st.scale = "counts"
))
means <- as.matrix(SummarizedExperiment::assay(sce))
means <- vapply(split(seq_len(ncol(means)), sce$type), function(of) {
  rowMeans(means[, of])
}, numeric(nrow(means)))
keep("fitted to means", fitTypes(
  means, problem$st,
  sc.scale = "counts", coords = SpatialExperiment::spatialCoords(problem$st)
))
writeJson(results, file.path(out, "verbs.json"))
