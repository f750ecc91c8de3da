# Calls of the core: plain values over, results and what was warned of back,
# errors as R conditions in R's words.

# Calls a function of bridge.py. Its result stays a Python object.
.call <- function(verb, ...) {
  answer <- .core()$call(verb, ...)
  error <- reticulate::py_to_r(answer$get("error"))
  for (warning in reticulate::py_to_r(answer$get("warnings"))) {
    .warn(
      .inR(warning$message),
      .named(.warningClasses, warning$class, "homespot_data_warning")
    )
  }
  if (!is.null(error)) {
    .abort(
      .inR(error$message),
      .named(.errorClasses, error$class, "homespot_error")
    )
  }
  answer$get("value")
}

.named <- function(table, name, otherwise) {
  if (name %in% names(table)) table[[name]] else otherwise
}

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
  .plainValues(reticulate::py_to_r(x))
}

# Python's arguments and verbs as R has them. Names within quotes are the
# user's data and stay as they are.
.words <- c(
  "st\\.obsm\\[\"spatial\"\\], or set mapping\\.varm\\[\"spatial\"\\]" =
    "`coords`, or in spatialCoords(st)",
  "map_cells\\(\\)" = "mapCells()",
  "map_cells" = "mapCells",
  "load\\(\\)" = "loadMapping()",
  "subset\\(\\)" = "map[cells, spots]",
  "combine_cells\\(\\)" = "rbind()",
  "combine_sections\\(\\)" = "combineSections()",
  "an AnnData" = "an object",
  "None" = "NULL",
  "True" = "TRUE",
  "False" = "FALSE"
)

.inR <- function(text) {
  outside <- "(?<!['\"\\w])%s(?!['\"\\w])"
  for (word in names(.words)) {
    pattern <- sprintf(
      if (grepl("^\\w+$", word)) outside else "%s", word
    )
    text <- gsub(pattern, .words[[word]], text, perl = TRUE)
  }
  # What is left in snake case, outside quotes, are arguments: n_genes.
  repeat {
    dotted <- gsub(
      "(?<!['\"\\w])([a-z]+(?:\\.[a-z]+)*)_([a-z_]+)(?!['\"\\w])",
      "\\1.\\2", text,
      perl = TRUE
    )
    if (identical(dotted, text)) {
      return(text)
    }
    text <- dotted
  }
}

.snake <- function(names) {
  gsub(".", "_", names, fixed = TRUE)
}

.dotted <- function(names) {
  gsub("_", ".", names, fixed = TRUE)
}

# A whole number given as a double becomes an integer where Python's default
# is one, or where a whole number is all that makes sense.
.whole <- function(x) {
  if (is.numeric(x) && length(x) == 1L && is.finite(x) && x == round(x) &&
        abs(x) <= .Machine$integer.max) {
    as.integer(x)
  } else {
    x
  }
}
