#' @rdname renormalise
#' @export
setGeneric("renormalise", function(map, ...) standardGeneric("renormalise"))

#' Scale the rows of a map to sum to 1
#'
#' What a row leaves out (`homespot_left_over`) is kept as a number, and never
#' silently divided away.
#' This function does it, explicitly: P\[i, \] / sum(P\[i, \]).
#' If `k.best` has cut rows short, `homespot_cut` of the rowData keeps how much
#' of each, as what was cut off may lie anywhere: where rows are read by their
#' sharpness, these cells still have no radius.
#'
#' @param map A [CellMapping-class].
#' @param ... Not used.
#'
#' @return A [CellMapping-class] whose rows sum to 1, with a left-over of 0.
#'
#' @section Errors:
#' A cell whose row is empty cannot be scaled: an error of class
#' `homespot_input_error` names such cells.
#'
#' @examplesIf homespot::hasPython()
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ))
#' mappingMatrix(renormalise(map[, "spot1"]))
#'
#' @name renormalise
#' @aliases renormalise,CellMapping-method renormalise,ANY-method
#' @export
setMethod("renormalise", "CellMapping", function(map, ...) {
  typed <- .asSpatial(map)
  if (is.null(.record(map)$dtype)) {
    # Made by hand, in R's doubles.
    metadata(typed)[[.keys$HOMESPOT]]$dtype <- "float64"
  }
  found <- .call("row_factors", .mappingToPython(typed))
  factors <- .toR(found$get("factors"))
  out <- .asSpatial(map)
  assays(out, withDimnames = FALSE)[[.mappingAssay]] <-
    .timesRows(.mapping(map), factors, .record(map)$dtype)
  rowData(out)[[.keys$LEFT_OVER]] <- rep(0, nrow(out))
  rowData(out)[[.keys$DROPPED]] <- NULL
  rowData(out)[[.keys$CUT]] <-
    .columnsFromPython(found$get("cells"))[[.keys$CUT]]
  .asCellMapping(out)
})

#' @export
setMethod("renormalise", "ANY", function(map, ...) .requireMapping(map))

# Every row of P times its factor, in the class of P and in the type that the
# map was computed with. The product of two float32 is exact in a double, so
# rounding it once gives the product that Python has. A delayed P stays delayed,
# in doubles; one that is made of potentials gets others.
.timesRows <- function(p, factors, dtype) {
  made <- .potentialsOf(p)
  if (!is.null(made)) {
    made@ofCells <- made@ofCells - log(factors)
    return(DelayedArray::DelayedArray(made))
  }
  round <- if (identical(dtype, "float32")) .single else identity
  if (is(p, "Matrix")) {
    p <- as(as(p, "CsparseMatrix"), "generalMatrix")
    p@x <- round(p@x * factors[p@i + 1L])
  } else if (is.matrix(p)) {
    for (column in seq_len(ncol(p))) {
      p[, column] <- round(p[, column] * factors)
    }
  } else {
    p <- p * factors
  }
  p
}

# The nearest float32.
.single <- function(x) {
  readBin(
    writeBin(as.double(x), raw(), size = 4L), "double", length(x), size = 4L
  )
}
