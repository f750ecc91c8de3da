#' Save and load a map
#'
#' One file format for both languages: .h5ad, which Python's
#' `homespot.load()` and `homespot.save()` read and write as well.
#'
#' @param map A [CellMapping-class].
#' @param path Path of the file; it ends in `.h5ad`.
#'   An existing file is replaced, and the new one appears whole or not at all.
#'
#' @param backed `TRUE` leaves P in the file, for a map that does not fit into
#'   memory: the assay is a DelayedMatrix on it (needs HDF5Array).
#'   The file has to stay where it is.
#'
#' @return `saveMapping()`: `path`, invisibly.
#'   `loadMapping()`: a [CellMapping-class], with spatialCoords named `x`, `y`
#'   (and `z`).
#'
#' @details
#' P is written in the type it was computed with (float32 unless asked
#' otherwise), dense or sparse as it is.
#' Columns of rowData and colData that are numbers, logical, character or
#' factors are kept; others, and images, are left out with a warning that
#' names them.
#' Text that repeats comes back as a factor, which is how AnnData stores it.
#'
#' @section Maps on disk:
#' A map whose assay is a DelayedMatrix, on a file or with delayed operations,
#' is read in blocks of rows, none larger than
#' [DelayedArray::getAutoBlockSize()], by everything that follows from a map,
#' to the same numbers, and [saveMapping()] writes it so.
#' `map[cells, spots]`, [renormalise()], [combineSections()], `rbind()` and
#' [addMapping()] stay delayed.
#' [cellDistances()] reads the rows of the cells that it is asked for, and the
#' costs of [assignCells()] are in memory, so name candidates for a large map.
#' [mapCells()] makes P in memory: keep the `k.best` entries of every row of a
#' map that would not fit.
#' Cells can be mapped in parts that are saved and put together with `rbind()`,
#' but the spots' marginal of SSA is then kept by each part.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the path has another ending or its
#' folder is not there, or if the file is no map or of a newer format.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st, k.best = 20L)
#' path <- tempfile(fileext = ".h5ad")
#' saveMapping(map, path)
#' loadMapping(path)
#'
#' @export
saveMapping <- function(map, path) {
  .requireMapping(map)
  path <- path.expand(.checkString(path, "path"))
  if (!is.null(imgData(map)) && nrow(imgData(map)) > 0L) {
    .warn(sprintf(
      paste(
        "Left out %d image(s), which such a file has no place for. To have",
        "them again, set imgData(map) after loadMapping()."
      ), nrow(imgData(map))
    ))
  }
  .call("save", path, .mappingToPython(map, .warn, images = FALSE))
  invisible(path)
}

#' @rdname saveMapping
#' @export
loadMapping <- function(path, backed = FALSE) {
  path <- path.expand(.checkString(path, "path"))
  .checkFlag(backed, "backed")
  if (backed) {
    .requirePackage("HDF5Array", "maps on disk")
  }
  .core()
  value <- .call("load", path, backed = backed)
  cells <- .columnsFromPython(value$get("obs"))
  spots <- .columnsFromPython(value$get("var"))
  coords <- .fetch(value$get("coordinates"))
  cellNames <- .toR(value$get("cells"))
  spotNames <- .toR(value$get("spots"))
  if (is.null(coords)) {
    coords <- matrix(numeric(), length(spotNames), 0L)
  } else {
    colnames(coords) <- .keys$COORDINATES[seq_len(ncol(coords))]
    spots <- spots[setdiff(names(spots), colnames(coords))]
  }
  if (is.null(spots$sample_id)) {
    spots$sample_id <- rep("sample01", length(spotNames))
  }
  p <- if (backed) {
    t(HDF5Array::H5ADMatrix(normalizePath(path)))
  } else {
    .fromPython(value)
  }
  .valid(.newMapping(
    p, cellNames, spotNames,
    .frame(cells, length(cellNames)), .frame(spots, length(spotNames)), coords,
    .fetch(value$get("record"))
  ))
}

.frame <- function(columns, n) {
  out <- make_zero_col_DFrame(n)
  for (name in names(columns)) {
    out[[name]] <- columns[[name]]
  }
  out
}

# The map as Python has it; `warn` is told of columns that cannot go over.
# Images are known by their samples, but for a file, in which none would be.
.mappingToPython <- function(map, warn = identity, images = TRUE) {
  # Before anything is converted: reticulate would start a Python of its own
  # choice.
  .core()
  coords <- spatialCoords(map)
  found <- ncol(coords) > 0L
  .call(
    "new_mapping", .mapToPython(.mapping(map)), rownames(map), colnames(map),
    .columnsToPython(rowData(map), "cells", warn),
    .columnsToPython(colData(map), "spots", warn),
    .recordToPython(.record(map)), if (found) unname(coords),
    if (found) as.list(colnames(coords)),
    images = if (images) .dict(.pictureSizes(imgData(map)))
  )
}

# Columns cross as their kind, and values or codes with levels; a missing value
# is no string "NA" and no whole number.
.columnsToPython <- function(table, what, warn) {
  columns <- as.list(table)
  if (what == "genes") {
    columns <- lapply(columns, .oneOfEach)
  }
  columns <- lapply(columns, .columnToPython)
  left <- vapply(columns, is.null, NA)
  if (any(left)) {
    warn(sprintf(
      "Left out %d column(s) of the %s that are no plain vectors (%s).",
      sum(left), what, .some(names(columns)[left], 20L)
    ))
  }
  .dict(columns[!left])
}

# A list with a value at most for every gene, as of names from a data base, is
# that value.
.oneOfEach <- function(x) {
  if (!.isListColumn(x) || any(lengths(x) > 1L)) {
    return(x)
  }
  parts <- as.list(x)
  if (!all(vapply(parts, function(part) {
    is.character(part) || is.factor(part) || length(part) == 0L
  }, NA))) {
    return(x)
  }
  vapply(parts, function(part) as.character(part)[1L], "", USE.NAMES = FALSE)
}

.columnToPython <- function(x) {
  if (is(x, "Rle")) {
    x <- as.vector(x)
  }
  if (is.factor(x)) {
    list(
      kind = if (is.ordered(x)) "ordered" else "factor",
      codes = .numbers(ifelse(is.na(x), 0L, as.integer(x)) - 1L),
      levels = as.list(levels(x))
    )
  } else if (is.object(x) || !is.null(dim(x))) {
    NULL
  } else if (is.character(x)) {
    levels <- unique(x[!is.na(x)])
    codes <- match(x, levels, nomatch = 0L) - 1L
    list(kind = "character", codes = .numbers(codes), levels = as.list(levels))
  } else if (is.logical(x)) {
    list(kind = "logical", values = .numbers(ifelse(is.na(x), -1, x)))
  } else if (is.integer(x)) {
    list(kind = "integer", values = .numbers(x))
  } else if (is.double(x)) {
    list(kind = "double", values = .numbers(x))
  }
}

.numbers <- function(x) {
  as.array(as.double(x))
}

.columnsFromPython <- function(columns) {
  lapply(.fetch(columns), .columnFromPython)
}

.columnFromPython <- function(column) {
  if (column$kind %in% c("factor", "ordered", "character")) {
    levels <- as.vector(column$levels)
    codes <- as.vector(column$codes) + 1L
    codes[codes == 0L] <- NA
    text <- as.character(levels)[codes]
    if (column$kind == "character") {
      text
    } else {
      factor(text, levels, ordered = column$kind == "ordered")
    }
  } else {
    values <- as.vector(column$values)
    switch(column$kind,
      logical = ifelse(values < 0, NA, values > 0),
      integer = as.integer(ifelse(is.nan(values), NA, values)),
      double = values
    )
  }
}

# Vectors longer than one become arrays, scalars stay scalars; arrays of one
# dimension, as they come from the core, stay what they are.
.recordToPython <- function(x) {
  if (is.list(x)) {
    lapply(x, .recordToPython)
  } else if (is.factor(x)) {
    .recordToPython(as.character(x))
  } else if (is.atomic(x) && length(x) != 1L && !is.null(x)) {
    as.array(x)
  } else {
    x
  }
}
