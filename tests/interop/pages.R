# Runs our calls of vignettes/coming.Rmd on the demo data, and holds what the
# page says against the results: Rscript pages.R exchange.R FOLDER
suppressPackageStartupMessages({
  library(homespot)
  library(Seurat)
  library(SpatialExperiment)
})
pdf(NULL)
demo <- demoData()
result <- function(tool, sc, st) {
  space <- list2env(list(sc = sc, st = st))
  file <- file.path(commandArgs(TRUE)[[2]], paste0(tool, ".R"))
  source(file, local = space)
  p <- mappingMatrix(space$map)
  stopifnot(
    dim(p) == c(ncol(sc), ncol(st)),
    all.equal(unname(Matrix::rowSums(p)), rep(1, nrow(p)), tolerance = 1e-5)
  )
  space
}
sumsToOne <- function(shares) {
  all.equal(unname(colSums(shares)), rep(1, ncol(shares)), tolerance = 1e-5)
}

cells <- CreateSeuratObject(
  assay(demo$sc, "counts"),
  meta.data = as.data.frame(colData(demo$sc)["cell_type"])
)
spots <- CreateSeuratObject(assay(demo$st, "counts"), assay = "Spatial")
places <- data.frame(spatialCoords(demo$st), cell = colnames(spots))
spots[["arch"]] <- CreateFOV(places, type = "centroids", assay = "Spatial")
found <- result("Seurat", cells, spots)
types <- LayerData(found$st[["types"]], "data")
stopifnot(
  sumsToOne(types[rownames(types) != "max", ]),
  c("homespot_cells", "homespot_type", "homespot_type_prob") %in%
    names(found$st[[]]),
  dim(found$st[["imputed"]]) == c(nrow(cells), ncol(spots)),
  "homespot_radius" %in% names(found$sc[[]]), "home" %in% Reductions(found$sc),
  is.data.frame(found$scores)
)

found <- result("spacexr", demo$sc, demo$st)
stopifnot(sumsToOne(assay(found$types, "proportion")))

found <- result("CARD", demo$sc, demo$st)
stopifnot(
  sumsToOne(assay(found$types, "proportion")),
  is(found$tissue, "SpatialExperiment"),
  "homespot_radius" %in% names(colData(found$tissue)),
  nrow(found$slots) == ncol(demo$sc)
)
