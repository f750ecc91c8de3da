# Methods and their parameters as Python takes them.

# The method's own parameters, by their Python names and types.
.methodArguments <- function(method, given) {
  if (length(given) == 0L) {
    return(given)
  }
  known <- .toR(.call("method_parameters", method))
  named <- names(given)
  if (is.null(named) || !all(nzchar(named)) ||
        !all(.snake(named) %in% names(known))) {
    unknown <- setdiff(.snake(named), names(known))
    .refuse(
      sprintf(
        "parameters of method '%s' (%s)", method,
        paste(.dotted(names(known)), collapse = ", ")
      ),
      if (length(unknown) && all(nzchar(unknown))) {
        .some(.dotted(unknown))
      } else {
        "some without a name"
      },
      "Check the spelling."
    )
  }
  names(given) <- .snake(named)
  given[] <- Map(function(value, default, name) {
    if (name %in% .tableParameters && .areLabels(value)) {
      return(.labelValues(value, .dotted(name)))
    }
    .refuseIf(
      !is.null(value) &&
        (is.function(value) || length(value) != 1L || anyNA(value)),
      sprintf("%s to be one value", .dotted(name)), .describe(value),
      "Choose one."
    )
    .likeDefault(value, default)
  }, given, known[names(given)], names(given))
  given
}

# By name: a function, or a list of the method's name and its settings.
.methods <- function(method, name, preset, given) {
  single <- is.character(method) && length(method) == 1L &&
    is.null(names(method))
  if (single) {
    settings <- c(if (!is.null(preset)) {
      list(preset = .checkString(preset, "preset"))
    }, given)
    chosen <- .methodWithSettings(c(list(method), settings))
    return(stats::setNames(list(chosen), method))
  }
  .refuseIf(
    !is.null(preset) || length(given),
    "a preset and parameters with one method by name only",
    .some(c(if (!is.null(preset)) "preset", .namesOrEmpty(given))),
    "Pass list(name = list(method, parameter = value))."
  )
  if (is.function(method)) {
    return(stats::setNames(list(method), name))
  }
  names <- names(method)
  if (is.character(method) && is.null(names)) {
    names <- method
  }
  .refuseIf(
    !(is.list(method) || is.character(method)) || is.null(names) ||
      anyNA(names) || !all(nzchar(names)) || anyDuplicated(names),
    paste(
      "a method: its name, a function of cells and spots, or several by",
      "names, each once"
    ),
    .describe(method),
    "Pass list(name = \"ssa\", other = function(sc, st) ...)."
  )
  stats::setNames(lapply(as.list(method), .methodWithSettings), names)
}

.namesOrEmpty <- function(given) {
  if (is.null(names(given))) rep("", length(given)) else names(given)
}

.methodWithSettings <- function(x) {
  if (is.function(x)) {
    return(x)
  }
  x <- as.list(x)
  .refuseIf(
    !length(x) || !is.character(x[[1L]]) || length(x[[1L]]) != 1L ||
      is.na(x[[1L]]),
    paste(
      "a method: its name, a list of its name and parameters, or a function",
      "of cells and spots"
    ),
    .describe(x), "Use one of these."
  )
  settings <- x[-1L]
  preset <- settings$preset
  settings$preset <- NULL
  settings <- .methodArguments(x[[1L]], settings)
  if (!is.null(preset)) {
    settings$preset <- .checkString(preset, "preset")
  }
  list(x[[1L]], settings)
}

.methodsToPython <- function(methods) {
  methods <- lapply(methods, function(method) {
    if (is.function(method)) {
      .call("r_method", .methodFromR(method), .codeOf(method))
    } else {
      list(method[[1L]], .dict(method[[2L]]))
    }
  })
  .dict(methods)
}

# What tells one function from another in the file of finished folds.
.codeOf <- function(f) {
  paste("function", rlang::hash(list(deparse(args(f)), deparse(body(f)))))
}

# A function of the user's as Python calls it.
.methodFromR <- function(f) {
  .atPython(".callable", f)
}

.callable <- function(f) {
  reticulate::r_to_py(.ofUser(function(cells, spots) {
    .mapFromMethod(f(.dataOfMethod(cells), .dataOfMethod(spots)))
  }), convert = FALSE)
}

# One side as a function gets it.
.dataOfMethod <- function(value) {
  names <- list(.toR(value$get("genes")), .toR(value$get("names")))
  counts <- value$get("counts")
  assays <- list(
    counts = if (!is.null(.fetch(counts))) .fromPython(counts),
    logcounts = .fromPython(value$get("log"))
  )
  assays <- lapply(Filter(Negate(is.null), assays), function(assay) {
    dimnames(assay) <- names
    assay
  })
  data <- .frame(
    .columnsFromPython(value$get("columns")), length(names[[2L]])
  )
  rownames(data) <- names[[2L]]
  coords <- .fetch(value$get("coordinates"))
  if (is.null(coords)) {
    return(SingleCellExperiment(assays, colData = data))
  }
  colnames(coords) <- .keys$COORDINATES[seq_len(ncol(coords))]
  SpatialExperiment(assays = assays, colData = data, spatialCoords = coords)
}

# What a function returned, for Python to check.
.mapFromMethod <- function(p) {
  if (is(p, "CellMapping")) {
    return(list(mapping = .mappingToPython(p)))
  }
  .refuseIf(
    length(dim(p)) != 2L || is.data.frame(p) || is(p, "DataFrame"),
    "a map of cells x spots from the method", .describe(p), paste(
      "Return a matrix of probabilities, cells x spots, every row summing",
      "to 1."
    )
  )
  .checkNumbers(p, "map")
  names <- dimnames(p)
  list(
    matrix = .mapToPython(p), cells = .namesToPython(names[[1L]], "cells"),
    spots = .namesToPython(names[[2L]], "spots")
  )
}

.functionName <- function(expr) {
  if (is.name(expr)) as.character(expr) else "function"
}
