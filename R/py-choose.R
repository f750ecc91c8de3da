# Which Python computes. In this order: the one that is already loaded, or
# hosts this R process; the one that the user named; the basilisk environment.
# One that lacks something is an error, and never a reason to try the next.

.state <- new.env(parent = emptyenv())

# The door to the core, opened once per session.
.core <- function() {
  .refuseIf(
    .state$owner != Sys.getpid(), "the R process that has loaded homespot",
    "a fork of it", paste(
      "Compiled code hangs or dies there: use fresh processes, as",
      "BiocParallel::SnowParam() and parallel::makePSOCKcluster() start them."
    ),
    "homespot_error"
  )
  if (is.null(.state$bridge)) {
    .state$bridge <- if (basilisk::getBasiliskShared()) {
      .connect()
    } else {
      .startProcess(.namedPython())
    }
  }
  .state$bridge
}

.onLoad <- function(libname, pkgname) {
  .state$owner <- Sys.getpid()
}

.connect <- function() {
  why <- .loadedPython()
  if (is.null(why)) {
    named <- .namedPython()
    why <- if (is.null(named)) .loadBasilisk() else .startNamed(named)
  }
  config <- reticulate::py_config()
  found <- .inspectLoaded()
  .requireCore(found, config$python, loaded = TRUE)
  bridge <- .importBridge(found)
  about <- reticulate::py_to_r(bridge$about())
  if (!identical(about$version, .ownVersion())) {
    .refuseVersion(about$version, config$python)
  }
  .state$python <- structure(
    list(
      python = config$python, why = why, version = found$python,
      homespot = about$version, core = about$folder, device = about$device,
      packages = Filter(nzchar, unlist(found$packages))
    ),
    class = "homespotPython"
  )
  bridge
}

.ownVersion <- function() {
  as.character(utils::packageVersion("homespot"))
}

# --- 1. already loaded -------------------------------------------------------

# Why the loaded Python is used, or NULL where none is loaded.
.loadedPython <- function() {
  why <- if (reticulate::py_available(initialize = FALSE)) {
    "it was already loaded into this R process"
  } else if (.isHosted()) {
    "it hosts this R process"
  }
  named <- .namedPython()
  if (!is.null(why) && !is.null(named) &&
        !.samePrefix(named$python, .inspectLoaded()$prefix)) {
    why <- sprintf(
      "%s (%s names %s, which cannot be loaded beside it)",
      why, named$by, named$python
    )
  }
  why
}

# Whether a Python hosts this process. reticulate looks for that first; with a
# RETICULATE_PYTHON that does not exist it stops before it looks for more.
.isHosted <- function() {
  nowhere <- tempfile("no-python-")
  config <- tryCatch(
    .withEnv("RETICULATE_PYTHON", nowhere, reticulate::py_discover_config()),
    error = function(e) NULL
  )
  !is.null(config)
}

.withEnv <- function(name, value, expr) {
  old <- Sys.getenv(name, unset = NA)
  on.exit(if (is.na(old)) {
    Sys.unsetenv(name)
  } else {
    do.call(Sys.setenv, stats::setNames(list(old), name))
  })
  do.call(Sys.setenv, stats::setNames(list(value), name))
  force(expr)
}

# --- 2. named by the user ----------------------------------------------------

.namedPython <- function() {
  option <- getOption("homespot.python")
  variable <- Sys.getenv("RETICULATE_PYTHON")
  if (!is.null(option)) {
    list(
      python = .pythonPath(.checkString(option, "options(homespot.python)")),
      by = "options(homespot.python)"
    )
  } else if (nzchar(variable) && variable != "managed") {
    list(python = .pythonPath(variable), by = "RETICULATE_PYTHON")
  }
}

# A virtual environment stands for its Python.
.pythonPath <- function(path) {
  path <- path.expand(path)
  if (dir.exists(path)) {
    inside <- file.path(path, c("bin/python", "Scripts/python.exe", "python"))
    inside <- inside[file.exists(inside) & !dir.exists(inside)]
    if (length(inside)) {
      path <- inside[1L]
    }
  }
  path
}

.startNamed <- function(named) {
  found <- .inspectFile(named)
  .requireCore(found, named$python, loaded = FALSE)
  .withEnv("RETICULATE_PYTHON", named$python, reticulate::py_config())
  if (!identical(.inspectLoaded()$prefix, found$prefix)) {
    .refusePython(
      sprintf("Python %s, which %s names", named$python, named$by),
      sprintf("reticulate running %s", reticulate::py_config()$python),
      .ways(loaded = TRUE)
    )
  }
  sprintf("%s names it", named$by)
}

# --- 3. basilisk -------------------------------------------------------------

# The process that basilisk gives: this one (an environment), or a cluster of
# one.
.startBasilisk <- function(shared) {
  .allowDownload(homespotEnv, "a Python environment", c(
    "Make the environment once: homespotSetup()",
    "Allow it beforehand: options(homespot.download = TRUE)",
    paste("Name", .nameAnother)
  ))
  # fork = FALSE whatever getBasiliskFork() says.
  .tryMaking(
    basilisk::basiliskStart(homespotEnv, fork = FALSE, shared = shared)
  )
}

.tryMaking <- function(expr) {
  tryCatch(
    expr,
    error = function(e) {
      .refusePython(
        "a Python environment made by basilisk",
        sprintf("an error (%s)", conditionMessage(e)), .basiliskWays()
      )
    }
  )
}

.loadBasilisk <- function() {
  process <- .startBasilisk(shared = TRUE)
  if (!is.environment(process)) {
    basilisk::basiliskStop(process)
    .refusePython(
      "a Python environment that can be loaded into this R process",
      "basilisk's fall-back to an R of its own", .basiliskWays()
    )
  }
  .basiliskMadeIt
}

.basiliskMadeIt <- "basilisk made it, since no Python is loaded or named"

# Whether an environment is kept in the package's folder, which holds only what
# configure makes.
.inPackage <- function(environment) {
  identical(Sys.getenv("BASILISK_USE_SYSTEM_DIR"), "1") && identical(
    methods::slot(environment, "envname"), methods::slot(homespotEnv, "envname")
  )
}

# Where basilisk keeps an environment, in either generation of it.
.environmentPath <- function(environment) {
  name <- methods::slot(environment, "envname")
  if (.inPackage(environment)) {
    return(system.file("basilisk", name, package = "homespot"))
  }
  # basilisk's own, or what it imports.
  external <- get("getExternalDir", envir = asNamespace("basilisk"))
  file.path(external(), "homespot", .ownVersion(), name)
}

# Whether basilisk would download nothing. The older generation makes an
# environment anew if the conda that made it is gone.
.isMade <- function(environment) {
  conda <- get0("getCondaDir", envir = asNamespace("basilisk"))
  needed <- c(
    .environmentPath(environment),
    if (!is.null(conda) && !.inPackage(environment)) {
      .withEnv("BASILISK_USE_SYSTEM_DIR", "0", conda())
    }
  )
  all(dir.exists(needed))
}

# Lets an environment be made if somebody agrees. `what` it is begins the
# question; `ways` are the ways out where nobody does.
.allowDownload <- function(environment, what, ways) {
  if (.isMade(environment)) {
    return(invisible())
  }
  what <- sprintf(
    "%s, which basilisk makes (%s)", what,
    .download(methods::slot(environment, "envname"))
  )
  allowed <- isTRUE(getOption("homespot.download"))
  if (!allowed && !interactive()) {
    .refusePython(what, "none yet, and nobody to ask", ways)
  }
  message("homespot: making ", what, ".")
  if (!allowed && !isTRUE(utils::askYesNo("Go on?"))) {
    .refusePython(what, "none yet, and no consent", ways)
  }
}

# --- the core ----------------------------------------------------------------

.importBridge <- function(found) {
  if (nzchar(found$host)) {
    if (!identical(found$host, .ownVersion())) {
      .refuseVersion(found$host, reticulate::py_config()$python)
    }
    return(reticulate::import("homespot.bridge", convert = FALSE))
  }
  path <- system.file("python", package = "homespot", mustWork = TRUE)
  # Nothing is compiled into the installed package.
  system <- reticulate::import("sys", convert = FALSE)
  old <- reticulate::py_to_r(system$dont_write_bytecode)
  reticulate::py_set_attr(system, "dont_write_bytecode", TRUE)
  on.exit(reticulate::py_set_attr(system, "dont_write_bytecode", old))
  reticulate::import_from_path("homespot.bridge", path, convert = FALSE)
}
