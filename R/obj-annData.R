# What both ways of writeAnnData() and readAnnData() share: the account of what
# AnnData has no place for. It goes into the file as a table with a row for
# every piece of an experiment, in R's order: where it lies in the file, its key
# there, R's name of it, and what R has it as where AnnData cannot tell.

.newAccount <- function(of = NULL) {
  list2env(list(
    of = of, where = character(), key = character(), name = character(),
    kind = character(), columns = list(), left = character()
  ), parent = emptyenv())
}

# Notes the pieces that lie at one place, and returns their keys in the file: no
# "/", which parts groups there, no "_index", under which a table has its names,
# and none twice.
.noteAll <- function(account, where, names, kind = "", taken = character()) {
  keys <- gsub("/", "_", names, fixed = TRUE)
  keys[keys == ""] <- "unnamed"
  keys[keys == "_index"] <- "index"
  keys <- make.unique(c(taken, keys), "_")[length(taken) + seq_along(keys)]
  account$where <- c(account$where, rep(where, length(keys)))
  account$key <- c(account$key, keys)
  account$name <- c(account$name, names)
  account$kind <- c(account$kind, rep_len(kind, length(keys)))
  keys
}

.noteLeft <- function(account, what) {
  of <- if (!is.null(account$of)) sprintf(" of altExp '%s'", account$of)
  account$left <- c(account$left, paste0(what, of))
}

# Names of the columns of a matrix, for which AnnData has no place.
.noteColumns <- function(account, where, key, names) {
  if (!is.null(names)) {
    account$columns[[where]][[key]] <- names
  }
}

# Of a file that Python wrote.
.noRecord <- list(
  where = character(), key = character(), name = character(),
  kind = character(), columns = list()
)

.recordOf <- function(account, x) {
  spatial <- is(x, "SpatialExperiment")
  class <- if (spatial) "SpatialExperiment" else "SingleCellExperiment"
  c(
    list(format_version = 1L, class = class),
    mget(names(.noRecord), envir = account)
  )
}

.takeRecord <- function(uns) {
  if (!.keys$EXPERIMENT %in% names(uns)) {
    return(.noRecord)
  }
  record <- .listFromPython(
    uns$pop(.keys$EXPERIMENT)$get("value"), .noRecord, "", .newAccount(), ""
  )
  utils::modifyList(.noRecord, record)
}

# The pieces found at one place, by their keys, in R's order and under R's
# names; those that Python has added come last.
.asNoted <- function(found, record, where) {
  rows <- record$where == where
  noted <- stats::setNames(record$name[rows], record$key[rows])
  noted <- noted[names(noted) %in% names(found)]
  added <- setdiff(names(found), names(noted))
  stats::setNames(found[c(names(noted), added)], unname(c(noted, added)))
}

.kindOf <- function(record, where, key) {
  kind <- record$kind[record$where == where & record$key == key]
  if (length(kind)) kind[1L] else ""
}

# --- values of metadata ------------------------------------------------------

# A value of metadata as the core takes it up, a plain list; NULL, and noted,
# where AnnData has nothing for it.
.valueToPython <- function(x, account, where, what) {
  if (is.character(x) && length(dim(x)) == 1L) {
    x <- as.vector(x)
  }
  if (is(x, "DataFrame") || is.data.frame(x)) {
    .frameToPython(x, account, where, what)
  } else if (is.list(x) && !is.object(x)) {
    .listToPython(x, account, where, what)
  } else if (inherits(x, "raster")) {
    list(kind = "image", value = .pixels(x))
  } else if (is.atomic(x) && !is.null(names(x)) && is.null(dim(x))) {
    .namedToPython(x, account, where, what)
  } else if (is(x, "sparseMatrix") && is.null(unlist(dimnames(x)))) {
    list(kind = "array", value = .toPython(t(x)))
  } else if (is.array(x) && (is.numeric(x) || is.logical(x)) &&
               is.null(dimnames(x)) && !anyNA(x)) {
    list(kind = "array", value = .arrayToPython(x))
  } else if ((is.numeric(x) || is.logical(x) || is.character(x)) &&
               !is.object(x) && length(x) == 1L && !is.na(x)) {
    list(kind = "scalar", value = x)
  } else {
    column <- if (is.null(dim(x))) .columnToPython(x)
    if (is.null(column)) {
      .noteLeft(account, what)
    }
    column
  }
}

.kindOfValue <- function(x) {
  if (is.data.frame(x)) {
    "data.frame"
  } else if (inherits(x, "raster")) {
    "raster"
  } else if (is.character(x) && is.null(names(x))) {
    "character"
  } else if (is.atomic(x) && !is.null(names(x))) {
    "vector"
  } else {
    ""
  }
}

.listToPython <- function(x, account, where, what, taken = character()) {
  if (length(x) && (is.null(names(x)) || anyDuplicated(names(x)) ||
                      !all(nzchar(names(x))))) {
    .noteLeft(account, what)
    return(NULL)
  }
  kinds <- vapply(x, .kindOfValue, "")
  keys <- .noteAll(account, where, names(x), kinds, taken)
  values <- Map(function(value, key, name) {
    .valueToPython(
      value, account, paste(where, key, sep = "/"), paste(what, name, sep = "$")
    )
  }, unname(x), keys, names(x))
  values <- stats::setNames(values, keys)
  values <- Filter(Negate(is.null), values)
  list(kind = "list", value = .dict(values))
}

# A vector with names, as a list of its elements.
.namedToPython <- function(x, account, where, what) {
  plain <- identical(names(attributes(x)), "names")
  if (!plain || (anyNA(x) && !is.double(x))) {
    .noteLeft(account, what)
    return(NULL)
  }
  .listToPython(as.list(x), account, where, what)
}

.frameToPython <- function(x, account, where, what) {
  columns <- .notedColumns(x, account, where, what)
  rows <- rownames(x)
  if (is.null(rows) || (is.data.frame(x) && .row_names_info(x) < 0L)) {
    rows <- as.character(seq_len(nrow(x)) - 1L)
  }
  list(kind = "table", value = columns, rows = as.list(rows))
}

# The columns of a table, noted with those whose text comes back as text.
.notedColumns <- function(table, account, where, what) {
  table <- as.list(table)
  text <- vapply(table, function(column) {
    is.character(if (is(column, "Rle")) as.vector(column) else column)
  }, NA)
  keys <- .noteAll(
    account, where, names(table), ifelse(text, "character", "")
  )
  columns <- stats::setNames(lapply(table, .columnToPython), keys)
  left <- vapply(columns, is.null, NA)
  for (name in names(table)[left]) {
    .noteLeft(account, sprintf("%s$%s", what, name))
  }
  .dict(columns[!left])
}

.valueFromPython <- function(value, record, where, account, what) {
  kind <- .fetch(value$get("kind"))
  inner <- value$get("value")
  key <- sub(".*/", "", where)
  noted <- .kindOf(record, sub("/[^/]*$", "", where), key)
  switch(kind,
    list = {
      found <- .listFromPython(inner, record, where, account, what)
      if (noted == "vector") unlist(found) else found
    },
    scalar = .toR(inner),
    array = (if (noted == "raster") .raster else identity)(.fetch(inner)),
    sparse = .fromPython(inner),
    table = .frameFromPython(value, record, where, noted),
    other = {
      .noteLeft(account, sprintf("%s (%s)", what, .toR(inner)))
      NULL
    },
    .textAsNoted(.columnFromPython(.fetch(value)), noted)
  )
}

.listFromPython <- function(items, record, where, account, what) {
  found <- .eachItem(items, function(item, key) {
    .valueFromPython(
      item, record, paste(where, key, sep = "/"), account,
      paste(what, key, sep = "$")
    )
  })
  .asNoted(found, record, where)
}

# What a function makes of every item of a dict and its key, where that is not
# NULL.
.eachItem <- function(items, f) {
  keys <- names(items)
  found <- lapply(keys, function(key) f(items$get(key), key))
  Filter(Negate(is.null), stats::setNames(found, keys))
}

.namesFromPython <- function(names) {
  as.character(.toR(names))
}

.frameFromPython <- function(value, record, where, noted) {
  rows <- .namesFromPython(value$get("rows"))
  columns <- .columnsAsNoted(value$get("value"), record, where)
  table <- .frame(columns, length(rows))
  if (!identical(rows, as.character(seq_along(rows) - 1L))) {
    rownames(table) <- rows
  }
  if (noted == "data.frame") {
    as.data.frame(table, optional = TRUE)
  } else {
    table
  }
}

.columnsAsNoted <- function(columns, record, where) {
  found <- .columnsFromPython(columns)
  found <- Map(function(column, key) {
    .textAsNoted(column, .kindOf(record, where, key))
  }, found, names(found))
  .asNoted(found, record, where)
}

.textAsNoted <- function(column, kind) {
  if (kind == "character") as.character(column) else column
}

# --- images ------------------------------------------------------------------

# Height x width x colours of 0 to 255: three, or four where it is transparent.
.pixels <- function(raster) {
  colours <- as.matrix(raster)
  rgb <- grDevices::col2rgb(colours, alpha = TRUE)
  depth <- if (all(rgb[4L, ] == 255)) 3L else 4L
  array(t(rgb[seq_len(depth), , drop = FALSE]), c(dim(colours), depth))
}

# Back, and from Python's images in numbers from 0 to 1, and in grey.
.raster <- function(pixels) {
  if (length(dim(pixels)) == 3L && dim(pixels)[3L] == 1L) {
    dim(pixels) <- dim(pixels)[seq_len(2L)]
  }
  grDevices::as.raster(pixels, max = if (is.double(pixels)) 1 else 255)
}
