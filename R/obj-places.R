# Places and names of cells and spots, taken out of objects.

.cellPlaces <- function(x, name) {
  x <- .seuratShell(x)
  if (is(x, "SpatialExperiment")) {
    cells <- colnames(x)
    x <- spatialCoords(x)
    rownames(x) <- cells
  }
  # Row names that nobody gave are no names of cells.
  automatic <- is.data.frame(x) && .row_names_info(x) < 0L
  if (is.data.frame(x) || is(x, "DataFrame")) {
    x <- as.matrix(x)
  }
  .refuseIf(
    !is.matrix(x) || !is.numeric(x),
    sprintf("places `%s` as numbers, cells by two or three", name),
    .describe(x), "Pass a matrix, or a SpatialExperiment of cells."
  )
  if (automatic) {
    rownames(x) <- NULL
  }
  twice <- unique(rownames(x)[duplicated(rownames(x))])
  .refuseIf(
    length(twice), sprintf("every cell once in `%s`", name),
    sprintf("%s more than once", .some(twice)), "Give each a name of its own."
  )
  storage.mode(x) <- "double"
  x
}

# An object without names of columns, with those that a map of it has: `known`
# are names of its cells or its spots.
.withNames <- function(x, known) {
  n <- ncol(x)
  if (is.null(n) || !is.null(colnames(x)) || is.null(known)) {
    return(x)
  }
  for (column in c("cell", "spot")) {
    names <- .namesByPlace(n, column)
    if (all(known %in% names)) {
      colnames(x) <- names
      break
    }
  }
  x
}

# The names that mapCells() gives to cells and spots without any.
.namesByPlace <- function(n, column) {
  sprintf("%s%d", column, seq_len(n))
}

# Coordinates that the object has: spatialCoords, or what a converter makes of
# Python's obsm["spatial"].
.ownCoordinates <- function(x) {
  if (is(x, "SpatialExperiment") && ncol(spatialCoords(x)) > 0L) {
    # Their rows go by position: renaming the spots leaves the old names here.
    coords <- spatialCoords(x)
    rownames(coords) <- NULL
    return(coords)
  }
  if (is(x, "SingleCellExperiment") &&
        .keys$SPATIAL %in% reducedDimNames(x)) {
    coords <- as.matrix(reducedDim(x, .keys$SPATIAL))
    named <- !is.null(colnames(coords)) && !is.null(.axes(colnames(coords)))
    return(if (named) `rownames<-`(coords, NULL) else unname(coords))
  }
  NULL
}

# Other matrices that may hold coordinates.
.otherReductions <- function(x) {
  if (!is(x, "SingleCellExperiment")) {
    return(NULL)
  }
  names <- setdiff(reducedDimNames(x), c(.keys$SPATIAL, ""))
  .fewColumns(stats::setNames(
    lapply(names, function(name) reducedDim(x, name)), names
  ))
}

.fewColumns <- function(reductions) {
  few <- Filter(function(x) {
    length(dim(x)) == 2L && ncol(x) %in% 2:3 && is.numeric(x[0L, ])
  }, reductions)
  lapply(few, function(x) unname(as.matrix(x)))
}

# Height, width and scale factor of the first image of every sample; nothing
# where it is not in memory, or has no scale.
.pictureSizes <- function(images) {
  if (NROW(images) == 0L) {
    return(NULL)
  }
  first <- !duplicated(images$sample_id)
  sizes <- Map(function(image, scale) {
    if (is(image, "LoadedSpatialImage") && isTRUE(is.finite(scale))) {
      as.list(c(as.double(dim(image)[1:2]), scale))
    } else {
      list()
    }
  }, as.list(images$data[first]), images$scaleFactor[first])
  stats::setNames(sizes, images$sample_id[first])
}

# What converters make of the tissue images in Python's uns["spatial"]: that
# they are there. Other entries are no images.
.convertedPictures <- function(x) {
  if (!is.list(x)) {
    return(NULL)
  }
  found <- Filter(function(one) {
    is.list(one) && any(vapply(
      one[intersect(names(one), c("images", "scalefactors"))], is.list, NA
    ))
  }, x)
  lapply(found[nzchar(names(found))], function(one) list())
}
