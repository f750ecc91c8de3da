# Calls of the core: plain values over, results and warnings back, errors as R
# conditions. The core writes its messages in R's words.

# Calls what the core offers to R under a name. The result stays a Python
# object. `.sides` are the user's data sets by "sc" and "st", for the lines of
# code in messages.
.call <- function(verb, ..., .sides = NULL) {
  .checkText(list(...))
  core <- .core()
  # Python looked at the environment when it started, and R's may be another
  # by now.
  core$set_threads(Sys.getenv("OMP_NUM_THREADS"))
  .state$failure <- NULL
  answer <- tryCatch(core$call(
    verb, ..., sides = .sidesOfMessages(.sides)
  ), error = function(e) {
    # reticulate turns an interruption while values cross into its own error.
    if (inherits(e, "C++Error") && .fetch(core$interrupted())) {
      rlang::interrupt()
    }
    stop(if (is.null(.state$failure)) e else .state$failure)
  })
  answer <- .answered(answer)
  error <- .fetch(answer$get("error"))
  for (line in .fetch(answer$get("memory"))) {
    message("Takes ", line, ".")
  }
  for (warning in .fetch(answer$get("warnings"))) {
    .warn(
      .withBetterRemedy(warning, .sides)$message,
      .entryOr(.warningClasses, warning$class, "homespot_data_warning")
    )
  }
  if (!is.null(error)) {
    error <- .withBetterRemedy(error, .sides)
    .abort(
      error$message, .entryOr(.errorClasses, error$class, "homespot_error"),
      error$what, error$found, error$remedy
    )
  }
  answer$get("value")
}

# Values cross without an interruption, which reticulate would lose, or take for
# an error of Python's. It comes right after, where R sleeps for no time.
.uninterrupted <- function(expr) {
  value <- suspendInterrupts(expr)
  Sys.sleep(0)
  value
}

# What Python answered: its parts are taken out in this way.
.answered <- function(x) {
  if (inherits(x, "python.builtin.object") && !inherits(x, "homespotRemote")) {
    class(x) <- unique(c("homespotAnswer", class(x)))
  }
  x
}

#' @export
`$.homespotAnswer` <- function(x, name) {
  function(...) {
    .answered(.uninterrupted(reticulate::py_get_attr(x, name)(...)))
  }
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

# What the core's messages say of each side: its name in the call and its kind.
.sidesOfMessages <- function(sides) {
  Map(function(side, name) {
    list(
      called = .called(name, side), seurat = isTRUE(side$seurat),
      assay = side$seuratAssay %||% "", fixed = isTRUE(side$fixed),
      bare = isTRUE(side$bare), several = !is.null(side$sections)
    )
  }, sides, names(sides))
}

.entryOr <- function(table, name, otherwise) {
  if (name %in% names(table)) table[[name]] else otherwise
}

.snake <- function(names) {
  gsub(".", "_", names, fixed = TRUE)
}

.dotted <- function(names) {
  gsub("_", ".", names, fixed = TRUE)
}
