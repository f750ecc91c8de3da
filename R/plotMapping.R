#' Where a map puts a cell, or the cells of a label
#'
#' @param map A [CellMapping-class] with coordinates of the spots.
#' @param cell Name of the cell whose probabilities are drawn.
#' @param label Label, such as a cell type, whose cells are drawn together:
#'   the sum of their rows of P, the expected number of cells of this label at
#'   the spot.
#' @param labels The labels of the cells, of which `label` is one: name of a
#'   column of rowData(map), or a vector with one label for each cell; one with
#'   names is matched to the cells by name.
#' @inheritParams plotSpots
#'
#' @return A ggplot as that of [plotSpots()], whose `value` is the probability
#'   of the cell, or the expected number of cells of the label.
#'   Over all spots it sums to 1, or to their number, less what was left out of
#'   the rows.
#'
#' @inheritSection plotSpots Images
#' @inheritSection plotSpots Many points
#'
#' @section Errors:
#' Of class `homespot_input_error` if not exactly one of `cell` and `label` is
#' given, or the map has no such cell, column or label, or no coordinates; and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [mapCells()], [plotCells()].
#'
#' @examplesIf homespot::hasPython() && rlang::is_installed("ggplot2")
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' plotMapping(map, cell = "cell0001", unit = "um")
#' plotMapping(map, label = demo$sc$cell_type[1], labels = "cell_type")
#'
#' @export
plotMapping <- function(
    map, cell = NULL, label = NULL, labels = NULL, unit = NULL, size = NULL) {
  .requireMapping(map)
  .refuseIf(
    is.null(cell) == is.null(label), "one of `cell` and `label`",
    if (is.null(cell)) "neither" else "both", "Give one of them."
  )
  .requireCoordinates(map)
  rows <- if (is.null(label)) {
    .cellRow(map, cell)
  } else {
    .labelRows(map, label, labels)
  }
  p <- colSums(.mapping(map)[rows, , drop = FALSE])
  name <- if (is.null(label)) {
    paste0("probability\nof ", cell)
  } else {
    paste0("expected\ncells of ", label)
  }
  plotSpots(map, unname(p), name, unit = unit, size = size)
}

.cellRow <- function(map, cell) {
  .checkString(cell, "cell")
  .refuseIf(
    !cell %in% rownames(map), "the name of a cell of the map",
    sprintf("'%s'", cell), sprintf("Its cells are %s.", .some(rownames(map)))
  )
  match(cell, rownames(map))
}

# The cells that have a label.
.labelRows <- function(map, label, labels) {
  .checkString(label, "label")
  found <- .call(
    "labels_of", .labelsToPython(labels, map, "cell"), as.list(rownames(map))
  )
  labels <- as.character(.columnFromPython(.fetch(found)))
  rows <- which(labels == label)
  .refuseIf(
    !length(rows), "a label of the map's cells", sprintf("'%s'", label),
    sprintf("There are %s.", .some(sort(unique(labels)), 10L))
  )
  rows
}
