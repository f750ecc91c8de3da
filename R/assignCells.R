#' Assign every cell to one spot, within the spots' capacities
#'
#' @description
#' Of all assignments a with at most c\[j\] cells at spot j, the one with the
#' largest sum of log P\[i, a(i)\]: the most probable, were the cells placed
#' independently of one another by P.
#' It is exact (Jonker and Volgenant 1987; Crouse 2016) for the spots that are
#' considered; a cell is never assigned to a spot on which its row has nothing.
#'
#' @param map A [CellMapping-class].
#' @param capacity How many cells a spot can take: `NULL`, the expected number
#'   of cells (the column sums of P, rounded by the largest remainders so that
#'   they sum to the number of cells); a whole number for every spot (1: one
#'   cell a spot); or one whole number a spot, in the map's order, named by
#'   spot in any order, or as the name of a column of `colData(map)`.
#' @param candidates How many of its most probable spots are considered for
#'   every cell.
#'   `NULL`: all, up to 25 million pairs of a cell and a place (seconds); beyond
#'   that 50, more where they have no room for all cells, and a warning says so.
#'   Of a truncated map a cell's own entries are all there is.
#'
#' @return A DataFrame, one row a cell: `homespot_assigned`, the name of its
#'   spot; `homespot_prob`, its probability there; where the map has
#'   coordinates, those of the spot, `homespot_x`, `homespot_y` (and
#'   `homespot_z`).
#'
#' @section Errors:
#' Of class `homespot_input_error` if there is not room for all cells, in all or
#' at spots on which they have some probability; `homespot_too_large_error` if
#' the costs do not fit in memory: 10 bytes a pair of a cell and a place if all
#' pairs are considered, else 60.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)[1:300, ]
#' assigned <- assignCells(map, capacity = 1L)
#' head(assigned)
#' max(table(assigned$homespot_assigned))
#'
#' @export
assignCells <- function(map, capacity = NULL, candidates = NULL) {
  .requireMapping(map)
  if (is.numeric(capacity)) {
    capacity <- .wholes(capacity)
  }
  if (!is.null(candidates)) {
    candidates <- .checkWhole(candidates, "candidates", 1L)
  }
  one <- is.numeric(capacity) && length(capacity) == 1L &&
    is.null(names(capacity))
  value <- .call(
    "assign_cells", .mappingToPython(map),
    if (one) capacity else .valuesToPython(capacity, "capacities", map, "spot"),
    candidates = candidates
  )
  .tableFromPython(value)
}
