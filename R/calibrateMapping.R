#' Whether places are as certain as they are said to be
#'
#' @description
#' Compares, where the true places are known, the stated level with the share
#' of cells whose true place lies within the radius for that level.
#'
#' @param map A [CellMapping-class] with coordinates of the spots; or what
#'   [placeCells()] returned, or a table with the columns `homespot_x`,
#'   `homespot_y` (`homespot_z`) and `homespot_radius`, with cells as row names.
#' @param truth True places: cells by coordinates, a matrix or a data frame with
#'   row names, or a SpatialExperiment or Seurat object of cells; in any order.
#'   Cells without are left out.
#' @param levels Levels at which to look, from 0.05 to 0.99.
#'   `NULL`: 0.5, 0.6, 0.7, 0.8, 0.9 and 0.95 of a map, whose radii are read at
#'   each, and `level` of places, which have the radii of this one alone.
#' @param level Level for which the radius of a table was made; of a map, that
#'   at which cells are confident.
#' @param confident Whether to count only the cells that are
#'   `homespot_confident`.
#'
#' @return A data.frame with one row a level: `level`; `share`, the observed
#'   share of cells within the radius of this level; and `cells`, how many were
#'   compared.
#'   The numbers are those of Python's `calibration()`, to the byte.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the map has no coordinates, columns are
#' missing, no cell has a true place, or a level is not as described.
#'
#' @seealso [plotCalibration()] draws it; [simulateSpots()] makes data with
#'   known places.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' data <- simulateSpots(demo$st, cells.per.spot = 4, n.parts = 4L)
#' map <- mapCells(data$sc, data$st)
#' truth <- SpatialExperiment::spatialCoords(demo$st)
#' rownames(truth) <- colnames(demo$st)
#' calibrateMapping(map, truth)
#'
#' @export
calibrateMapping <- function(
    map, truth, levels = NULL, level = 0.9, confident = FALSE) {
  .checkNumber(level, "level")
  .checkFlag(confident, "confident")
  .refuseIf(
    !is.null(levels) &&
      (!is.numeric(levels) || !length(levels) || anyNA(levels)),
    "levels as numbers", .describe(levels), "Pass one or several."
  )
  .refuseIf(
    missing(truth), "the true places of the cells", "none",
    "Pass them as `truth`."
  )
  truth <- .cellPlaces(truth, "truth")
  .refuseIf(
    is.null(rownames(truth)), "the true places with the names of the cells",
    "none", "Set rownames()."
  )
  if (is(map, "CellMapping")) {
    .requireCoordinates(map)
  }
  of <- if (is(map, "CellMapping")) {
    .mappingToPython(map)
  } else {
    .placeTable(.seuratShell(map))
  }
  .dataFrame(.call(
    "calibration", of,
    .call("places", unname(truth), as.list(rownames(truth))),
    if (!is.null(levels)) as.list(as.double(levels)),
    level = level, confident = confident
  ))
}

# The table of places, cells with their radius.
.placeTable <- function(x) {
  if (is(x, "SummarizedExperiment")) {
    cells <- colnames(x)
    x <- colData(x)
  } else {
    cells <- rownames(x)
  }
  .refuseIf(
    !(is.data.frame(x) || is(x, "DataFrame")) || is.null(cells),
    "a map, or places of cells with their names", .describe(x),
    "Pass what mapCells() or placeCells() returned."
  )
  known <- intersect(
    c(.keys$POSITIONS, .keys$RADIUS, .keys$CONFIDENT), names(x)
  )
  .call(
    "frame", .columnsToPython(as.list(x)[known], "places", identity),
    as.list(cells)
  )
}
