# Calls of the core: plain values over, results and what was warned of back,
# errors as R conditions in R's words.

# Calls a function of bridge.py. Its result stays a Python object. `.of` are the
# sides that messages speak of; see words.R.
.call <- function(verb, ..., .of = NULL) {
  core <- .core()
  # Python looked at the environment when it started, and R's may be another
  # by now.
  core$set_threads(Sys.getenv("OMP_NUM_THREADS"))
  answer <- core$call(verb, ...)
  error <- .fetch(answer$get("error"))
  for (warning in .fetch(answer$get("warnings"))) {
    .warn(
      .inR(warning$message, .of),
      .named(.warningClasses, warning$class, "homespot_data_warning")
    )
  }
  if (!is.null(error)) {
    .abort(
      .inR(error$message, .of),
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

# The core's arguments, asked for once, and those in snake case.
.knownArguments <- function() {
  if (is.null(.state$arguments)) {
    .state$arguments <- as.vector(.fetch(.core()$argument_names()))
  }
  .state$arguments
}

.argumentNames <- function() {
  grep("_", .knownArguments(), fixed = TRUE, value = TRUE)
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
