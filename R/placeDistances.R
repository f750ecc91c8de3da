#' How far found places are from true ones
#'
#' @description
#' `placeDistances()` is the mean distance between true and found places of
#' cells (Tran et al., section 3.2).
#' `kdeDivergence()` compares, for every type of cell, the density of the found
#' places with that of the true ones: the Kullback-Leibler divergence, in nats,
#' of two Gaussian kernel density estimates (Scott's bandwidth) on one grid of
#' 50 x 50 over both sets, each scaled to sum to 1: the sum of P log(P / Q), P
#' the true one (Tran et al., appendix A).
#'
#' @param true,found Places: cells by two or three coordinates, a matrix or a
#'   data frame; or a SpatialExperiment of cells, as [placeCells()] returns it,
#'   or a Seurat object with an image or a reduction `"spatial"`.
#'   Cells are matched by name; those that only `true` has are left out.
#'   Without names they are taken in order.
#' @param labels Type of every cell of `true`: one label a cell, in its order
#'   or named by cell, or the name of a column of `colData(true)`.
#'
#' @return `placeDistances()`: the means `euclidean` and `manhattan`, in the
#'   unit of the coordinates.
#'   `kdeDivergence()`: one number a type, named; `NaN` for types whose places
#'   span no area (fewer than 3 cells, or all in line).
#'   The numbers are those of Python's `metrics.distances()` and
#'   `metrics.kde_divergence()`, to the byte.
#'
#' @section Errors:
#' Of class `homespot_input_error` if places are not finite, do not have the
#' same number of coordinates, or cells of `found` are not in `true`.
#'
#' @examplesIf homespot::hasPython()
#' set.seed(1)
#' true <- matrix(rnorm(80), 40, dimnames = list(paste0("cell", 1:40), NULL))
#' found <- true + rnorm(80, sd = 0.1)
#' placeDistances(true, found)
#' kdeDivergence(true, found, rep(c("a", "b"), 20))
#'
#' @export
placeDistances <- function(true, found) {
  pair <- .placePair(true, found)
  unlist(.toR(.call("distances", pair$true, pair$found)))
}

#' @rdname placeDistances
#' @export
kdeDivergence <- function(true, found, labels) {
  true <- .seuratShell(true)
  pair <- .placePair(true, found)
  .refuseIf(
    missing(labels) || is.null(labels), "labels of the cells", "none",
    "Pass one label a cell of `true`."
  )
  data <- if (is(true, "SummarizedExperiment")) colData(true)
  labels <- .valuesOfTable(labels, "labels", data, "cell", "colData(true)")
  value <- .toR(.call(
    "kde_divergence", pair$true, pair$found, labels,
    if (!is.null(pair$cells)) as.list(pair$cells), pair$taken - 1L, pair$n
  ))
  stats::setNames(value$kl, value$types)
}

# True and found places of the same cells.
.placePair <- function(true, found) {
  true <- .cellPlaces(true, "true")
  found <- .cellPlaces(found, "found")
  cells <- rownames(found)
  n <- nrow(true)
  taken <- seq_len(n)
  .refuseIf(
    is.null(cells) != is.null(rownames(true)),
    "names of the cells in both tables of places, or in none",
    sprintf("none in `%s`", if (is.null(cells)) "found" else "true"),
    "Set rownames()."
  )
  if (!is.null(cells)) {
    .requireInTrue(cells, rownames(true), "cells")
    taken <- match(cells, rownames(true))
    true <- true[taken, , drop = FALSE]
  }
  list(
    true = unname(true), found = unname(found), cells = cells, taken = taken,
    n = n
  )
}
