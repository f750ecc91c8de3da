# Data sets and maps across the bridge, and results of the core as objects.

# The map as Python has it. `warn` gets a message about columns that cannot go
# over. A file gets no images, which are otherwise known by their samples. `p`
# is FALSE where only the annotation of the map is needed.
.mappingToPython <- function(map, warn = identity, images = TRUE, p = TRUE) {
  coords <- spatialCoords(map)
  found <- ncol(coords) > 0L
  .call(
    "new_mapping", if (p) .mapToPython(.mapping(map)), rownames(map),
    colnames(map),
    .columnsToPython(rowData(map), "cells", warn),
    .columnsToPython(colData(map), "spots", warn),
    .recordToPython(.record(map)), if (found) unname(coords),
    if (found) as.list(colnames(coords)),
    images = if (images) .dict(.pictureSizes(imgData(map)))
  )
}

# Expression as Python's verbs take it, with annotation of the genes; `warn` is
# told of columns that cannot go over.
.cellsToPython <- function(side, warn = identity) {
  force(side) # an error while a method is selected would lose its class
  .call(
    "single_cells", .toPython(side$values), side$names, side$genes,
    if (length(side$rows)) .columnsToPython(side$rows, "genes", warn)
  )
}

# With annotation of both sides, places, and what else says where spots lie.
# The numbers are R's own, or copied to fewer bytes where that loses nothing.
.experiment <- function(side, narrow = TRUE) {
  force(side)
  coords <- side$coords
  found <- length(coords) > 0L
  axes <- colnames(coords)
  # Which everybody writes, whatever they are.
  plain <- identical(axes, .keys$COORDINATES[seq_along(axes)])
  rows <- side$rows
  .call(
    "experiment", .toPython(side$values), side$names, side$genes,
    .columnsToPython(side$data, "table", identity),
    if (found) unname(coords),
    axes = if (found && !plain) as.list(axes),
    of_genes = if (length(rows)) .columnsToPython(rows, "genes", identity),
    reductions = if (!found) .dict(lapply(side$reductions, .arrayToPython)),
    images = .dict(side$pictures), record = .recordToPython(side$record),
    narrow = narrow
  )
}

# One data set of Python's, or several by name or in order.
.spatialToPython <- function(sides, narrow = TRUE) {
  tables <- lapply(sides, .experiment, narrow = narrow)
  if (!is.null(names(tables))) {
    .dict(tables)
  } else if (length(tables) == 1L) {
    tables[[1L]]
  } else {
    tables
  }
}

# A result whose columns are the map's spots.
.atSpots <- function(map, assays, value, rows = NULL, info = list()) {
  names <- .toR(value$get("rows"))
  assays <- lapply(assays, `dimnames<-`, list(names, colnames(map)))
  out <- SpatialExperiment(
    assays = assays, rowData = .resultRows(rows, value, names),
    colData = .withFound(colData(map), value$get("columns")),
    spatialCoords = spatialCoords(map),
    metadata = .recordAs(c(mappingInfo(map), info))
  )
  imgData(out) <- imgData(map)
  out
}

.resultRows <- function(rows, value, names) {
  rows <- rows %||% make_zero_col_DFrame(length(names))
  rownames(rows) <- names
  .withFound(rows, value$get("row_columns"))
}

# The metadata of a result: the record of the run.
.recordAs <- function(record) {
  stats::setNames(list(record), .keys$HOMESPOT)
}
