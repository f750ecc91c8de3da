# COME, and GPUs, need torch, which is most of a gigabyte to several. The
# environment that basilisk makes at first has none; one with torch is made when
# it is first asked for. A session whose Python has no torch keeps its Python,
# and such a verb runs as a whole in an R process of its own, which is kept.

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
  "torch" %in% unlist(.fetch(.core()$lacking(unname(as.list(methods)), device)))
}

# Whether COME can run, with nothing made; the reason is a message where not.
.hasTorch <- function() {
  if (!.lacksTorch("come", "cpu")) {
    return(TRUE)
  }
  made <- .withEnv("BASILISK_USE_SYSTEM_DIR", "0", .isMade(.torchEnv()))
  if (is.null(getOption("homespot.torch.python")) && !made) {
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
  # configure makes no such environment, so it is not in the package's folder.
  .withEnv("BASILISK_USE_SYSTEM_DIR", "0", {
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
    .pythonPath(.made(basilisk::obtainEnvironmentPath(.torchEnv())))
  })
}

# --- the process -------------------------------------------------------------

# Runs an exported verb in the process that has torch, with plain R objects.
.withTorch <- function(verb, arguments) {
  if (is.null(.state$torch)) {
    .state$torch <- .startOther(.torchPython())
  }
  if (is.function(arguments$progress) || identical(arguments$progress, "log")) {
    .refuse(
      "`progress` to be TRUE, FALSE or NULL where torch is in another process",
      .describe(arguments$progress), "Leave it out."
    )
  }
  arguments$progress <- FALSE
  answer <- .askOther(.state$torch, verb, arguments)
  for (warning in answer$warnings) {
    .warn(warning$message, warning$class)
  }
  answer$value
}

.startOther <- function(python) {
  message(
    "homespot: this Python has no torch, so an R process of its own runs ",
    "the method, with ", python, "."
  )
  cluster <- parallel::makePSOCKcluster(1L)
  pid <- parallel::clusterCall(
    cluster, .prepared, .libPaths(), python
  )[[1L]]
  list(cluster = cluster, pid = pid)
}

.endOther <- function() {
  tools::pskill(.state$torch$pid)
  try(parallel::stopCluster(.state$torch$cluster), silent = TRUE)
  .state$torch <- NULL
}

.askOther <- function(other, verb, arguments) {
  answered <- FALSE
  on.exit(if (!answered) .endOther())
  answer <- .sent(
    other$cluster, ".captured",
    list(verb, arguments, Sys.getenv("OMP_NUM_THREADS"))
  )
  answered <- TRUE
  .valueOf(answer)
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
