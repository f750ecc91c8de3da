#' Make a CellMapping
#'
#' The constructor, for maps that come from elsewhere.
#' [mapCells()] makes its own.
#'
#' @param mapping A matrix of M cells by N spots, dense or sparse, with names
#'   of both, entries in \[0, 1\] and rows that sum to at most 1.
#' @param coords Coordinates of the spots: a numeric matrix or data frame of N
#'   rows and two or three columns.
#'   Rows with names are matched to the spots by name, others are taken in
#'   order; columns as for [mapCells()].
#'   `NULL`: the map has no coordinates.
#' @param cells Annotation of the cells: a data frame of M rows, or `NULL`.
#' @param spots Annotation of the spots: a data frame of N rows, or `NULL`.
#'   A column `sample_id` names each spot's section.
#' @param left.over Numeric, one value for each cell: what the row leaves out.
#'   `NULL`: 1 - the row sum.
#' @param info The record of the run: a named list.
#'
#' @return A [CellMapping-class] of M rows and N columns.
#'   Where `spots` has no `sample_id`, all spots are of `"sample01"`, as in
#'   SpatialExperiment.
#'
#' @section Errors:
#' An error of class `homespot_input_error` where names are missing or stand
#' there more than once, entries are not within \[0, 1\], or row sum +
#' left-over is not 1 within 1e-4.
#'
#' @examples
#' p <- matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' )
#' CellMapping(p, coords = cbind(x = 1:2, y = c(0, 0)))
#'
#' @export
CellMapping <- function(
    mapping, coords = NULL, cells = NULL, spots = NULL, left.over = NULL,
    info = list()) {
  .refuseIf(
    length(dim(mapping)) != 2L || is.data.frame(mapping),
    "`mapping` to be a matrix of cells by spots", .describe(mapping),
    "Give a matrix, a dgCMatrix or a DelayedMatrix."
  )
  if (is.null(left.over)) {
    left.over <- pmin(pmax(1 - unname(rowSums(mapping)), 0), 1)
  }
  if (!is.numeric(left.over) || !length(left.over) %in% c(1L, nrow(mapping))) {
    .refuse(
      "`left.over` to be one number for every cell", .describe(left.over),
      "Leave it out: it is then what a row sum lacks of 1."
    )
  }
  cells <- .annotation(cells, nrow(mapping), "cells")
  cells[[.keys$LEFT_OVER]] <- left.over
  spots <- .annotation(spots, ncol(mapping), "spots")
  if (is.null(spots$sample_id)) {
    spots$sample_id <- rep("sample01", ncol(mapping))
  }
  names <- dimnames(mapping)
  .asCellMapping(.newMapping(
    mapping, names[[1L]], names[[2L]], cells, spots,
    .coordinates(coords, names[[2L]], ncol(mapping))$values, info
  ))
}
