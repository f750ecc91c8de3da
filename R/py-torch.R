# COME and GPUs need torch, which is large. The environment that basilisk makes
# at first has no torch; one with torch is made when it is first asked for. A
# session whose Python has no torch keeps its Python: a verb that needs torch
# runs as a whole in another R process, which stays for the next call.

.torchEnv <- function() {
  basilisk::BasiliskEnvironment(
    envname = "torch", pkgname = "homespot",
    packages = methods::slot(homespotEnv, "packages"),
    pip = c(methods::slot(homespotEnv, "pip"), .torchPin)
  )
}

.torchPin <- "torch==2.13.0"

# Whether this Python lacks what the methods or the device need.
.lacksTorch <- function(methods, device) {
  .checkText(c(methods, device))
  "torch" %in% unlist(.fetch(.core()$lacking(unname(as.list(methods)), device)))
}

# Whether COME can run, with nothing made; the reason is a message where not.
.hasTorch <- function() {
  if (!.lacksTorch("come", "cpu")) {
    return(TRUE)
  }
  if (is.null(getOption("homespot.torch.python")) && !.isMade(.torchEnv())) {
    message(
      "homespot: there is no Python environment with torch yet. ",
      "homespotSetup(torch = TRUE) makes it (", .download("torch"), ")."
    )
    return(FALSE)
  }
  .torchPython()
  TRUE
}

# --- which Python it is ------------------------------------------------------

# The path of a Python with torch; the environment is made if that is allowed.
.torchPython <- function() {
  named <- getOption("homespot.torch.python")
  if (!is.null(named)) {
    by <- "options(homespot.torch.python)"
    path <- .pythonPath(.checkString(named, by))
    found <- .inspectFile(list(python = path, by = by))
    .requireCore(
      found, path,
      loaded = FALSE, needed = c(.needed, .neededByCome)
    )
    return(path)
  }
  .allowDownload(
    .torchEnv(), "a Python environment with torch for COME and GPUs",
    c(
      "Make it once: homespotSetup(torch = TRUE)",
      "Allow it beforehand: options(homespot.download = TRUE)",
      paste(
        "Name a Python with torch: options(homespot.torch.python =",
        "\"/path/to/python\")"
      )
    )
  )
  .pythonPath(.tryMaking(.withEnv(
    "BASILISK_USE_SYSTEM_DIR", "0",
    basilisk::obtainEnvironmentPath(.torchEnv())
  )))
}

# --- the process -------------------------------------------------------------

# Runs an exported verb in the process that has torch, with plain R objects.
.withTorch <- function(verb, arguments) {
  if (.isOfUser(arguments$progress)) {
    .refuseProgress(arguments$progress)
  }
  arguments$progress <- FALSE
  if (is.null(.state$torch)) {
    .startTorch(.torchPython())
  }
  answered <- FALSE
  on.exit(if (!answered) .endTorch())
  answer <- .answerOf(
    .state$torch$cluster, ".captured",
    list(verb, arguments, Sys.getenv("OMP_NUM_THREADS"))
  )
  answered <- TRUE
  found <- .valueOf(answer)
  for (warning in found$warnings) {
    .warn(warning$message, warning$class)
  }
  found$value
}

.startTorch <- function(python) {
  message(
    "homespot: this Python has no torch, so an R process of its own runs ",
    "the method, with ", python, "."
  )
  .state$torch <- list(cluster = parallel::makePSOCKcluster(1L))
  ready <- FALSE
  on.exit(if (!ready) .endTorch())
  .state$torch$pid <- .prepare(.state$torch$cluster, python)
  ready <- TRUE
}

.endTorch <- function() {
  .kill(.state$torch$cluster, .state$torch$pid)
  .state$torch <- NULL
}

# The arguments with which a verb was called, in its frame, `...` among them.
.argumentsOf <- function(verb, frame, ..., but = NULL) {
  names <- setdiff(names(formals(verb)), c("...", but))
  c(mget(names, envir = frame), list(...))
}

# There: a verb with its warnings, which the other side gives again.
.captured <- function(verb, arguments, threads) {
  Sys.setenv(OMP_NUM_THREADS = threads)
  warnings <- list()
  value <- withCallingHandlers(
    do.call(
      get(verb, envir = asNamespace("homespot")), arguments,
      quote = TRUE
    ),
    warning = function(w) {
      warnings[[length(warnings) + 1L]] <<- list(
        message = conditionMessage(w), class = class(w)[1L]
      )
      invokeRestart("muffleWarning")
    }
  )
  list(value = value, warnings = warnings)
}
