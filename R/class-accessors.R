#' @rdname mappingMatrix
#' @export
setGeneric(
  "mappingMatrix",
  function(map, ...) standardGeneric("mappingMatrix")
)

#' @rdname homeSpot
#' @export
setGeneric("homeSpot", function(map, ...) standardGeneric("homeSpot"))

#' @rdname mappingInfo
#' @export
setGeneric("mappingInfo", function(map, ...) standardGeneric("mappingInfo"))

#' The matrix of a map
#'
#' @param map A [CellMapping-class] of M cells and N spots.
#' @param ... Not used.
#'
#' @return P, a matrix of M cells by N spots with their names, in the class in
#'   which it is stored (matrix, dgCMatrix, DelayedMatrix).
#'   Rows sum to 1 - `homespot_left_over`, columns to the number of cells
#'   expected at each spot.
#'   Divide by `colSums()` to have columns that sum to 1.
#'
#' @examples
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ))
#' mappingMatrix(map)
#'
#' @name mappingMatrix
#' @aliases mappingMatrix,CellMapping-method mappingMatrix,ANY-method
#' @export
setMethod("mappingMatrix", "CellMapping", function(map, ...) {
  assay(map, .mappingAssay, withDimnames = TRUE)
})

#' @export
setMethod("mappingMatrix", "ANY", function(map, ...) .requireMapping(map))

#' The home spot of every cell
#'
#' @param map A [CellMapping-class] of M cells and N spots.
#' @param ... Not used.
#'
#' @return A character vector of M spot names, named by cell: the most
#'   probable spot of every cell, the first of several that are equal.
#'   `NA` for a cell whose row is empty.
#'   Where the spots lie in several sections it is that of the cell's section,
#'   as `homespot_spot` of [placeCells()], and `NA`, with a warning, for a cell
#'   whose section is not known.
#'
#' @examples
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ))
#' homeSpot(map)
#'
#' @name homeSpot
#' @aliases homeSpot,CellMapping-method homeSpot,ANY-method
#' @export
setMethod("homeSpot", "CellMapping", function(map, ...) {
  if (.severalFrames(map)) {
    found <- .columnsFromPython(.call("home_spots", .mappingToPython(map)))
    return(stats::setNames(found[[.keys$SPOT]], rownames(map)))
  }
  best <- .columnOfLargest(.mapping(map))
  stats::setNames(colnames(map)[best], rownames(map))
})

#' @export
setMethod("homeSpot", "ANY", function(map, ...) .requireMapping(map))

# Whether the spots lie in several sections, each in a frame of its own. That
# is asked of the core where a column could name sections.
.severalFrames <- function(map) {
  if (isTRUE(.record(map)$shared_frame)) {
    return(FALSE)
  }
  divides <- vapply(as.list(colData(map)), function(column) {
    n <- 0L
    if (is.null(dim(column))) {
      n <- length(unique(column[!is.na(column)]))
    }
    n >= 2L && n <= max(2L, ncol(map) %/% 2L)
  }, NA)
  any(divides) && .toR(.call(
    "several_sections", .mappingToPython(.asSpatial(map)[0L, ], p = FALSE)
  ))
}

#' The record of the run
#'
#' @param map A [CellMapping-class].
#' @param ... Not used.
#'
#' @return A named list: method, every parameter, seed, device, versions, the
#'   genes used, and how the solver ended.
#'
#' @examples
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ), info = list(method = "by hand"))
#' mappingInfo(map)$method
#'
#' @name mappingInfo
#' @aliases mappingInfo,CellMapping-method mappingInfo,ANY-method
#' @export
setMethod("mappingInfo", "CellMapping", function(map, ...) {
  .record(map)
})

#' @export
setMethod("mappingInfo", "ANY", function(map, ...) .requireMapping(map))

.record <- function(map) {
  as.list(metadata(map)[[.keys$HOMESPOT]])
}

# Column of the largest entry of every row, the first of equal ones, NA where
# all are 0.
.columnOfLargest <- function(p) {
  if (is.matrix(p)) {
    if (ncol(p) == 0L) {
      return(rep(NA_integer_, nrow(p)))
    }
    best <- max.col(p, ties.method = "first")
    best[p[cbind(seq_len(nrow(p)), best)] == 0] <- NA
    return(best)
  }
  if (is(p, "Matrix")) {
    p <- as(p, "CsparseMatrix")
    entries <- which(p@x > 0)
    row <- p@i[entries] + 1L
    column <- rep(seq_len(ncol(p)), diff(p@p))[entries]
    first <- order(row, -p@x[entries], column)
    first <- first[!duplicated(row[first])]
    best <- rep(NA_integer_, nrow(p))
    best[row[first]] <- column[first]
    return(best)
  }
  grid <- rowAutoGrid(p)
  unlist(lapply(seq_along(grid), function(i) {
    .columnOfLargest(as.matrix(read_block(p, grid[[i]])))
  }))
}

# How the run ended, in a few words of the core. A map is shown without them
# where there is no Python to ask.
.endInBrief <- function(solver) {
  if (!length(solver) || !suppressMessages(hasPython())) {
    return("")
  }
  brief <- .endOfRun(solver)$brief
  if (nzchar(brief)) paste0(", ", brief) else ""
}

# What the core says of the end of a run: words, and the curves that it drew.
.endOfRun <- function(solver) {
  .toR(.call("ending", .recordToPython(as.list(solver))))
}

# Whether several sections were mapped by themselves or jointly, and how each
# ended.
.showSections <- function(object, info) {
  if (identical(info$combined, "sections")) {
    cat(sprintf(
      "sections: %d, each mapped by itself%s\n", length(info$parts),
      if (is.null(info$sections)) "" else sprintf(" (%s)", info$sections)
    ))
    for (name in names(info$parts)) {
      part <- info$parts[[name]]
      cat(sprintf(
        "  %s: %s%s\n", if (is.null(part$section)) name else part$section,
        if (is.null(part$method)) "unknown" else part$method,
        .endInBrief(part$solver)
      ))
    }
  } else if (!is.null(info$solver)) {
    section <- object[[.keys$SECTION]]
    what <- if (is.null(section)) "samples" else "sections"
    names <- unique(if (is.null(section)) object$sample_id else section)
    if (length(names) > 1L) {
      cat(sprintf("%s: %d, mapped jointly\n", what, length(names)))
    }
  }
}

setMethod("show", "CellMapping", function(object) {
  callNextMethod()
  info <- mappingInfo(object)
  method <- if (is.null(info$method)) "unknown" else info$method
  left <- rowData(object)[[.keys$LEFT_OVER]]
  cat(sprintf(
    "mapping: %d cells (rows) x %d spots (columns), %s\n",
    nrow(object), ncol(object), if (is.null(.potentialsOf(.mapping(object)))) {
      class(.mapping(object))[1L]
    } else {
      "rows made when they are read"
    }
  ))
  cat(sprintf("method: %s%s\n", method, .endInBrief(info$solver)))
  .showSections(object, info)
  if (length(left)) {
    cat(sprintf(
      "left over: %.4g on average, %.4g at most\n", mean(left), max(left)
    ))
  }
})
