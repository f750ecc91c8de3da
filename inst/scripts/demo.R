# Map the demo data in R and compare with the map that Python wrote:
#   Rscript inst/scripts/demo.R <folder with map.h5ad>
suppressPackageStartupMessages(library(homespot))

folder <- commandArgs(trailingOnly = TRUE)[1]
demo <- demoData()
map <- mapCells(demo$sc, demo$st, method = "ssa")
tissue <- placeCells(map, demo$sc, as = "SpatialExperiment")
python <- loadMapping(file.path(folder, "map.h5ad"))

same <- c(
  "the map" = identical(mappingMatrix(map), mappingMatrix(python)),
  "the home spots" = identical(homeSpot(map), homeSpot(python)),
  "the places" = identical(
    SpatialExperiment::spatialCoords(tissue),
    SpatialExperiment::spatialCoords(
      placeCells(python, demo$sc, as = "SpatialExperiment")
    )
  )
)
truth <- as.data.frame(SummarizedExperiment::colData(demo$sc))
truth <- as.matrix(truth[c("true_x", "true_y")])
off <- SpatialExperiment::spatialCoords(tissue) - truth

print(map)
cat(sprintf(
  "\nMean distance from where the cells really sat: %.0f um\n",
  mean(sqrt(rowSums(off^2)))
))
for (what in names(same)) {
  verdict <- if (same[[what]]) "is the same to the byte" else "DIFFERS"
  cat(sprintf("R and Python: %s %s\n", what, verdict))
}
quit(status = !all(same))
