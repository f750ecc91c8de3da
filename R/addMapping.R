#' Put a map into the user's object
#'
#' @description
#' Returns a copy of `x` with the map in it, under the field's usual names.
#'
#' Where the columns of `x` are the mapped cells: colData gets
#' `homespot_spot` (name of the home spot), `homespot_prob` (its probability),
#' `homespot_entropy`; for a map with coordinates `homespot_x`, `homespot_y`
#' (and `homespot_z`), `homespot_spread`, `homespot_radius` and
#' `homespot_confident`, as [placeCells()] has them; and `homespot_left_over`;
#' `reducedDim(x, "homespot")` is P, cells by spots, each row summing to 1 less
#' the left-over.
#'
#' Where they are the spots: colData gets `homespot_cells` (the expected
#' number of cells, the column sum of P), and `altExp(x, "homespot")` is the
#' map, cells by spots, as a plain SpatialExperiment: `x` can be subset and
#' combined like any other.
#' `as(altExp(x, "homespot"), "CellMapping")` makes a map of it again; what
#' spots that have been taken out held goes into the left-over.
#'
#' In both cases `metadata(x)$homespot` is the run's record.
#'
#' @param x A SummarizedExperiment, SingleCellExperiment or SpatialExperiment
#'   with the data that was mapped; it is not changed.
#'   A plain SummarizedExperiment has no place for the matrix, and gets the
#'   columns and the record only.
#' @param map A [CellMapping-class].
#' @param ... Not used.
#'
#' @return `x`, with the map in it.
#'   Cells or spots that were dropped before mapping get missing values and
#'   rows of zeros.
#'
#' @section Errors:
#' Of class `homespot_input_error` if `x` holds neither all mapped cells nor
#' all spots, or both, if names of its columns occur more than once, if
#' coordinates are not finite, or if a cell has no probability on any spot of
#' the map.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' sce <- addMapping(demo$sc, map)
#' SummarizedExperiment::colData(sce)[1:3, c("homespot_spot", "homespot_prob")]
#' spe <- addMapping(demo$st, map)
#' SingleCellExperiment::altExp(spe, "homespot")
#'
#' @name addMapping
#' @export
setGeneric(
  "addMapping", function(x, map, ...) standardGeneric("addMapping"),
  signature = "x"
)

#' @rdname addMapping
#' @export
setMethod("addMapping", "SummarizedExperiment", function(x, map, ...) {
  .requireMapping(map)
  .distinctColumns(x, "cells or spots")
  ofCells <- all(rownames(map) %in% colnames(x))
  ofSpots <- all(colnames(map) %in% colnames(x))
  if (ofCells == ofSpots) {
    .refuse(
      sprintf(
        "data with all mapped cells (%s) or all spots (%s)",
        .some(rownames(map)), .some(colnames(map))
      ),
      if (ofCells) {
        "the names of both"
      } else if (is.null(colnames(x))) {
        "columns without names"
      } else {
        .some(colnames(x))
      },
      paste0(
        "Pass one of the two data sets that were mapped",
        if (ofCells) ", with cells and spots named differently", "."
      )
    )
  }
  x <- if (ofCells) .addToCells(x, map) else .addToSpots(x, map)
  metadata(x)[[.keys$HOMESPOT]] <- mappingInfo(map)
  x
})

#' @rdname addMapping
#' @export
setMethod("addMapping", "ANY", function(x, map, ...) {
  .refuse(
    "a SummarizedExperiment, SingleCellExperiment or SpatialExperiment",
    .describe(x), "Wrap a matrix in one first."
  )
})

.requireMapping <- function(map) {
  if (!is(map, "CellMapping")) {
    .refuse(
      "a CellMapping", .describe(map),
      "Give what mapCells() or loadMapping() returned."
    )
  }
  map
}

# A name that stands there twice could be either.
.distinctColumns <- function(x, what) {
  twice <- unique(colnames(x)[duplicated(colnames(x))])
  if (length(twice)) {
    .refuse(
      sprintf("unique names of %s", what),
      sprintf("%s more than once", .some(twice)), "Rename or drop the others."
    )
  }
}

.addToCells <- function(x, map) {
  default <- formals(placeCells)
  table <- .cellTable(
    map, default$position, default$k, default$level, default$max.radius
  )
  table[[.keys$LEFT_OVER]] <- rowData(map)[[.keys$LEFT_OVER]]
  at <- match(colnames(x), rownames(map))
  for (name in names(table)) {
    colData(x)[[name]] <- table[[name]][at]
  }
  if (is(x, "SingleCellExperiment")) {
    p <- mappingMatrix(map)
    reducedDim(x, .keys$HOMESPOT) <- if (anyNA(at)) {
      .spreadRows(p, at, colnames(x))
    } else {
      p[at, , drop = FALSE]
    }
  }
  x
}

.addToSpots <- function(x, map) {
  at <- match(colnames(x), colnames(map))
  mass <- unname(colSums(.mapping(map)))
  colData(x)[[.keys$SPOT_CELLS]] <- mass[at]
  if (is(x, "SingleCellExperiment")) {
    # As what it extends: the rules for subsetting and binding a map are not
    # those of x.
    altExp(x, .keys$HOMESPOT) <- .plain(if (anyNA(at)) {
      .withEmptySpots(map, x, at)
    } else {
      map[, at]
    })
  }
  x
}

# Rows in the order of `at`; those that were not mapped are empty.
.spreadRows <- function(p, at, names) {
  mapped <- which(!is.na(at))
  place <- Matrix::sparseMatrix(
    i = mapped, j = at[mapped], x = 1, dims = c(length(at), nrow(p))
  )
  out <- place %*% p
  if (is.matrix(p)) {
    out <- as.matrix(out)
  }
  dimnames(out) <- list(names, colnames(p))
  out
}

# The map with columns of zeros for the spots of x that were not mapped.
.withEmptySpots <- function(map, x, at) {
  p <- t(.spreadRows(t(mappingMatrix(map)), at, colnames(x)))
  shared <- intersect(names(colData(map)), names(colData(x)))
  spots <- colData(x)[shared]
  spots$sample_id <- if (is.null(x$sample_id)) {
    ifelse(is.na(at), map$sample_id[1L], map$sample_id[at])
  } else {
    x$sample_id
  }
  coords <- spatialCoords(map)[at, , drop = FALSE]
  own <- .ownCoordinates(x)
  if (ncol(coords) > 0L && identical(dim(own), dim(coords))) {
    coords[is.na(at), ] <- own[is.na(at), ]
  }
  .valid(.newMapping(
    p, rownames(map), colnames(x), rowData(map), spots, coords,
    mappingInfo(map)
  ))
}
