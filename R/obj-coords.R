# Coordinates as users have them: a matrix, or a table with more columns than
# these.

# Coordinates (n by two or three, with names of the columns, x first where the
# names say so) in the order of the spots, and the other columns of the table,
# such as in_tissue.
.coordinates <- function(coords, spots, n) {
  if (is.null(coords)) {
    return(list(values = matrix(numeric(), n, 0L), others = NULL))
  }
  table <- .coordsTable(coords, spots)
  rows <- .coordsRows(
    table$names, spots, nrow(table$values), n, table$place
  )
  values <- table$values[rows, , drop = FALSE]
  if (is.null(colnames(values))) {
    colnames(values) <- .keys$COORDINATES[seq_len(ncol(values))]
  }
  storage.mode(values) <- "double"
  rownames(values) <- spots
  list(values = values, others = if (length(table$others)) {
    table$others[rows, , drop = FALSE]
  })
}

# The numbers, the names of the rows if there are any and where they stand,
# and what is left.
.coordsTable <- function(coords, spots) {
  if (is.data.frame(coords) || is(coords, "DataFrame")) {
    return(.coordsFrame(coords, spots))
  }
  .refuseIf(
    length(dim(coords)) != 2L,
    "`coords` to be numeric, spots by two or three coordinates",
    .describe(coords), "Give one row for each spot."
  )
  values <- as.matrix(coords)
  if (is.character(values)) {
    values[] <- .textAsNumbers(values, "numbers in `coords`")
    storage.mode(values) <- "double"
  }
  .refuseIf(
    !is.numeric(values), "numbers as coordinates",
    sprintf("values of type %s", typeof(values)), "Convert them to numbers."
  )
  list(
    values = .twoOrThree(values), names = rownames(values),
    place = "rownames(coords)"
  )
}

.coordsFrame <- function(table, spots) {
  # Row names that nobody gave are no names of spots.
  automatic <- is.data.frame(table) && .row_names_info(table) < 0L
  names <- if (!automatic) rownames(table)
  table <- .withNumbers(DataFrame(as.list(table), check.names = FALSE))
  numbers <- vapply(table, function(column) {
    is.numeric(column) && is.null(dim(column))
  }, NA)
  barcodes <- .barcodes(table, names, spots)
  if (length(barcodes)) {
    names <- as.character(table[[barcodes]])
  }
  values <- as.matrix(as.data.frame(table[numbers], optional = TRUE))
  values <- .twoOrThree(values, names(table))
  others <- setdiff(names(table), c(colnames(values), barcodes))
  list(
    values = values, names = names, others = table[others],
    place = if (length(barcodes)) {
      sprintf("coords$%s", barcodes)
    } else {
      "rownames(coords)"
    }
  )
}

# Columns whose names say that they are x, y or z hold numbers, also where they
# were read as text.
.withNumbers <- function(table) {
  isText <- function(column) is.character(column) || is.factor(column)
  for (name in names(table)[.axes(names(table))$columns]) {
    if (isText(table[[name]])) {
      table[[name]] <- .textAsNumbers(
        table[[name]],
        sprintf("numbers in column '%s' of the coordinates", name)
      )
    }
  }
  table
}

.textAsNumbers <- function(text, what) {
  text <- as.character(text)
  found <- suppressWarnings(as.numeric(text))
  given <- !is.na(text) & !text %in% c("NA", "NaN", "")
  wrong <- unique(text[is.na(found) & given])
  .refuseIf(
    length(wrong), what,
    sprintf("%d values of text (%s)", length(wrong), .some(wrong)),
    "Correct these, or set them to NA."
  )
  found
}

# The column with the names of the spots, if it has more of them than the row
# names have: text without a value twice.
.barcodes <- function(table, names, spots) {
  text <- names(table)[vapply(table, function(column) {
    (is.character(column) || is.factor(column)) && !anyDuplicated(column)
  }, NA)]
  matches <- vapply(text, function(name) {
    sum(as.character(table[[name]]) %in% spots)
  }, 0L)
  # One that has none is shown beside the spots' names.
  least <- if (is.null(names)) 0L else sum(spots %in% names) + 1L
  if (any(matches >= least)) text[which.max(matches)]
}

# The columns of x, y and z: by their names, or two or three in this order.
.twoOrThree <- function(values, columns = colnames(values)) {
  values <- .ordered(values)
  .refuseIf(
    !ncol(values) %in% 2:3, "coordinates with a column x and a column y",
    if (length(columns)) {
      sprintf("the columns %s", .some(columns, 8L))
    } else {
      sprintf("%d column(s)", ncol(values))
    },
    paste(
      "Name the columns x and y, or keep two or three columns of numbers in",
      "the order x, y, z."
    )
  )
  values
}

# Which row has which spot: by name where rows have names, else in order.
.coordsRows <- function(names, spots, found, n, place) {
  if (is.null(names) || is.null(spots)) {
    .refuseIf(
      found != n, sprintf("coordinates for %d spots", n),
      sprintf("%d rows", found),
      "Give one row for each spot, or rows with the names of the spots."
    )
    return(seq_len(n))
  }
  lost <- setdiff(spots, names)
  .refuseIf(
    length(lost), "coordinates for every spot", sprintf(
      "none for %d of %d (%s; the rows of `coords` are %s)",
      length(lost), n, .some(lost), .some(names)
    ),
    .renamed(lost, names, place)
  )
  twice <- intersect(names[duplicated(names)], spots)
  .refuseIf(
    length(twice), "coordinates of every spot once",
    sprintf("%d more than once (%s)", length(twice), .some(twice)),
    "Keep one row for each spot."
  )
  match(spots, names)
}

# --- names that differ -------------------------------------------------------

# How names are changed on their way: the code that undoes it, and its words.
.renamings <- c(
  "make.names(%s)" = paste(
    "R has changed the names on one side: make.names(), as by read.csv() or",
    "data.frame() without check.names = FALSE"
  ),
  "sub(\"-[0-9]+$\", \"\", %s)" =
    "The names differ in the number after the dash, such as -1",
  "sub(\"^.*_\", \"\", %s)" =
    "The names differ in what stands before the last \"_\"",
  "sub(\"_[^_]*$\", \"\", %s)" =
    "The names differ in what stands after the last \"_\"",
  "toupper(%s)" = "The names differ in upper and lower case"
)

# Why the spots' names are not those of the rows, with the line that mends it;
# `place` is where the rows' names stand.
.renamed <- function(spots, rows, place) {
  for (code in names(.renamings)) {
    changed <- function(x) eval(str2lang(sprintf(code, "x")))
    at <- match(changed(spots), changed(rows))
    if (!anyDuplicated(changed(spots)) && mean(!is.na(at)) > 0.5) {
      example <- which(!is.na(at))[1L]
      return(sprintf(
        "%s ('%s' is '%s' in `coords`). To match them so, set %s.",
        .renamings[[code]], spots[example], rows[at[example]], sprintf(
          "%s <- colnames(st)[match(%s, %s)]", place, sprintf(code, place),
          sprintf(code, "colnames(st)")
        )
      ))
    }
  }
  "Give every spot a row with its name."
}
