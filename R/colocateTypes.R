#' Which cell types share spots, and how far cells are from one another
#'
#' @param map A [CellMapping-class]; distances need one with coordinates.
#' @param labels Type of every cell, as for [deconvolveSpots()].
#' @param cells Names of cells; `NULL` is all.
#'
#' @return A symmetric matrix.
#'
#'   `colocateTypes()`: types by types, the Pearson correlation of their
#'   proportions over all spots with any mass, from -1 to 1.
#'   A type with the same proportion everywhere has 0 with every other.
#'   Proportions sum to 1, so with few types even those that ignore one another
#'   are correlated negatively.
#'   Where the spots lie in several sections, the mean proportion of each is
#'   taken away first: types that share a section and not its spots are not
#'   correlated by it.
#'
#'   `typeDistances()`: types by types, the expected distance of two cells of
#'   these types, in the unit of the coordinates.
#'   With Q\[t, j\] the share of type t's mass that sits at spot j,
#'   E\[s, t\] is the sum over j and k of Q\[s, j\] d(j, k) Q\[t, k\]: the cells
#'   are drawn from the map one independently of the other.
#'   The diagonal is the distance of two cells of one type: how far it is
#'   spread.
#'   P is taken as it is, so a softer map has larger distances, and one of the
#'   `k.best` entries smaller ones; compare types under one map.
#'   Of several sections the cells are two of one section; types that share none
#'   have `NA`.
#'
#'   `cellDistances()`: cells by cells, the expected distances of single cells,
#'   in the same way from the rows of P over their sums.
#'   The diagonal is the distance of two draws from a cell's own row: 0 for a
#'   cell whose spot is certain.
#'   Cells of different sections have `NA`.
#'
#' @section Errors:
#' Of class `homespot_input_error` if labels do not fit the map's cells, or a
#' distance is asked of a map without coordinates; `homespot_too_large_error`
#' if the distances of so many cells would not fit into memory.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' round(colocateTypes(map, "cell_type"), 2)
#' round(typeDistances(map, "cell_type"))
#' round(cellDistances(map, rownames(map)[1:3]))
#'
#' @export
colocateTypes <- function(map, labels) {
  .square("colocate_types", map, .labelsToPython(labels, map, "cell"))
}

#' @rdname colocateTypes
#' @export
typeDistances <- function(map, labels) {
  .square("type_distances", map, .labelsToPython(labels, map, "cell"))
}

#' @rdname colocateTypes
#' @export
cellDistances <- function(map, cells = NULL) {
  .square("cell_distances", map, .namesToPython(cells, "cells"))
}

.square <- function(verb, map, what) {
  .requireMapping(map)
  value <- .call(verb, .mappingToPython(map), what)
  found <- .fromPython(value)
  found[is.nan(found)] <- NA_real_
  names <- .toR(value$get("rows"))
  dimnames(found) <- list(names, names)
  found
}
