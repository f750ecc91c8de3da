# Which Python computes. In this order: the one that is already loaded, or
# hosts this R process; the one that the user named; the basilisk environment.
# One that lacks something is an error, and never a reason to try the next.

.state <- new.env(parent = emptyenv())

# What the core imports, the oldest version it works with, and where there is
# one the version before which it has to be: the ends of pyproject.toml's
# ranges, against which a test holds them.
.needed <- c(
  anndata = "0.11.2", h5py = "3.11", numba = "0.61", numpy = "2.0",
  pandas = "2.2.2", psutil = "5.9", scipy = "1.15", threadpoolctl = "3.5",
  tqdm = "4.66", typer = "0.16"
)

# The same of what only COME and GPUs need.
.neededByCome <- c(torch = "2.4")

.below <- c(
  anndata = "1", numpy = "3", pandas = "4", scipy = "2", torch = "3"
)

# "anndata>=0.11.2,<1", as pip takes it.
.requirements <- function(names) {
  upper <- ifelse(names %in% names(.below), paste0(",<", .below[names]), "")
  paste0(names, ">=", c(.needed, .neededByCome)[names], upper)
}

.oldestPython <- "3.11"

#' Which Python computes
#'
#' @description
#' The numbers come from a core in Python, which is part of this package.
#' `homespotPython()` says which Python runs it, and why; it starts that
#' Python if none runs yet.
#' `hasPython()` tells whether there is one, and gives the reason as a message
#' where not; it installs and downloads nothing. `hasPython(torch = TRUE)` asks
#' the same for COME.
#'
#' The Python is chosen in this order:
#'
#' 1. the Python that is already loaded into this R process, or hosts it (R
#'    inside Python, by rpy2);
#' 2. the one that the user named: `options(homespot.python = )`, the path of
#'    a Python or of a virtual environment, else the environment variable
#'    `RETICULATE_PYTHON`;
#' 3. an environment that basilisk makes, with exact versions.
#'    [homespotSetup()] makes it; so does the first call, after it has said how
#'    much it downloads and, in an interactive session, asked.
#'    Elsewhere `options(homespot.download = TRUE)` allows it.
#'
#' COME and GPUs need torch, which no other method does, and which that
#' environment does not hold.
#' Where the Python that computes has none, `method = "come"` and
#' `device = "cuda"` run in an R process of their own, with the same results:
#' with the Python that `options(homespot.torch.python = )` names, else with a
#' second environment of basilisk's, which `homespotSetup(torch = TRUE)` or the
#' first use makes in the same way.
#'
#' @details
#' There is no falling through: a Python of step 1 or 2 that lacks a package
#' is an error.
#' R can load one Python per session, so another one needs a fresh session.
#' The core is loaded from the installed R package, so that both halves are of
#' one version; a homespot that a hosting Python has loaded already has to be
#' of this version.
#' homespot forks no process, and basilisk does not fork one for it: after
#' Python's compiled loops have run, forks die or hang, so in a fork of the
#' process that has loaded homespot every call is an error.
#'
#' `basilisk::setBasiliskShared(FALSE)`, before the first call, keeps Python out
#' of this process, so that another one can be loaded here: it is run by an R
#' process of its own, to which plain R objects are sent.
#' The results are the same.
#' There is no bar there, and Ctrl-C ends that process: the next call starts
#' another.
#'
#' @return
#' `homespotPython()`: a list of class `homespotPython`, which prints itself,
#' with `python` (the path), `why`, `version` (of Python), `homespot` (version
#' of the core), `core` (the folder it was loaded from), `device` (what
#' `device = "auto"` takes: `"cpu"`, or `"cuda:0"` where torch finds a GPU) and
#' `packages` (versions, named by package).
#' `hasPython()`: `TRUE` or `FALSE`.
#'
#' @param torch Whether COME has to run, too, which needs torch.
#'
#' @section Errors:
#' Of class `homespot_dependency_error` if the Python lacks a package, has one
#' that is too old or too new, has loaded a homespot of another version, or if
#' the environment cannot be made.
#' The message names what is missing and the ways out.
#'
#' @examples
#' if (hasPython()) {
#'   homespotPython()
#' }
#'
#' @export
homespotPython <- function() {
  .core()
  .state$python
}

#' @rdname homespotPython
#' @export
hasPython <- function(torch = FALSE) {
  if (is.null(.state$bridge) && is.null(.namedPython()) &&
        is.null(.loadedPython()) && !.isMade(homespotEnv)) {
    message(
      "homespot: there is no Python environment yet. homespotSetup() makes it ",
      "(", .download("core"), ")."
    )
    return(FALSE)
  }
  tryCatch(
    {
      .core()
      !isTRUE(torch) || .hasTorch()
    },
    homespot_error = function(e) {
      message(conditionMessage(e))
      FALSE
    }
  )
}

#' @export
print.homespotPython <- function(x, ...) {
  cat(
    sprintf("Python:   %s (%s)\n", x$python, x$version),
    sprintf("why:      %s\n", x$why),
    sprintf("homespot: %s, from %s\n", x$homespot, x$core),
    sprintf("device:   %s\n", x$device),
    sprintf("packages: %s\n", paste(names(x$packages), x$packages,
      collapse = ", "
    )),
    sep = ""
  )
  invisible(x)
}

# The door to the core, opened once per session.
.core <- function() {
  if (.state$owner != Sys.getpid()) {
    .refuse(
      "the R process that has loaded homespot", "a fork of it",
      paste(
        "Compiled code hangs or dies there: use fresh processes, as",
        "BiocParallel::SnowParam() and parallel::makePSOCKcluster() start them."
      ), "homespot_error"
    )
  }
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
  .made(basilisk::basiliskStart(homespotEnv, fork = FALSE, shared = shared))
}

.made <- function(expr) {
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

# Where basilisk keeps an environment, in either generation of it. In the
# package's folder is only what configure makes.
.environmentPath <- function(environment) {
  name <- methods::slot(environment, "envname")
  first <- identical(name, methods::slot(homespotEnv, "envname"))
  if (first && identical(Sys.getenv("BASILISK_USE_SYSTEM_DIR"), "1")) {
    return(system.file("basilisk", name, package = "homespot"))
  }
  # basilisk's own, or what it imports.
  external <- get("getExternalDir", envir = asNamespace("basilisk"))
  file.path(external(), "homespot", .ownVersion(), name)
}

.isMade <- function(environment) {
  dir.exists(.environmentPath(environment))
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

# --- the check ---------------------------------------------------------------

.inspection <- function() {
  c(
    "import os, sys",
    "from importlib import metadata",
    "packages = {}",
    sprintf(
      "for name in '%s'.split():",
      paste(names(c(.needed, .neededByCome)), collapse = " ")
    ),
    "    try:",
    "        packages[name] = metadata.version(name)",
    "    except metadata.PackageNotFoundError:",
    "        packages[name] = ''",
    "host = getattr(sys.modules.get('homespot'), '__version__', '')",
    # reticulate follows links, Python does not.
    "prefix = os.path.realpath(sys.prefix)",
    "found = {'python': '.'.join(map(str, sys.version_info[:3])),",
    "         'prefix': prefix, 'host': host, 'packages': packages}"
  )
}

.inspectLoaded <- function() {
  # In a hosting Python reticulate has to be started first, or R crashes.
  reticulate::py_config()
  code <- paste(.inspection(), collapse = "\n")
  reticulate::py_run_string(code, local = TRUE)$found
}

# The same, asked of a Python that is not loaded: once loaded it stays.
.inspectFile <- function(named) {
  script <- tempfile(fileext = ".py")
  answer <- tempfile(fileext = ".txt")
  on.exit(unlink(c(script, answer)))
  writeLines(c(
    .inspection(), "for key in ('python', 'prefix'):",
    "    print(key, found[key], sep='=')",
    "for name, value in packages.items():", "    print(name, value, sep='=')"
  ), script)
  status <- if (nzchar(Sys.which(named$python))) {
    system2(named$python, shQuote(script), stdout = answer, stderr = FALSE)
  } else {
    127L
  }
  lines <- if (file.exists(answer)) readLines(answer)
  if (status != 0L || length(lines) < 2L) {
    .refusePython(
      sprintf("a Python at %s, which %s names", named$python, named$by),
      "none that runs", .ways()
    )
  }
  key <- sub("=.*", "", lines)
  value <- sub("^[^=]*=", "", lines)
  packages <- !key %in% c("python", "prefix")
  list(
    python = value[key == "python"], prefix = value[key == "prefix"],
    host = "",
    packages = as.list(stats::setNames(value[packages], key[packages]))
  )
}

.samePrefix <- function(python, prefix) {
  found <- tryCatch(
    .inspectFile(list(python = python, by = "")),
    homespot_error = function(e) NULL
  )
  identical(found$prefix, prefix)
}

.requireCore <- function(found, python, loaded, needed = .needed) {
  if (numeric_version(found$python) < .oldestPython) {
    .refusePython(
      sprintf("Python %s or later", .oldestPython),
      sprintf("Python %s at %s", found$python, python), .ways(loaded = loaded)
    )
  }
  versions <- unlist(found$packages)[names(needed)]
  lacking <- names(needed)[!nzchar(versions)]
  if (length(lacking)) {
    .refusePython(
      sprintf(
        "Python packages %s in %s",
        paste(names(needed), collapse = ", "), python
      ),
      sprintf("no %s", paste(lacking, collapse = ", ")),
      .ways(python, .requirements(lacking), loaded)
    )
  }
  # "2.13.0+cpu", "2.0rc1": the leading numbers count.
  plain <- sub("^([0-9]+(\\.[0-9]+)*).*$", "\\1", versions)
  old <- numeric_version(plain) < needed
  limited <- names(needed) %in% names(.below)
  new <- replace(
    logical(length(old)), limited,
    numeric_version(plain[limited]) >= .below[names(needed)[limited]]
  )
  wrong <- names(needed)[old | new]
  if (length(wrong)) {
    .refusePython(
      sprintf(
        "%s in %s", paste(.requirements(wrong), collapse = ", "), python
      ),
      paste(wrong, versions[wrong], collapse = ", "),
      .ways(python, .requirements(wrong), loaded)
    )
  }
}

# The error that names what is missing and the three ways out.
.refusePython <- function(what, found, ways) {
  .refuse(
    what, found,
    paste0(
      "Three ways out:\n",
      paste0(seq_along(ways), ". ", ways, ".", collapse = "\n")
    ),
    "homespot_dependency_error"
  )
}

.nameAnother <- paste(
  "another Python, by options(homespot.python = \"/path/to/python\") or the",
  "environment variable RETICULATE_PYTHON"
)

.ways <- function(python = NULL, install = NULL, loaded = FALSE) {
  name <- if (loaded) "In a fresh R session, name" else "Name"
  c(
    if (is.null(install)) {
      "Correct the path, or repair that Python"
    } else {
      sprintf("Install it: %s -m pip install %s", python, .quoted(install))
    },
    paste(name, .nameAnother),
    paste(
      name, "none (RETICULATE_PYTHON unset), and homespot makes an",
      "environment of its own, with basilisk"
    )
  )
}

.basiliskWays <- function() {
  c(
    "Let this machine reach the package indexes that basilisk installs from",
    paste(
      "Make a Python environment yourself: python3 -m venv homespot-env &&",
      "homespot-env/bin/pip install",
      .quoted(.requirements(names(.needed))), "and name it as below"
    ),
    paste("Name", .nameAnother)
  )
}

.quoted <- function(x) {
  paste(shQuote(x, type = "sh"), collapse = " ")
}

.refuseVersion <- function(version, python) {
  .refuse(
    sprintf(
      "homespot %s in the Python that is loaded (%s)", .ownVersion(), python
    ),
    sprintf("homespot %s, loaded there already", version),
    paste0(
      "Both halves have to be of one version. Three ways out:\n",
      "1. Install the same version on both sides.\n",
      "2. Do not import homespot in that Python before R uses it: R brings ",
      "its own.\n",
      "3. Use homespot from R in an R process of its own."
    ),
    "homespot_dependency_error"
  )
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
