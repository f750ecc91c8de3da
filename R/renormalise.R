#' @rdname renormalise
#' @export
setGeneric("renormalise", function(map, ...) standardGeneric("renormalise"))

#' Scale the rows of a map to sum to 1
#'
#' What a row leaves out (`homespot_left_over`) is kept as a number, and never
#' silently divided away.
#' This function does it, explicitly: P\[i, \] / sum(P\[i, \]).
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
#' @examples
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ))
#' mappingMatrix(renormalise(map[, "spot1"]))
#'
#' @name renormalise
#' @aliases renormalise,CellMapping-method
#' @export
setMethod("renormalise", "CellMapping", function(map, ...) {
  p <- .mapping(map)
  total <- unname(rowSums(p))
  empty <- rownames(map)[total == 0]
  if (length(empty)) {
    .refuse(
      "rows with a sum above 0",
      sprintf("%d of %d cells without (%s)", length(empty), nrow(map), .some(
        empty
      )),
      "Leave these cells out, or keep the spots they sit at."
    )
  }
  out <- .plain(map)
  assays(out, withDimnames = FALSE)[[.mappingAssay]] <-
    .scaleRows(p, 1 / total)
  rowData(out)[[.keys$LEFT_OVER]] <- rep(0, nrow(out))
  rowData(out)[[.keys$DROPPED]] <- NULL
  .valid(out)
})

# Rows times a factor each, in the matrix's own class.
.scaleRows <- function(p, factor) {
  if (is(p, "Matrix")) {
    p <- as(as(p, "CsparseMatrix"), "generalMatrix")
    p@x <- p@x * factor[p@i + 1L]
    p
  } else {
    p * factor
  }
}
