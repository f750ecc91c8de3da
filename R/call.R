# Calls of the core: plain values over, results and what was warned of back,
# errors as R conditions in R's words.

# Calls a function of bridge.py. Its result stays a Python object.
.call <- function(verb, ...) {
  core <- .core()
  # Python looked at the environment when it started, and R's may be another
  # by now.
  core$set_threads(Sys.getenv("OMP_NUM_THREADS"))
  answer <- core$call(verb, ...)
  error <- .fetch(answer$get("error"))
  for (warning in .fetch(answer$get("warnings"))) {
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
  .plainValues(.fetch(x))
}

# What R says in other words than Python: patterns over the whole text.
# Python's tables have cells and spots in rows, R's in columns.
.sentences <- stats::setNames(
  c(
    "`coords`, or in spatialCoords(st)",
    paste(
      "The columns of the \\1 data have the names of the other's genes:",
      "pass genes x \\2, that is t(x)"
    )
  ),
  c(
    "st\\.obsm\\[\"spatial\"\\], or set mapping\\.varm\\[\"spatial\"\\]",
    paste(
      "The rows of the ([a-z-]+) data have the names of the other's genes:",
      "pass (cells|spots) x genes \\(transpose it\\)"
    )
  )
)

# Python's verbs and values as R has them.
.words <- c(
  "map_cells\\(\\)" = "mapCells()",
  "\\bmap_cells\\b" = "mapCells",
  "\\bplace_cells\\(\\)" = "placeCells()",
  "\\bcell_positions\\(\\)" = "placeCells()",
  "\\bgene_scores\\(\\)" = "scoreGenes()",
  "\\bleave_out=False\\b" = "leave.out = FALSE",
  "\\btype_distances\\(\\)" = "typeDistances()",
  "\\bcross_validate\\(\\)" = "crossValidateGenes()",
  "\\ba Series with their names\\b" = "a vector with their names",
  "\\ba DataFrame\\b" = "a table",
  "\\bload\\(\\)" = "loadMapping()",
  "\\bsubset\\(\\)" = "map[cells, spots]",
  "\\bcombine_cells\\(\\)" = "rbind()",
  "\\bcombine_sections\\(\\)" = "combineSections()",
  "\\ban AnnData\\b" = "an object",
  "\\b(s[ct])_layer\\b" = "\\1.assay.type",
  "\\bNone\\b" = "NULL",
  "\\bTrue\\b" = "TRUE",
  "\\bFalse\\b" = "FALSE"
)

# Quoted as Python quotes: the user's names and paths, which stay as they are.
# The quote within a word ("other's") opens nothing.
.quotedPiece <- paste0(
  "(?<!\\w)(",
  "'(?:[^'\\\\]|\\\\.)*'", "|", "\"(?:[^\"\\\\]|\\\\.)*\"",
  ")(?!\\w)"
)

.inR <- function(text) {
  for (pattern in names(.sentences)) {
    text <- gsub(pattern, .sentences[[pattern]], text, perl = TRUE)
  }
  at <- gregexpr(.quotedPiece, text, perl = TRUE)
  outside <- regmatches(text, at, invert = TRUE)[[1L]]
  for (pattern in names(.words)) {
    outside <- gsub(pattern, .words[[pattern]], outside, perl = TRUE)
  }
  # Arguments, and no other words: homespot_left_over is a column.
  for (name in .argumentNames()) {
    outside <- gsub(
      sprintf("(?<![\\w/.-])%s(?![\\w/-])", name), .dotted(name), outside,
      perl = TRUE
    )
  }
  regmatches(text, at, invert = TRUE) <- list(outside)
  text
}

# The core's arguments in snake case, asked for once.
.argumentNames <- function() {
  if (is.null(.state$arguments)) {
    names <- as.vector(.fetch(.core()$argument_names()))
    .state$arguments <- grep("_", names, fixed = TRUE, value = TRUE)
  }
  .state$arguments
}

.snake <- function(names) {
  gsub(".", "_", names, fixed = TRUE)
}

.dotted <- function(names) {
  gsub("_", ".", names, fixed = TRUE)
}

# One number that is there, here: Python takes R's NA for True. The core looks
# at the number itself.
.checkWhole <- function(x, name, low) {
  if (!is.numeric(x) || length(x) != 1L || is.na(x)) {
    .refuse(
      sprintf("%s to be a whole number of at least %d", name, low),
      .describe(x), "Choose such a number."
    )
  }
  .whole(x)
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
