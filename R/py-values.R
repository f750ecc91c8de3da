# Values, columns and tables across the bridge.

# What reticulate makes of plain Python values, without one-dimensional arrays.
.plainValues <- function(x) {
  if (is.list(x)) {
    lapply(x, .plainValues)
  } else if (is.array(x) && length(dim(x)) == 1L) {
    as.vector(x)
  } else {
    x
  }
}

.toR <- function(x) {
  .plainValues(.fetch(x))
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

.frame <- function(columns, n) {
  out <- make_zero_col_DFrame(n)
  for (name in names(columns)) {
    out[[name]] <- columns[[name]]
  }
  out
}

.dataFrame <- function(value) {
  columns <- .columnsFromPython(value)
  as.data.frame(columns, optional = TRUE, stringsAsFactors = FALSE)
}

# A table with its columns, as Python's verbs take it.
.tableToPython <- function(x, what) {
  .refuseIf(
    !is.data.frame(x) && !is(x, "DataFrame"), sprintf("%s as a table", what),
    .describe(x), "Pass a data.frame."
  )
  .call(
    "frame", .columnsToPython(as.list(x), "table", identity),
    as.list(as.character(seq_len(nrow(x))))
  )
}

.tableFromPython <- function(value) {
  columns <- .columnsFromPython(value$get("columns"))
  rows <- .toR(value$get("rows"))
  out <- .frame(columns, length(rows))
  rownames(out) <- rows
  out
}

# Names as Python's verbs take a list of them; NULL stays.
.namesToPython <- function(x, what) {
  if (is.null(x)) {
    return(NULL)
  }
  if (!is.atomic(x) || is.complex(x)) {
    .refuse(
      sprintf("names of %s", what), .describe(x), "Pass a vector of names."
    )
  }
  x <- as.character(x)
  .refuseIf(
    anyNA(x), sprintf("names of %s", what),
    sprintf("%d missing", sum(is.na(x))), "Drop these."
  )
  as.list(x)
}

# One value for every cell or spot of a map: the name of a column, values with
# names, or values in the map's order. The core matches them to the map.
.valuesToPython <- function(x, what, map, side) {
  if (side == "cell") {
    .valuesOfTable(x, what, rowData(map), side, "rowData(map)")
  } else {
    .valuesOfTable(x, what, colData(map), side, "colData(map)")
  }
}

# The same for the rows of any table, which is `where` in the user's call.
.valuesOfTable <- function(x, what, data, row, where) {
  if (is.null(x)) {
    return(NULL)
  }
  x <- .plainLabels(x)
  expected <- sprintf("%s as a vector, a factor or the name of a column", what)
  remedy <- sprintf("Pass one value a %s, with names or in their order.", row)
  if (is.character(x) && length(x) == 1L && is.null(names(x)) && !is.na(x)) {
    name <- x
    .refuseIf(
      !name %in% names(data),
      sprintf("a column '%s' with the %s in %s", name, what, where),
      if (length(data)) .some(names(data), 10L) else "no columns",
      sprintf("Name one that is there, or pass one value a %s.", row)
    )
    x <- unname(data[[name]])
    expected <- sprintf("plain values in column '%s' of %s", name, where)
    remedy <- "Make it a vector or a factor first."
  }
  if (what == "labels") {
    x <- .inWords(x)
  }
  column <- .columnToPython(unname(x))
  .refuseIf(is.null(column), expected, .describe(x), remedy)
  .call("values", column, .namesToPython(names(x), paste0(row, "s")))
}

.labelsToPython <- function(x, map, side) {
  .refuseIf(
    missing(x) || is.null(x), sprintf("labels of the map's %ss", side), "none",
    sprintf("Name a column, or pass one label a %s.", side)
  )
  .valuesToPython(x, "labels", map, side)
}

.withFound <- function(table, columns) {
  found <- .columnsFromPython(columns)
  table[names(found)] <- found
  table
}
