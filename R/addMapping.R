#' Put a map, or what follows from it, into the user's object
#'
#' @description
#' Returns a copy of `x` with the map in it, under the field's usual names.
#' In place of the map it can be what [imputeGenes()], [deconvolveSpots()],
#' [fitTypes()] or [annotateCells()] returned.
#'
#' Where the columns of `x` are the mapped cells: colData gets
#' `homespot_spot` (name of the home spot), `homespot_prob` (its probability),
#' `homespot_entropy`; for a map with coordinates `homespot_near_spot`,
#' `homespot_x`, `homespot_y` (and `homespot_z`), `homespot_spread`,
#' `homespot_radius` and `homespot_confident`, and of several sections
#' `homespot_section` and `homespot_section_prob`, as [placeCells()] has them;
#' and `homespot_left_over`;
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
#' Imputed genes become `altExp(x, "imputed")`, genes by spots.
#' Proportions of types become `altExp(x, "types")`, types by spots, and colData
#' gets `homespot_type` and `homespot_type_prob`, and of [deconvolveSpots()]
#' `homespot_cells` and `homespot_confident_share`.
#' Labels of cells become `altExp(x, "labels")`, labels by cells, and colData
#' gets `homespot_label` and `homespot_label_prob`.
#'
#' In all cases `metadata(x)$homespot` is the run's record.
#'
#' @section Seurat objects:
#' The columns go to the metadata, the record to `Misc(x, "homespot")`, and each
#' matrix becomes the layer `data` of an assay, for `FeaturePlot()` and
#' `SpatialFeaturePlot()`, which goes along with `subset()` and `saveRDS()`:
#'
#' * `"homespot"`, the map: in an object of cells its features are the spots,
#'   in one of spots they are the cells;
#' * `"imputed"`, genes;
#' * `"types"` and `"labels"`, prediction assays as `TransferData()` of Seurat
#'   makes them: a feature for each type, and `max`, the largest of them; with
#'   the key `predictionscoretypes_`.
#'
#' An object of cells gets an image for every section as well, as by
#' [placeCells()].
#' Seurat has no `_` in names of features: it writes `-`, and warns.
#'
#' @param x A SummarizedExperiment, SingleCellExperiment, SpatialExperiment or
#'   Seurat object with the data that was mapped; it is not changed.
#'   A plain SummarizedExperiment has no place for the matrix, and gets the
#'   columns and the record only; what follows from a map it does not take.
#' @param map A [CellMapping-class], or what [imputeGenes()],
#'   [deconvolveSpots()], [fitTypes()] or [annotateCells()] returned.
#' @param ... Not used.
#'
#' @return `x`, with the map in it.
#'   Cells or spots that were dropped before mapping get missing values, and
#'   zeros in the map.
#'
#' @section Errors:
#' Of class `homespot_input_error` if `x` holds neither all mapped cells nor
#' all spots, or both, if names of its columns occur more than once, if
#' coordinates are not finite, if a cell has no probability on any spot of
#' the map, or if a Seurat object has something else under the name or the key
#' of the assay, or is to take genes that are on disk.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' sce <- addMapping(demo$sc, map)
#' SummarizedExperiment::colData(sce)[1:3, c("homespot_spot", "homespot_prob")]
#' spe <- addMapping(demo$st, map)
#' SingleCellExperiment::altExp(spe, "homespot")
#' spe <- addMapping(spe, deconvolveSpots(map, "cell_type"))
#' table(spe$homespot_type)
#' SingleCellExperiment::altExp(spe, "types")
#'
#' @name addMapping
#' @export
setGeneric(
  "addMapping",
  function(x, map, ...) {
    .beforeMethod(x)
    standardGeneric("addMapping")
  },
  signature = "x"
)

#' @rdname addMapping
#' @export
setMethod("addMapping", "SummarizedExperiment", function(x, map, ...) {
  .distinctColumns(x, "cells or spots")
  if (is(map, "CellMapping")) .addMap(x, map) else .addResult(x, map)
})

#' @rdname addMapping
#' @export
setMethod("addMapping", "ANY", function(x, map, ...) {
  if (.isSeurat(x)) {
    return(.addToSeurat(x, map))
  }
  .refuse(
    paste(
      "a SummarizedExperiment, SingleCellExperiment, SpatialExperiment or",
      "Seurat object"
    ),
    .describe(x), "Wrap a matrix in one first."
  )
})

.addMap <- function(x, map) {
  # Where names were left to mapCells(), the side has as many columns as it has
  # mapped, or more.
  sides <- dimnames(map)[order(abs(ncol(x) - dim(map)))]
  if (dim(map)[1L] != dim(map)[2L]) {
    x <- .withNames(.withNames(x, sides[[1L]]), sides[[2L]])
  }
  ofCells <- all(rownames(map) %in% colnames(x))
  ofSpots <- all(colnames(map) %in% colnames(x))
  .refuseIf(
    ofCells == ofSpots, sprintf(
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
  x <- if (ofCells) .addToCells(x, map) else .addToSpots(x, map)
  metadata(x)[[.keys$HOMESPOT]] <- mappingInfo(map)
  x
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
    altExp(x, .keys$HOMESPOT) <- .asSpatial(if (anyNA(at)) {
      .withEmptySpots(map, x, at)
    } else {
      map[, at]
    })
  }
  x
}

# Rows in the order of `at`; those that were not mapped are empty.
.spreadRows <- function(p, at, names) {
  if (is(p, "DelayedMatrix")) {
    empty <- DelayedArray::ConstantArray(c(1L, ncol(p)), value = 0)
    at[is.na(at)] <- nrow(p) + 1L
    out <- rbind(unname(p), empty)[at, , drop = FALSE]
    dimnames(out) <- list(names, colnames(p))
    return(out)
  }
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
  .asCellMapping(.newMapping(
    p, rownames(map), colnames(x), rowData(map), spots, coords,
    mappingInfo(map)
  ))
}

# --- what follows from a map -------------------------------------------------

# Name and columns of what verbs return, by its first assay, and who returns it;
# NULL for other objects.
.resultKind <- function(result) {
  if (!is(result, "SummarizedExperiment")) {
    return(NULL)
  }
  switch(c(assayNames(result), "")[1L],
    imputed = list(name = "imputed", by = "imputeGenes()"),
    proportion = list(
      name = "types", by = "deconvolveSpots() or fitTypes()",
      columns = c(
        .keys$SPOT_CELLS, .keys$TYPE, .keys$TYPE_PROB, .keys$CONFIDENT_SHARE
      )
    ),
    probability = list(
      name = "labels", by = "annotateCells()",
      columns = c(.keys$LABEL, .keys$LABEL_PROB)
    )
  )
}

# Those of them that say of what type or label a spot or a cell is.
.predictions <- c("types", "labels")

.addResult <- function(x, result) {
  kind <- .resultKind(result)
  .refuseIf(
    is.null(kind), paste(
      "a CellMapping, or what imputeGenes(), deconvolveSpots(), fitTypes()",
      "or annotateCells() returned"
    ),
    .describe(result), "Give one of these."
  )
  .refuseIf(
    !is(x, "SingleCellExperiment"),
    sprintf("a SingleCellExperiment, with room for an altExp '%s'", kind$name),
    .describe(x), "Convert it first: as(x, \"SingleCellExperiment\")."
  )
  .freeForResult(x, kind$name)
  x <- .withNames(x, colnames(result))
  lost <- setdiff(colnames(result), colnames(x))
  .refuseIf(
    length(lost), sprintf("data with all of %s", .some(colnames(result))),
    sprintf("data without %d of them (%s)", length(lost), .some(lost)),
    "Pass the data that was mapped, or take a part of the result."
  )
  at <- match(colnames(x), colnames(result))
  result <- .resultAt(result, at, x, kind$columns)
  for (name in setdiff(names(colData(result)), "sample_id")) {
    colData(x)[[name]] <- colData(result)[[name]]
  }
  altExp(x, kind$name) <- result
  metadata(x)[[.keys$HOMESPOT]] <- metadata(result)[[.keys$HOMESPOT]]
  x
}

# An altExp of the user's own stays; a result from before gives way.
.freeForResult <- function(x, name) {
  .refuseIf(
    name %in% altExpNames(x) &&
      is.null(metadata(altExp(x, name))[[.keys$HOMESPOT]]),
    sprintf("no altExp '%s' but a result of homespot's", name),
    "one of another kind", "Rename it, or take it out."
  )
}

# A result in the order of x; what was not mapped is missing.
.resultAt <- function(result, at, x, columns) {
  data <- DataFrame(row.names = colnames(x))
  for (name in intersect(c("sample_id", columns), names(colData(result)))) {
    data[[name]] <- colData(result)[[name]][at]
  }
  assays <- lapply(assays(result, withDimnames = FALSE), function(values) {
    if (anyNA(at)) {
      values <- cbind(values, NA_real_)
      at[is.na(at)] <- ncol(values)
    }
    values <- values[, at, drop = FALSE]
    dimnames(values) <- list(rownames(result), colnames(x))
    values
  })
  out <- SingleCellExperiment(
    assays, rowData = rowData(result), colData = data,
    metadata = metadata(result)
  )
  if (is(result, "SpatialExperiment")) {
    coords <- spatialCoords(result)[at, , drop = FALSE]
    rownames(coords) <- colnames(x)
    out <- SpatialExperiment::toSpatialExperiment(out, spatialCoords = coords)
    imgData(out) <- imgData(result)
  }
  out
}
