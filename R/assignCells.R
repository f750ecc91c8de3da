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
  .core()
  one <- is.numeric(capacity) && length(capacity) == 1L &&
    is.null(names(capacity))
  value <- .call(
    "assign_cells", .mappingToPython(map),
    if (one) capacity else .valuesToPython(capacity, "capacities", map, "spot"),
    candidates = candidates
  )
  .tableFromPython(value)
}

#' The places of every cell, several where its row of P has several modes
#'
#' @description
#' Read as the default position of [placeCells()] is, from the `k` most probable
#' spots with the squares of their probability, scaled to sum to 1.
#' The spot whose neighbourhood, all spots within `reach` pitches of it, is
#' heaviest (the first of equals) gives the first mode: its share is that
#' weight, its place the weighted mean of the neighbourhood.
#' That is taken away, and what is left gives the next.
#'
#' @param map A [CellMapping-class] with coordinates of the spots.
#' @param n.modes How many modes a cell has at most.
#' @param min.share Least share of a second or later mode.
#' @param reach Radius of a neighbourhood, in pitches: median distances of a
#'   spot from its nearest neighbour.
#' @param k How many spots are taken.
#'
#' @return A data.frame, one row a mode, ordered by cell: `cell`, its name;
#'   `mode`, 1 for the heaviest; `share`; and its place, `x`, `y` (and `z`), in
#'   the unit of the spots' coordinates.
#'   The shares of a cell sum to at most 1.
#'   Where the spots lie in several sections the column `section` follows
#'   `cell`: the modes are those in the cell's section (see [placeCells()]), and
#'   of a cell whose section is not known those in every section, whose shares
#'   sum to at most 1 in each.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the map has no coordinates or a parameter
#' is not as described.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' head(cellModes(map))
#'
#' @export
cellModes <- function(map, n.modes = 3L, min.share = 0.1, reach = 3, k = 20L) {
  .requireMapping(map)
  value <- .call(
    "cell_modes", .mappingToPython(map),
    n_modes = .checkWhole(n.modes, "n.modes", 1L), min_share = min.share,
    reach = reach, k = .checkWhole(k, "k", 1L)
  )
  as.data.frame(.columnsFromPython(value$get("columns")))
}

# Whole numbers given as doubles; others are left to the core, which refuses
# them.
.wholes <- function(x) {
  whole <- is.finite(x) & x == round(x) & abs(x) <= .Machine$integer.max
  if (length(x) && all(whole)) {
    names <- names(x)
    x <- as.integer(x)
    names(x) <- names
  }
  x
}

.tableFromPython <- function(value) {
  columns <- .columnsFromPython(value$get("columns"))
  rows <- .toR(value$get("rows"))
  out <- .frame(columns, length(rows))
  rownames(out) <- rows
  out
}
