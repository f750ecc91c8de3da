# Map the demo data in R and compare with the map that Python wrote:
#   Rscript inst/scripts/demo.R <folder with map.h5ad>
suppressPackageStartupMessages(library(homespot))

folder <- commandArgs(trailingOnly = TRUE)[1]
demo <- demoData()
map <- mapCells(demo$sc, demo$st, method = "ssa")
tissue <- placeCells(map, demo$sc, as = "SpatialExperiment")
python <- loadMapping(file.path(folder, "map.h5ad"))

same <- c(
  "map" = identical(mappingMatrix(map), mappingMatrix(python)),
  "home spots" = identical(homeSpot(map), homeSpot(python)),
  "places" = identical(
    SpatialExperiment::spatialCoords(tissue),
    SpatialExperiment::spatialCoords(
      placeCells(python, demo$sc, as = "SpatialExperiment")
    )
  )
)
truth <- as.data.frame(SummarizedExperiment::colData(demo$sc))
truth <- as.matrix(truth[c("true_x", "true_y")])
off <- function(places) mean(sqrt(rowSums((places - truth)^2)))
# What chance gives: any spot.
set.seed(1)
spots <- SpatialExperiment::spatialCoords(map)
anywhere <- spots[sample(nrow(spots), nrow(truth), replace = TRUE), ]

print(map)
cat(sprintf(
  paste(
    "\nMean distance from where the cells really sat: %.0f um",
    "(at random spots: %.0f um)\n"
  ),
  off(SpatialExperiment::spatialCoords(tissue)), off(anywhere)
))
for (what in names(same)) {
  verdict <- if (same[[what]]) "the same, to the byte" else "DIFFERENT"
  cat(sprintf("R and Python, %s: %s\n", what, verdict))
}
quit(status = !all(same))
