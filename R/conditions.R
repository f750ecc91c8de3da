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

.abort <- function(message, class = "homespot_input_error") {
  rlang::abort(
    message,
    class = unique(c(class, "homespot_error")), call = NULL
  )
}

.refuse <- function(what, found, remedy, class = "homespot_input_error") {
  .abort(.expected(what, found, remedy), class)
}

.warn <- function(message, class = "homespot_data_warning") {
  rlang::warn(message, class = class)
}

# Names the first n: 'a', 'b', 'c', ...
.some <- function(names, n = 3L) {
  shown <- paste0("'", utils::head(names, n), "'", collapse = ", ")
  if (length(names) > n) paste0(shown, ", ...") else shown
}

.describe <- function(x) {
  if (is.null(x)) {
    "NULL"
  } else if (is.atomic(x) && length(x) == 1L && is.null(dim(x))) {
    if (is.character(x)) paste0("'", x, "'") else format(x)
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

.checkString <- function(x, name) {
  if (!is.character(x) || length(x) != 1L || is.na(x)) {
    .refuse(
      sprintf("`%s` to be one string", name), .describe(x), "Give one name."
    )
  }
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
  if (!is.character(x) || length(x) != 1L || !x %in% choices) {
    .refuse(
      sprintf("`%s` to be one of %s", name, .some(choices, length(choices))),
      .describe(x), "Use one of these."
    )
  }
  x
}
