#' A converted map
#'
#' @description
#' Python's mapping is an AnnData of cells (obs) by spots (var).
#' Converters turn obs into columns, so that it arrives in R as a
#' SingleCellExperiment of N spots by M cells without coordinates: its
#' transpose.
#' `as(x, "CellMapping")` takes such an object and turns it.
#'
#' @details
#' The orientation is known by the column `homespot_left_over`: it belongs to
#' the cells.
#' The coordinates of the spots are taken from the plain columns `x`, `y` and
#' `z`, which converters keep.
#' An object that is the right way round, such as a SpatialExperiment made
#' from a CellMapping, or what [addMapping()] puts into `altExp()`, becomes a
#' CellMapping again.
#' What spots that were taken out of it meanwhile held goes into the left-over,
#' as in `map[, spots]`.
#'
#' @section Errors:
#' An object without `homespot_left_over`, or with it on both sides, is an
#' error of class `homespot_input_error`, as is one that is not valid.
#'
#' @return A [CellMapping-class].
#'
#' @examples
#' map <- CellMapping(matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' ))
#' converted <- SingleCellExperiment::SingleCellExperiment(
#'   list(X = t(mappingMatrix(map))),
#'   colData = SummarizedExperiment::rowData(map),
#'   rowData = S4Vectors::DataFrame(x = c(0, 1), y = c(0, 0))
#' )
#' as(converted, "CellMapping")
#'
#' @name as-CellMapping
#' @aliases coerce,SingleCellExperiment,CellMapping-method
#'   coerce,SpatialExperiment,CellMapping-method
NULL

.asMapping <- function(from) {
  onCells <- .keys$LEFT_OVER %in% names(rowData(from))
  onColumns <- .keys$LEFT_OVER %in% names(colData(from))
  .refuseIf(
    onCells == onColumns,
    sprintf("a converted map with the cells' column '%s'", .keys$LEFT_OVER),
    if (onCells) "one on both sides" else "none",
    "Convert an object that map_cells() or mapCells() has made."
  )
  name <- intersect(c(.mappingAssay, "X"), assayNames(from))
  .refuseIf(
    length(name) == 0L, sprintf("an assay '%s' or 'X'", .mappingAssay),
    .some(assayNames(from)), "Keep the assay's name when you convert."
  )
  p <- assay(from, name[1L], withDimnames = FALSE)
  cells <- rowData(from)
  spots <- colData(from)
  if (onColumns) {
    p <- t(p)
    cells <- colData(from)
    spots <- rowData(from)
  }
  cellNames <- if (onColumns) colnames(from) else rownames(from)
  spotNames <- if (onColumns) rownames(from) else colnames(from)
  if (!onColumns) {
    cells[[.keys$LEFT_OVER]] <- .leftOver(p, cells[[.keys$LEFT_OVER]])
  }
  columns <- intersect(.keys$COORDINATES, names(spots))
  coords <- if (is(from, "SpatialExperiment") && !onColumns) {
    spatialCoords(from)
  } else if (length(columns) >= 2L) {
    as.matrix(as.data.frame(spots[columns]))
  } else {
    matrix(numeric(), length(spotNames), 0L)
  }
  if (ncol(coords) > 0L) {
    # readAnnData() has them a second time, as a matrix.
    twice <- if (is.matrix(spots[[.keys$SPATIAL]])) .keys$SPATIAL
    spots <- spots[setdiff(names(spots), c(colnames(coords), twice))]
  }
  if (is.null(spots$sample_id)) {
    spots$sample_id <- rep("sample01", nrow(spots))
  }
  info <- metadata(from)[[.keys$HOMESPOT]]
  .asCellMapping(.newMapping(
    p, cellNames, spotNames, cells, spots, coords,
    if (is.null(info)) list() else as.list(info)
  ))
}

# The left-over of rows that have lost some of their columns.
.leftOver <- function(p, left) {
  short <- 1 - unname(rowSums(p))
  lost <- short - left > .tolerance
  replace(left, which(lost), short[which(lost)])
}

setAs("SingleCellExperiment", "CellMapping", function(from) .asMapping(from))

setAs("SpatialExperiment", "CellMapping", function(from) .asMapping(from))
