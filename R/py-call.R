# Calls of the core: plain values over, results and what was warned of back,
# errors as R conditions in R's words.

# Calls a function of bridge.py. Its result stays a Python object. `.of` are the
# sides that messages speak of; see words.R.
.call <- function(verb, ..., .of = NULL) {
  core <- .core()
  # Python looked at the environment when it started, and R's may be another
  # by now.
  core$set_threads(Sys.getenv("OMP_NUM_THREADS"))
  .state$failure <- NULL
  answer <- tryCatch(core$call(verb, ...), error = function(e) {
    stop(if (is.null(.state$failure)) e else .state$failure)
  })
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

# A function of the user's for Python, which makes another error of the
# function's error on the way; .call() signals the function's own.
.ofUser <- function(f) {
  function(...) {
    tryCatch(f(...), error = function(e) {
      .state$failure <- e
      stop(e)
    })
  }
}

.named <- function(table, name, otherwise) {
  if (name %in% names(table)) table[[name]] else otherwise
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
