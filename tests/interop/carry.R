# Run by an R that Python hosts (rpy2): what the verbs give in R, as anndata2ri
# takes it, from the maps and tables that Python wrote. The host sets `folder`.

suppressPackageStartupMessages(library(homespot))

# The documented way: a plain SingleCellExperiment, coordinates among its
# reducedDims.
asCarried <- function(x) {
  sce <- as(x, "SingleCellExperiment")
  if (is(x, "SpatialExperiment")) {
    SingleCellExperiment::reducedDim(sce, "spatial") <-
      SpatialExperiment::spatialCoords(x)
  }
  S4Vectors::metadata(sce) <- list()
  sce
}

map <- loadMapping(file.path(folder, "map.h5ad"))
sce <- as(readAnnData(file.path(folder, "sc.h5ad")), "SingleCellExperiment")
st <- readAnnData(file.path(folder, "st.h5ad"))
results <- suppressWarnings(list(
  types = deconvolveSpots(map, "type"),
  joined = deconvolveSpots(map, "type", sc = sce, st = st, level = 0.5),
  fitted = fitTypes(sce, st, "type", level = 0.5),
  labels = annotateCells(map, "layer"),
  imputed = imputeGenes(map, sce),
  placed = placeCells(map, sce, as = "SpatialExperiment"),
  cells = addMapping(sce, map),
  spots = addMapping(st, map)
))
results <- lapply(results, asCarried)
