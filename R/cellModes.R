#' The places of every cell, several where its row of P has several modes
#'
#' @description
#' Read as the default position of [placeCells()] is without a sharpness, from
#' the `k` most probable spots with the squares of their probability, scaled to
#' sum to 1.
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
