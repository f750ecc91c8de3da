#' CellMapping: cells by spots
#'
#' @description
#' A `CellMapping` holds the map P of cells onto spots: a matrix of M cells
#' by N spots with entries in \[0, 1\], where P\[i, j\] is the probability that
#' cell i sits at spot j.
#' The rows sum to 1, less what was left out of them: row sum +
#' `homespot_left_over` = 1, within 1e-4.
#' The columns sum to the number of cells expected at each spot.
#'
#' It is a [SpatialExperiment::SpatialExperiment-class] with one row for each
#' cell and one column for each spot:
#'
#' * assay `"mapping"`: P, a matrix, a dgCMatrix or a DelayedMatrix, on a file
#'   or on features and potentials, from which rows are made when they are read;
#' * rowData: the cells' annotation, and the column `homespot_left_over`;
#' * colData: the spots' annotation with their `sample_id`;
#' * `homespot_expression` in both, of maps that [mapCells()] made: the mean log
#'   expression of the cell, or spot, over the genes that the map was made from;
#' * `homespot_fits` in rowData, of maps of 20 cells or more: how far the spots
#'   hold cells like each, about the share of the spots that its kind makes up
#'   over that of the cells, from 0.01 to 1 (of several sections the largest);
#' * `homespot_section` in colData, where the spots lie in several sections;
#' * spatialCoords: the spots' coordinates, in the unit of the spatial data;
#' * `metadata(x)$homespot`: the record of the run.
#'
#' @details
#' Cells and spots have names, and the names are unique, for a home spot is
#' named by its name.
#' A spot without a `sample_id` is an error, and so are coordinates that are
#' not finite numbers.
#'
#' @seealso [mapCells()], which makes one; [CellMapping()], the constructor;
#'   [mappingMatrix()], [homeSpot()] and [mappingInfo()], the accessors;
#'   [renormalise()] and [combineSections()].
#'
#' @return An object of class `CellMapping`.
#'
#' @examples
#' p <- matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' )
#' map <- CellMapping(p, coords = cbind(x = 1:2, y = c(0, 0)))
#' map
#' homeSpot(map)
#'
#' @name CellMapping-class
#' @rdname CellMapping-class
#' @exportClass CellMapping
setClass("CellMapping", contains = "SpatialExperiment")

.validNames <- function(names, what) {
  if (is.null(names)) {
    sprintf("the %s have no names", what)
  } else if (anyDuplicated(names)) {
    sprintf(
      "names of %s stand there more than once: %s", what,
      .some(unique(names[duplicated(names)]))
    )
  }
}

.validLeftOver <- function(object, sums) {
  left <- rowData(object)[[.keys$LEFT_OVER]]
  if (!is.numeric(left)) {
    return(sprintf("no numeric column '%s' in rowData", .keys$LEFT_OVER))
  }
  if (anyNA(left) || any(left < 0 | left > 1 + .tolerance)) {
    return(sprintf("'%s' is not within [0, 1]", .keys$LEFT_OVER))
  }
  total <- sums + left
  off <- which(abs(total - 1) > .tolerance)
  if (length(off)) {
    sprintf(
      "row sum + %s = 1 does not hold for %d of %d cells (%s: %.6g)",
      .keys$LEFT_OVER, length(off), nrow(object),
      .some(rownames(object)[off[1L]]), total[off[1L]]
    )
  }
}

.validEntries <- function(found) {
  if (anyNA(c(found$low, found$high))) {
    "the mapping has missing entries"
  } else if (any(found$low < 0, found$high > 1 + .tolerance)) {
    sprintf(
      "entries of the mapping are not within [0, 1] (from %.6g to %.6g)",
      min(found$low), max(found$high)
    )
  }
}

# The least and the largest entry of P, and its row sums; of a P on disk these
# of every block, read once.
.rangeAndSums <- function(p) {
  made <- .potentialsOf(p)
  if (!is.null(made) && length(p)) {
    return(.toR(.call("potential_sums", .potentialsToPython(made))))
  }
  if (is(p, "DelayedMatrix")) {
    grid <- rowAutoGrid(p)
    parts <- lapply(seq_along(grid), function(i) {
      sparse <- DelayedArray::is_sparse(p)
      .rangeAndSums(read_block(p, grid[[i]], as.sparse = sparse))
    })
    fields <- c(low = "low", high = "high", sums = "sums")
    return(lapply(fields, function(name) unlist(lapply(parts, `[[`, name))))
  }
  if (is(p, "SparseMatrix")) {
    p <- as(p, "dgCMatrix")
  }
  list(
    low = if (length(p)) min(p), high = if (length(p)) max(p),
    sums = unname(rowSums(p))
  )
}

.validSamples <- function(object) {
  sample <- colData(object)$sample_id
  if (is.null(sample)) {
    return("no 'sample_id' in colData")
  }
  missing <- sum(is.na(sample) | !nzchar(as.character(sample)))
  if (missing > 0L) {
    sprintf("'sample_id' is missing for %d of %d spots", missing, ncol(object))
  }
}

.validCoords <- function(object) {
  coords <- spatialCoords(object)
  if (ncol(coords) == 0L) {
    return(NULL)
  }
  if (!is.numeric(coords) || !ncol(coords) %in% 2:3) {
    "spatialCoords are not two or three columns of numbers"
  } else if (!all(is.finite(coords))) {
    sprintf(
      "spatialCoords of %d of %d spots are missing or infinite",
      sum(rowSums(!is.finite(coords)) > 0), ncol(object)
    )
  }
}

.validRecord <- function(object) {
  record <- metadata(object)[[.keys$HOMESPOT]]
  if (!is.null(record) && !is.list(record)) {
    sprintf("metadata '%s' is not a list", .keys$HOMESPOT)
  }
}

.mapping <- function(object) {
  assay(object, .mappingAssay, withDimnames = FALSE)
}

setValidity2("CellMapping", function(object) {
  problems <- c(
    .validNames(rownames(object), "cells"),
    .validNames(colnames(object), "spots"),
    .validSamples(object),
    .validCoords(object),
    .validRecord(object)
  )
  if (!.mappingAssay %in% assayNames(object)) {
    return(c(problems, sprintf("no assay '%s'", .mappingAssay)))
  }
  found <- .rangeAndSums(.mapping(object))
  problems <- c(problems, .validEntries(found))
  if (is.null(problems)) {
    problems <- .validLeftOver(object, found$sums)
  }
  if (is.null(problems)) TRUE else problems
})

# Assembles the SpatialExperiment that .asCellMapping() makes a CellMapping of.
.newMapping <- function(
    mapping, cellNames, spotNames, cells, spots, coords, info,
    images = NULL) {
  dimnames(mapping) <- list(cellNames, spotNames)
  rownames(cells) <- cellNames
  rownames(spots) <- spotNames
  rownames(coords) <- spotNames
  spots$sample_id <- as.character(spots$sample_id)
  spe <- SpatialExperiment(
    assays = stats::setNames(list(mapping), .mappingAssay),
    rowData = cells, colData = spots, spatialCoords = coords,
    metadata = .recordAs(info)
  )
  if (!is.null(images) && nrow(images) > 0L) {
    imgData(spe) <- images[images$sample_id %in% spe$sample_id, ]
  }
  spe
}

# Makes the map, which is when its validity is checked, once.
.asCellMapping <- function(spe) {
  force(spe)
  tryCatch(new("CellMapping", spe), error = function(e) {
    .abort(paste0(
      "Expected a valid map of cells onto spots, found that it is not: ",
      sub("^invalid class [^:]*:\\s*", "", conditionMessage(e)), "."
    ))
  })
}

# The map as what it extends, of which no validity is asked between steps.
.asSpatial <- function(map) {
  as(map, "SpatialExperiment")
}

.annotation <- function(x, n, what) {
  if (is.null(x)) {
    return(make_zero_col_DFrame(n))
  }
  x <- as(x, "DataFrame")
  .refuseIf(
    nrow(x) != n, sprintf("annotation of %d %s", n, what),
    sprintf("%d rows", nrow(x)), "Give one row for each."
  )
  x
}
