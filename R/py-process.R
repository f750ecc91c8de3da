# Python in an R process of its own, where basilisk is told not to load it into
# this one (basilisk::setBasiliskShared(FALSE)). What crosses is plain R.
# Python's objects stay there; here they are handles, which the rest of the
# package uses as it does the objects themselves.

# Calls one of this package's internal functions where Python is. The core comes
# first: converting a value would let reticulate start a Python of its choice.
.atPython <- function(name, ...) {
  .core()
  if (is.null(.state$process)) {
    .uninterrupted(get(name, envir = asNamespace("homespot"))(...))
  } else {
    .ask(name, list(...))
  }
}

# What Python's object holds, as R's.
.fetch <- function(x) {
  if (inherits(x, "homespotRemote")) {
    .atPython(".fetch", x)
  } else {
    .uninterrupted(reticulate::py_to_r(x))
  }
}

.isNone <- function(x) {
  inherits(x, "python.builtin.NoneType")
}

#' @export
`$.homespotRemote` <- function(x, name) {
  function(...) .atPython(".method", x, name, ...)
}

#' @export
names.homespotRemote <- function(x) {
  .atPython("names", x)
}

.method <- function(object, name, ...) {
  reticulate::py_get_attr(object, name)(...)
}

# --- this side ---------------------------------------------------------------

.startProcess <- function(named) {
  if (is.null(named)) {
    cluster <- .startBasilisk(shared = FALSE)
  } else {
    .requireCore(.inspectFile(named), named$python, loaded = FALSE)
    cluster <- parallel::makePSOCKcluster(1L)
  }
  .state$process <- cluster
  ready <- FALSE
  on.exit(if (!ready) .endProcess())
  .state$pid <- .prepare(cluster, named$python)
  if (is.null(.state$pid)) {
    .refusePython(
      "a Python environment that R can load",
      "basilisk's fall-back to an R of its own", .basiliskWays()
    )
  }
  bridge <- .ask(".core", list())
  .state$python <- .ask("homespotPython", list())
  .state$python$why <- paste0(
    if (is.null(named)) .basiliskMadeIt else sprintf("%s names it", named$by),
    "; in an R process of its own, as basilisk::setBasiliskShared(FALSE) asks"
  )
  ready <- TRUE
  bridge
}

# Whatever breaks off in the middle leaves an answer that nobody reads: that
# process is of no use any more, and the next call starts another.
.endProcess <- function() {
  .kill(.state$process, .state$pid)
  .state$process <- .state$pid <- .state$bridge <- .state$python <- NULL
}

.kill <- function(cluster, pid) {
  if (!is.null(pid)) {
    tools::pskill(pid)
  }
  try(parallel::stopCluster(cluster), silent = TRUE)
}

# Loads this package there, with a Python; NULL where that is not to be had.
.prepare <- function(cluster, python) {
  parallel::clusterCall(cluster, .prepared, .libPaths(), python)[[1L]]
}

.ask <- function(name, arguments) {
  force(arguments)
  dropped <- .state$dropped
  .state$dropped <- NULL
  answered <- FALSE
  on.exit(if (!answered) .endProcess())
  answer <- .answerOf(.state$process, name, arguments, dropped)
  answered <- TRUE
  .valueOf(answer)
}

.answerOf <- function(cluster, name, arguments, dropped = NULL) {
  tryCatch(
    parallel::clusterCall(
      cluster, .answer,
      list(
        name = name, arguments = arguments, dropped = dropped, folder = getwd(),
        block = DelayedArray::getAutoBlockSize()
      )
    )[[1L]],
    error = function(e) {
      .refuse(
        "an answer of the R process that Python runs in",
        sprintf("that it ended (%s)", conditionMessage(e)),
        "If memory ran out, use less of it; the next call starts another.",
        "homespot_error"
      )
    }
  )
}

.valueOf <- function(answer) {
  if (!is.null(answer$error)) {
    do.call(.abort, answer$error)
  }
  if (is.null(answer$handle)) answer$value else .handle(answer$handle)
}

.handle <- function(about) {
  handle <- new.env(parent = emptyenv())
  handle$id <- about$id
  reg.finalizer(handle, function(handle) {
    .state$dropped <- c(.state$dropped, handle$id)
  })
  structure(list(handle), class = c("homespotRemote", about$class))
}

# --- the other side ----------------------------------------------------------

# Both find the package where the process that asks has it.
.prepared <- function(libraries, python) {
  .libPaths(libraries)
  if (!requireNamespace("homespot", quietly = TRUE)) {
    return(NULL)
  }
  basilisk::setBasiliskShared(TRUE)
  if (!is.null(python)) {
    options(homespot.python = python)
  }
  Sys.getpid()
}

.answer <- function(request) {
  get(".serve", envir = asNamespace("homespot"))(request)
}

environment(.prepared) <- environment(.answer) <- baseenv()

# An answer is plain R: a value, a handle, or an error's class and message.
.serve <- function(request) {
  # None where it was deleted.
  if (!is.null(request$folder)) {
    setwd(request$folder)
  }
  DelayedArray::setAutoBlockSize(request$block)
  if (is.null(.state$objects)) {
    .state$objects <- new.env(parent = emptyenv())
    .state$count <- 0L
  }
  rm(
    list = intersect(request$dropped, ls(.state$objects)),
    envir = .state$objects
  )
  tryCatch(
    {
      value <- do.call(
        get(request$name, envir = asNamespace("homespot")),
        .objects(request$arguments),
        quote = TRUE
      )
      if (inherits(value, "python.builtin.object")) {
        list(handle = .keepObject(value))
      } else {
        list(value = value)
      }
    },
    error = function(e) {
      list(error = list(
        class = c(intersect(class(e), .errorClasses), "homespot_error")[1L],
        # What reticulate advises cannot be done from the other side.
        message = sub("\\s*Run .*py_last_error.*$", "", conditionMessage(e)),
        what = e$what %||% "", found = e$found %||% "",
        remedy = e$remedy %||% ""
      ))
    }
  )
}

.keepObject <- function(value) {
  .state$count <- .state$count + 1L
  # No other process, started later, has an object of this name.
  id <- sprintf("%d-%d", Sys.getpid(), .state$count)
  assign(id, value, envir = .state$objects)
  list(id = id, class = class(value))
}

# Handles, also within lists, become the objects again.
.objects <- function(x) {
  if (inherits(x, "homespotRemote")) {
    get(.subset2(x, 1L)$id, envir = .state$objects)
  } else if (is.list(x) && !is.object(x)) {
    lapply(x, .objects)
  } else {
    x
  }
}
