# Errors and warnings: one form of message, one set of classes, the same as
# those of the Python core.

# Says what was expected, what was found and what to do.
.expected <- function(what, found, remedy) {
  sprintf("Expected %s, found %s. %s", what, found, remedy)
}

.errorClasses <- c(
  InputError = "homespot_input_error",
  DeviceError = "homespot_device_error",
  DependencyError = "homespot_dependency_error",
  TooLargeError = "homespot_too_large_error",
  HomespotError = "homespot_error"
)

.warningClasses <- c(
  DataWarning = "homespot_data_warning",
  ConvergenceWarning = "homespot_convergence_warning"
)

# The parts of the message are fields of the condition. Names of the user's
# that cannot be printed stand in it by their bytes.
.abort <- function(
    message, class = "homespot_input_error", what = "", found = "",
    remedy = "") {
  rlang::abort(
    .printable(message),
    class = unique(c(class, "homespot_error")), call = NULL,
    what = .printable(what), found = .printable(found),
    remedy = .printable(remedy)
  )
}

.refuse <- function(what, found, remedy, class = "homespot_input_error") {
  .abort(.expected(what, found, remedy), class, what, found, remedy)
}

# Refuses what the condition says. The words are only made where it holds.
.refuseIf <- function(
    condition, what, found, remedy, class = "homespot_input_error") {
  if (condition) {
    .refuse(what, found, remedy, class)
  }
}

.warn <- function(message, class = "homespot_data_warning") {
  rlang::warn(message, class = class)
}

# Names the first n: 'a', 'b', 'c', ...
.some <- function(names, n = 3L) {
  shown <- .printable(as.character(utils::head(names, n)))
  shown <- paste0("'", shown, "'", collapse = ", ")
  if (length(names) > n) paste0(shown, ", ...") else shown
}

.describe <- function(x) {
  if (is.null(x)) {
    "NULL"
  } else if (is.atomic(x) && length(x) == 1L && is.null(dim(x))) {
    if (is.character(x)) paste0("'", .printable(x), "'") else format(x)
  } else if (!is.null(dim(x))) {
    class <- class(x)[1L]
    sprintf(
      "%s %s of %s", if (grepl("^[AEIOUaeiou]", class)) "an" else "a", class,
      paste(dim(x), collapse = " x ")
    )
  } else if (is.atomic(x)) {
    sprintf("%s values (%s)", length(x), class(x)[1L])
  } else {
    sprintf("an object of class %s", class(x)[1L])
  }
}

# Text that can be printed: bytes that are no letters become <e9>.
.printable <- function(x) {
  bad <- !validEnc(x)
  x[bad] <- iconv(x[bad], "UTF-8", "ASCII", sub = "byte")
  x
}

# Python takes no text that is not what it says it is. Values within lists and
# names are looked at, too; those of Python's objects take long to list.
.checkText <- function(x) {
  if (inherits(x, "python.builtin.object")) {
    return(invisible())
  }
  if (is.list(x) && !is.object(x)) {
    lapply(x, .checkText)
  }
  for (text in list(names(x), if (is.character(x)) x)) {
    bad <- !validEnc(as.character(text))
    if (any(bad)) {
      .refuse(
        "text in UTF-8",
        sprintf("%d that is not, e.g. %s", sum(bad), .some(text[bad])),
        "Convert it, e.g. iconv(x, from = 'latin1', to = 'UTF-8')."
      )
    }
  }
}

.checkString <- function(x, name) {
  .refuseIf(
    !is.character(x) || length(x) != 1L || is.na(x),
    sprintf("`%s` to be one string", name), .describe(x), "Give one name."
  )
  .checkText(x)
  x
}

# Several of them by name; those that are optional may be NULL.
.checkStrings <- function(..., optional = FALSE) {
  given <- list(...)
  for (name in names(given)) {
    if (!optional || !is.null(given[[name]])) {
      .checkString(given[[name]], name)
    }
  }
}

.checkChoice <- function(x, choices, name) {
  if (identical(x, choices)) {
    return(choices[1L])
  }
  .refuseIf(
    !is.character(x) || length(x) != 1L || !x %in% choices,
    sprintf("`%s` to be one of %s", name, .some(choices, length(choices))),
    .describe(x), "Use one of these."
  )
  x
}

# One number that is there, here: Python takes R's NA for True. The core looks
# at the number itself.
.checkWhole <- function(x, name, low) {
  .refuseIf(
    !is.numeric(x) || length(x) != 1L || is.na(x),
    sprintf("%s to be a whole number of at least %d", name, low), .describe(x),
    "Choose such a number."
  )
  .whole(x)
}

# A value of a parameter: a whole number given as a double becomes an integer
# where Python's default is one, or the "auto" that stands for one.
.likeDefault <- function(value, default) {
  counted <- is.integer(default) || identical(default, "auto")
  if (counted) .whole(value) else value
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

# Whole numbers given as doubles; others are left to the core, which refuses
# them.
.wholes <- function(x) {
  whole <- is.finite(x) & x == round(x) & abs(x) <= .Machine$integer.max
  if (length(x) && all(whole)) {
    names <- names(x)
    x <- as.integer(x)
    names(x) <- names
  }
  x
}

.checkNumber <- function(x, name) {
  .refuseIf(
    !is.numeric(x) || length(x) != 1L || is.na(x),
    sprintf("%s to be one number", name), .describe(x), "Choose one."
  )
  x
}

.checkFlag <- function(x, name) {
  .refuseIf(
    !isTRUEorFALSE(x), sprintf("%s to be TRUE or FALSE", name), .describe(x),
    "Choose one."
  )
  x
}

.checkBoth <- function(noCells, noSpots, remedy = "Pass both data sets.") {
  .refuseIf(
    noCells || noSpots,
    if (noCells) "single-cell data as `sc`" else "spatial data as `st`",
    "none", remedy
  )
}

.requirePackage <- function(package, purpose) {
  .refuseIf(
    !requireNamespace(package, quietly = TRUE),
    sprintf("the R package %s, for %s", package, purpose),
    "that it is not installed",
    sprintf("Install it: install.packages(\"%s\").", package),
    "homespot_dependency_error"
  )
}

.requireMapping <- function(map) {
  kind <- .resultKind(map)
  .refuseIf(
    !is(map, "CellMapping"), "a CellMapping",
    if (is.null(kind)) {
      .describe(map)
    } else {
      sprintf("what %s returned, %s", kind$by, .describe(map))
    },
    paste0(
      "Give what mapCells() or loadMapping() returned.",
      if (!is.null(kind)) " A result is kept by saveRDS() or writeAnnData()."
    )
  )
  map
}

.requireCoordinates <- function(map) {
  .refuseIf(
    ncol(spatialCoords(map)) == 0L, "a map whose spots have coordinates",
    "one made without", paste(
      "Map again with `coords`, or set spatialCoords(map): spots by two or",
      "three coordinates."
    )
  )
}

# A name that stands there twice could be either.
.distinctColumns <- function(x, what) {
  twice <- unique(colnames(x)[duplicated(colnames(x))])
  .refuseIf(
    length(twice), sprintf("unique names of %s", what),
    sprintf("%s more than once", .some(twice)),
    sprintf("Give each a name of its own, and map again: %s.", .ownNames(x))
  )
}

# The line that makes the names of columns unique, by a column that says where
# cells or spots are from.
.ownNames <- function(x) {
  data <- if (is(x, "SummarizedExperiment")) colData(x)
  from <- Filter(function(name) {
    !anyDuplicated(paste(data[[name]], colnames(x)))
  }, intersect(.origins, names(data)))
  if (length(from)) {
    sprintf(
      "colnames(x) <- paste(x$%s, colnames(x), sep = \"_\")", from[1L]
    )
  } else {
    "colnames(x) <- make.unique(colnames(x))"
  }
}

.origins <- c(
  "homespot_section", "sample_id", "Sample", "sample", "section", "slide",
  "batch", "donor", "orig.ident"
)

.needColumns <- function(x, columns, what, remedy) {
  lost <- setdiff(columns, names(x))
  .refuseIf(
    length(lost), sprintf("%s with %s", what, .columns(columns)),
    sprintf("none of %s", .some(lost, length(lost))), remedy
  )
}

.columns <- function(names) {
  sprintf(
    "%s %s", ngettext(length(names), "the column", "the columns"),
    .some(names, length(names))
  )
}

.checkNumbers <- function(x, table) {
  kind <- if (is(x, "sparseMatrix")) {
    "double"
  } else {
    .onDisk(DelayedArray::type(x))
  }
  .refuseIf(
    !kind %in% c("double", "integer", "logical"),
    sprintf("numbers in the %s", table), sprintf("values of type %s", kind),
    "Convert them to numbers."
  )
}

# A matrix on disk may have lost its file. Every package says so in its own
# words.
.onDisk <- function(expr) {
  tryCatch(expr, error = function(e) {
    said <- conditionMessage(e)
    file <- regmatches(said, regexec("['\"]([^'\"]*[/\\\\][^'\"]*)['\"]", said))
    file <- c(file[[1L]], NA, NA)[2L]
    gone <- !is.na(file) && !file.exists(file)
    .refuse(
      "a matrix that can be read", if (gone) {
        sprintf("no file '%s', in which it was", file)
      } else {
        sprintf("one that cannot be read (%s)", said)
      },
      if (gone) {
        "Put the file back to this place, or load the data again."
      } else {
        "Check the file that it is in."
      }
    )
  })
}

# `cells` is what lists the columns that have coordinates, if there is such.
.finite <- function(coords, cells = NULL, code = "st") {
  force(coords)
  bad <- which(rowSums(!is.finite(coords)) > 0)
  .refuseIf(
    length(bad), "finite coordinates of every spot", sprintf(
      "%d spot(s) with missing or infinite ones (%s)",
      length(bad), .some(rownames(coords)[bad])
    ),
    if (is.null(cells)) {
      "Drop these spots first, or take the coordinates out."
    } else {
      sprintf(
        "To leave them out, set %s <- subset(%s, cells = %s).", code, code,
        gsub("%s", code, cells, fixed = TRUE)
      )
    }
  )
  coords
}
