# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-python.R",
# package = "homespot")'.
#
# Which Python runs: R can load one per process, so every case has a process
# of its own.

skipWithoutPython()

# `before` runs ahead of homespot, `then` with it; both are quoted calls.
inFreshR <- function(then, env = character(), before = quote(NULL)) {
  freshR(function(start, before, then) {
    eval(before)
    suppressPackageStartupMessages(start())
    tryCatch(
      eval(then),
      error = function(e) {
        list(message = conditionMessage(e), class = class(e))
      }
    )
  }, env, start = loadHomespot(), before = before, then = then)
}

# The same without RETICULATE_PYTHON: an empty one is none.
nothingNamed <- c(RETICULATE_PYTHON = "")

threeWays <- function(message) {
  expect_match(message, "Three ways out:\n1\\. .*\n2\\. .*\n3\\. ")
  expect_match(message, "options(homespot.python = ", fixed = TRUE)
  expect_match(message, "RETICULATE_PYTHON", fixed = TRUE)
  expect_match(message, "basilisk", fixed = TRUE)
}

# A virtual environment without any package, once for this file.
bareVenv <- local({
  path <- NULL
  function() {
    if (is.null(path)) {
      folder <- tempfile("bare-venv-")
      status <- system2(
        testPython(), c("-m", "venv", "--without-pip", shQuote(folder)),
        stdout = FALSE, stderr = FALSE
      )
      skip_if_not(status == 0L, "no venv module in this Python")
      path <<- folder
    }
    path
  }
})

test_that("the Python in use is described", {
  info <- homespotPython()
  expect_s3_class(info, "homespotPython")
  expect_identical(
    info$homespot, as.character(utils::packageVersion("homespot"))
  )
  expect_true(file.exists(file.path(info$core, "bridge.py")))
  expect_setequal(names(info$packages), names(.needed))
  expect_output(print(info), "why: ")
  expect_true(hasPython())
})

test_that("RETICULATE_PYTHON names it", {
  info <- inFreshR(
    quote(homespotPython()), c(RETICULATE_PYTHON = testPython())
  )
  expect_identical(info$why, "RETICULATE_PYTHON names it")
  expect_identical(info$python, testPython())
})

test_that("the option goes before RETICULATE_PYTHON, and takes a venv", {
  prefix <- dirname(dirname(testPython()))
  python <- testPython()
  info <- inFreshR(
    bquote({
      options(homespot.python = .(python))
      homespotPython()
    }),
    c(RETICULATE_PYTHON = "/no/such/python")
  )
  expect_identical(info$why, "options(homespot.python) names it")
  expect_identical(info$python, testPython())
  skip_if_not(file.exists(file.path(prefix, "pyvenv.cfg")), "no venv")
  info <- inFreshR(
    bquote({
      options(homespot.python = .(prefix))
      homespotPython()
    }),
    nothingNamed
  )
  expect_identical(info$why, "options(homespot.python) names it")
})

test_that("a Python that is loaded already is used, whatever is named", {
  before <- bquote({
    Sys.setenv(RETICULATE_PYTHON = .(testPython()))
    reticulate::py_config()
    Sys.setenv(RETICULATE_PYTHON = .(file.path(bareVenv(), "bin", "python")))
  })
  info <- inFreshR(quote(homespotPython()), nothingNamed, before)
  expect_match(info$why, "^it was already loaded into this R process")
  expect_match(info$why, "which cannot be loaded beside it")
  expect_identical(info$python, testPython())
  before <- bquote({
    Sys.setenv(RETICULATE_PYTHON = .(testPython()))
    reticulate::py_config()
  })
  info <- inFreshR(quote(homespotPython()), nothingNamed, before)
  expect_identical(info$why, "it was already loaded into this R process")
})

test_that("a named Python that lacks packages is an error, and stays out", {
  python <- file.path(bareVenv(), "bin", "python")
  found <- inFreshR(
    quote({
      e <- tryCatch(homespotPython(), error = identity)
      list(
        message = conditionMessage(e), class = class(e),
        loaded = reticulate::py_available(), has = hasPython()
      )
    }),
    c(RETICULATE_PYTHON = python)
  )
  expect_true("homespot_dependency_error" %in% found$class)
  expect_match(found$message, sprintf(
    "Expected Python packages %s in %s, found no %s. Three ways out:",
    paste(names(.needed), collapse = ", "), python,
    paste(names(.needed), collapse = ", ")
  ), fixed = TRUE)
  expect_match(
    found$message, sprintf("1. Install it: %s -m pip install", python),
    fixed = TRUE
  )
  threeWays(found$message)
  expect_false(found$loaded)
  expect_false(found$has)
})

test_that("a loaded Python that lacks packages is an error", {
  python <- file.path(bareVenv(), "bin", "python")
  before <- bquote({
    Sys.setenv(RETICULATE_PYTHON = .(python))
    reticulate::py_config()
    Sys.setenv(RETICULATE_PYTHON = .(testPython()))
  })
  found <- inFreshR(quote(homespotPython()), nothingNamed, before)
  expect_true("homespot_dependency_error" %in% found$class)
  expect_match(
    found$message, "found no anndata, h5py, numba, numpy",
    fixed = TRUE
  )
  expect_match(found$message, "2. In a fresh R session, name another Python")
  threeWays(found$message)
})

test_that("a package of another version is named with what is needed", {
  site <- withr::local_tempdir()
  for (name in names(.needed)) {
    info <- file.path(site, sprintf("%s-1.0.dist-info", name))
    dir.create(info)
    version <- switch(name,
      numpy = "1.26.4", torch = "3.0.1+cpu", .needed[[name]]
    )
    writeLines(c(
      "Metadata-Version: 2.1", paste("Name:", name), paste("Version:", version)
    ), file.path(info, "METADATA"))
  }
  python <- file.path(bareVenv(), "bin", "python")
  found <- inFreshR(
    quote(homespotPython()),
    c(RETICULATE_PYTHON = python, PYTHONPATH = site)
  )
  expect_match(
    found$message,
    sprintf(
      paste(
        "Expected numpy>=2.0,<3, torch>=2.4,<3 in %s, found numpy 1.26.4,",
        "torch 3.0.1+cpu."
      ), python
    ),
    fixed = TRUE
  )
  expect_match(
    found$message, "pip install 'numpy>=2.0,<3' 'torch>=2.4,<3'",
    fixed = TRUE
  )
})

test_that("a Python that is not there is an error", {
  for (path in c("/no/such/python", tempdir())) {
    found <- inFreshR(
      quote(homespotPython()), c(RETICULATE_PYTHON = path)
    )
    expect_true("homespot_dependency_error" %in% found$class)
    expect_match(
      found$message,
      sprintf(
        paste(
          "Expected a Python at %s, which RETICULATE_PYTHON names, found none",
          "that runs."
        ),
        path
      ),
      fixed = TRUE
    )
    threeWays(found$message)
  }
})

test_that("another homespot in the loaded Python is an error", {
  other <- withr::local_tempdir()
  dir.create(file.path(other, "homespot"))
  writeLines(
    "__version__ = '0.1.0'", file.path(other, "homespot", "__init__.py")
  )
  before <- bquote({
    Sys.setenv(RETICULATE_PYTHON = .(testPython()))
    reticulate::import_from_path("homespot", .(other))
  })
  found <- inFreshR(quote(homespotPython()), nothingNamed, before)
  expect_true("homespot_dependency_error" %in% found$class)
  version <- as.character(utils::packageVersion("homespot"))
  expect_match(
    found$message,
    sprintf("Expected homespot %s in the Python that is loaded", version),
    fixed = TRUE
  )
  expect_match(
    found$message, "found homespot 0.1.0, loaded there already.",
    fixed = TRUE
  )
})

test_that("a homespot of this version that is loaded already is used", {
  folder <- dirname(homespotPython()$core)
  before <- bquote({
    Sys.setenv(RETICULATE_PYTHON = .(testPython()))
    reticulate::import_from_path("homespot", .(folder))
  })
  info <- inFreshR(quote(homespotPython()), nothingNamed, before)
  expect_identical(normalizePath(info$core), normalizePath(
    file.path(folder, "homespot")
  ))
})

test_that("the R package brings its own core, whatever is installed", {
  other <- withr::local_tempdir()
  dir.create(file.path(other, "homespot"))
  writeLines(
    "__version__ = '0.1.0'", file.path(other, "homespot", "__init__.py")
  )
  info <- inFreshR(
    quote(homespotPython()),
    c(RETICULATE_PYTHON = testPython(), PYTHONPATH = other)
  )
  expect_identical(
    info$homespot, as.character(utils::packageVersion("homespot"))
  )
})

test_that("nothing is written beside the sources", {
  skip_if(nzchar(packagePath()), "the package is loaded from its sources")
  core <- homespotPython()$core
  before <- list.files(core, recursive = TRUE, all.files = TRUE)
  inFreshR(
    quote({
      problem <- matrix(1:9, 3, dimnames = list(letters[1:3], LETTERS[1:3]))
      try(mapCells(problem, problem))
      TRUE
    }),
    c(RETICULATE_PYTHON = testPython())
  )
  expect_identical(list.files(core, recursive = TRUE, all.files = TRUE), before)
})

test_that("importing the package starts no Python", {
  found <- inFreshR(
    quote(reticulate::py_available(initialize = FALSE)), nothingNamed
  )
  expect_false(found)
})

# R inside Python: rpy2 starts R in a process that Python hosts.
test_that("a Python that hosts this R is used, whatever is named", {
  has <- system2(testPython(), c("-c", shQuote("import rpy2.robjects")),
    stdout = FALSE, stderr = FALSE,
    env = paste0("R_HOME=", R.home())
  )
  skip_if_not(has == 0L, "no rpy2 in this Python")
  path <- packagePath()
  load <- if (nzchar(path)) {
    sprintf("pkgload::load_all('%s', quiet = TRUE)", path)
  } else {
    "library(homespot)"
  }
  script <- withr::local_tempfile(fileext = ".py")
  writeLines(c(
    "import sys",
    "import rpy2.robjects as ro",
    sprintf("ro.r(\"\"\"suppressMessages(%s)\"\"\")", load),
    "ro.r(\"Sys.setenv(RETICULATE_PYTHON = '/no/such/python')\")",
    "print(ro.r('homespotPython()$why')[0])",
    "print(ro.r('homespotPython()$python')[0])",
    "print('homespot.bridge' in sys.modules)"
  ), script)
  out <- system2(testPython(), shQuote(script),
    stdout = TRUE, stderr = FALSE,
    env = c(
      paste0("R_HOME=", R.home()), "RETICULATE_PYTHON=",
      paste0("R_LIBS=", paste(.libPaths(), collapse = ":"))
    )
  )
  expect_match(out[1], "^it hosts this R process \\(RETICULATE_PYTHON names")
  expect_match(out[2], basename(dirname(dirname(testPython()))), fixed = TRUE)
  expect_identical(out[3], "True")
})
