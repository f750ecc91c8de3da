#' Labels of the spots for the cells
#'
#' @description
#' The probability of label l for cell i is the sum of P\[i, j\] over the spots
#' j with this label, over the sum of the row (less than 1 where the map was
#' truncated).
#'
#' @param map A [CellMapping-class].
#' @param labels Label of every spot (layer, domain, region): name of a column
#'   of `colData(map)`, a vector or factor named by spot (in any order), or one
#'   label a spot in the map's order.
#'
#' @return A SingleCellExperiment, labels by cells.
#'   Assay `"probability"`: every column sums to 1.
#'   colData has the map's cells with `homespot_label` and
#'   `homespot_label_prob`, the most probable label (the first of equals) and
#'   its probability; rowData has `n_spots`, the number of spots with each
#'   label.
#'
#' @section Errors:
#' Of class `homespot_input_error` if labels do not fit the map's spots, are
#' missing for some, or a cell has no probability on any spot of the map.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' x <- SpatialExperiment::spatialCoords(map)[, 1]
#' labels <- annotateCells(map, ifelse(x < 0, "left", "right"))
#' labels
#' table(labels$homespot_label)
#'
#' @export
annotateCells <- function(map, labels) {
  .requireMapping(map)
  value <- .call(
    "annotate_cells", .mappingToPython(map),
    .labelsToPython(labels, map, "spot")
  )
  cells <- .withFound(rowData(map), value$get("columns"))
  names <- .toR(value$get("rows"))
  probability <- .fromPython(value$get("x"))
  dimnames(probability) <- list(names, rownames(map))
  SingleCellExperiment(
    list(probability = probability),
    rowData = .resultRows(NULL, value, names), colData = cells,
    metadata = .recordAs(mappingInfo(map))
  )
}
