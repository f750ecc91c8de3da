#' Subset a map
#'
#' @description
#' `map[cells, spots]` keeps the map valid: the mass of the spots that are
#' dropped is added to the cells' `homespot_left_over`, so that row sum +
#' left-over stays 1.
#' `homespot_dropped` in the rowData says how much that was for each cell.
#' If the spots that are dropped held more of a cell than the others do, the
#' cell has a place among the others, but no radius, and it is not confident.
#' The rows are not scaled up again; [renormalise()] does that, if asked.
#'
#' @param x A [CellMapping-class].
#' @param i Cells, as for any SummarizedExperiment.
#' @param j Spots.
#' @param ... Not used.
#' @param drop Not used.
#' @param withDimnames As in [SummarizedExperiment::assays()].
#' @param value New assays; the result has to be valid.
#'
#' @return A [CellMapping-class].
#'
#' @section Errors:
#' A cell or a spot taken more than once is an error of class
#' `homespot_input_error`.
#'
#' @examples
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ))
#' SummarizedExperiment::rowData(map[, "spot1"])
#'
#' @rdname CellMapping-subset
#' @aliases [,CellMapping,ANY,ANY,ANY-method
#' @export
setMethod(
  "[", c("CellMapping", "ANY", "ANY", "ANY"),
  function(x, i, j, ..., drop = FALSE) {
    ofSpots <- !missing(j)
    if (missing(i)) {
      i <- seq_len(nrow(x))
    }
    if (!ofSpots) {
      j <- seq_len(ncol(x))
    }
    out <- .asSpatial(x)[i, j]
    .requireOnce(rownames(out), "cells")
    .requireOnce(colnames(out), "spots")
    if (ofSpots) {
      left <- 1 - .rangeAndSums(.mapping(out))$sums
      left <- pmin(pmax(left, 0), 1)
      lost <- left - rowData(out)[[.keys$LEFT_OVER]]
      rowData(out)[[.keys$DROPPED]] <- .dropped(out) +
        ifelse(lost > .rounding, lost, 0)
      rowData(out)[[.keys$LEFT_OVER]] <- left
      whole <- startsWith(names(rowData(out)), .keys$WHOLE)
      rowData(out) <- rowData(out)[!whole]
    }
    .asCellMapping(out)
  }
)

# The mass of every cell on spots that were taken out of a map.
.dropped <- function(map) {
  found <- rowData(map)[[.keys$DROPPED]]
  if (is.null(found)) {
    return(rep(0, nrow(map)))
  }
  ifelse(is.na(found), 0, found)
}

# The sums of a map's rows are exact up to this.
.rounding <- 1e-6

.requireOnce <- function(names, what) {
  twice <- unique(names[duplicated(names)])
  .refuseIf(
    length(twice), sprintf("every one of the %s once", what),
    sprintf("%d more than once (%s)", length(twice), .some(twice)),
    "Take each of them once."
  )
}

#' @rdname CellMapping-subset
#' @export
setReplaceMethod(
  "assays", c("CellMapping", "list"),
  function(x, withDimnames = TRUE, ..., value) {
    x <- .asSpatial(x)
    assays(x, withDimnames = withDimnames, ...) <- value
    .asCellMapping(x)
  }
)

#' @rdname CellMapping-subset
#' @export
setReplaceMethod(
  "assays", c("CellMapping", "SimpleList"),
  function(x, withDimnames = TRUE, ..., value) {
    x <- .asSpatial(x)
    assays(x, withDimnames = withDimnames, ...) <- value
    .asCellMapping(x)
  }
)
