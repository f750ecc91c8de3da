# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-python.R",
# package = "homespot")'.
#
# Which Python runs: R can load one per process, so what ends with one loaded
# has a process of its own. Pythons that host R are tests/interop's.

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
  expect_true(file.exists(file.path(info$core, "bridge", "door.py")))
  expect_setequal(setdiff(names(info$packages), "torch"), names(.needed))
  expect_output(print(info), "why: ")
  expect_true(hasPython())
})

test_that("a Python that will not do is an error, and stays out", {
  site <- withr::local_tempdir()
  for (name in names(.needed)) {
    info <- file.path(site, sprintf("%s-1.0.dist-info", name))
    dir.create(info)
    version <- switch(name,
      numpy = "1.26.4", scipy = "2.0.1+cpu", .needed[[name]]
    )
    writeLines(c(
      "Metadata-Version: 2.1", paste("Name:", name), paste("Version:", version)
    ), file.path(info, "METADATA"))
  }
  bare <- file.path(bareVenv(), "bin", "python")
  own <- dirname(dirname(testPython()))
  link <- withr::local_tempfile()
  file.symlink(own, link)
  found <- inFreshR(
    bquote({
      of <- function(python, ...) {
        Sys.setenv(RETICULATE_PYTHON = python, ...)
        tryCatch(homespotPython(), error = identity)
      }
      out <- list(
        before = reticulate::py_available(initialize = FALSE),
        nothing = of("/no/such/python"), folder = of(.(site)),
        bare = of(.(bare)), has = hasPython(),
        versions = of(.(bare), PYTHONPATH = .(site)),
        after = reticulate::py_available(initialize = FALSE)
      )
      Sys.unsetenv("PYTHONPATH")
      options(homespot.python = .(link))
      c(out, info = list(homespotPython()))
    }),
    nothingNamed
  )
  expect_false(found$before)
  expect_false(found$after)
  expect_false(found$has)
  needed <- names(.needed)
  # Without what differs between machines and versions.
  plain <- function(text) {
    for (of in list(
      c(bare, "<bare>"), c(site, "<site>"),
      c(paste(needed, collapse = ", "), "<packages>"),
      c(.quoted(.requirements(needed)), "<requirements>")
    )) {
      text <- gsub(of[1L], of[2L], text, fixed = TRUE)
    }
    text
  }
  refused <- function(name, ...) {
    threeWays(expectRefused(
      stop(found[[name]]), ..., class = "homespot_dependency_error",
      plain = plain
    ))
  }
  all <- paste(needed, collapse = " ")
  refused("nothing", "/no/such/python RETICULATE_PYTHON | none runs | path")
  refused("folder", site, "RETICULATE_PYTHON | none runs | path")
  refused(
    "bare", all, bare, "| no", all, "|", bare, "-m pip install",
    .quoted(.requirements(needed))
  )
  refused(
    "versions", "numpy>=2.0,<3 scipy>=1.15,<2", bare,
    "| numpy 1.26.4 scipy 2.0.1+cpu |",
    "pip install 'numpy>=2.0,<3' 'scipy>=1.15,<2'"
  )
  # The option goes before RETICULATE_PYTHON, and takes a virtual environment,
  # here by a link to it.
  skip_if_not(file.exists(file.path(own, "pyvenv.cfg")), "no venv")
  expect_identical(found$info$why, "options(homespot.python) names it")
  expect_true(dirname(dirname(found$info$python)) %in% c(own, link))
})

test_that("the core is the R package's own, and nothing is written there", {
  other <- withr::local_tempdir()
  dir.create(file.path(other, "homespot"))
  writeLines(
    "__version__ = '0.1.0'", file.path(other, "homespot", "__init__.py")
  )
  core <- homespotPython()$core
  before <- list.files(core, recursive = TRUE, all.files = TRUE)
  info <- inFreshR(
    quote({
      problem <- matrix(1:9, 3, dimnames = list(letters[1:3], LETTERS[1:3]))
      try(mapCells(problem, problem), silent = TRUE)
      homespotPython()
    }),
    c(RETICULATE_PYTHON = testPython(), PYTHONPATH = other)
  )
  expect_identical(info$why, "RETICULATE_PYTHON names it")
  expect_identical(info$python, testPython())
  expect_identical(
    info$homespot, as.character(utils::packageVersion("homespot"))
  )
  skip_if(nzchar(packagePath()), "the package is loaded from its sources")
  expect_identical(list.files(core, recursive = TRUE, all.files = TRUE), before)
})

test_that("a Python that is loaded already is used, whatever is named", {
  other <- withr::local_tempdir()
  dir.create(file.path(other, "homespot"))
  writeLines(
    "__version__ = '0.1.0'", file.path(other, "homespot", "__init__.py")
  )
  folder <- dirname(homespotPython()$core)
  found <- inFreshR(
    bquote({
      refused <- tryCatch(homespotPython(), error = identity)
      reticulate::py_run_string("import sys; del sys.modules['homespot']")
      reticulate::import_from_path("homespot", .(folder))
      alone <- environment(homespotPython)$.loadedPython()
      Sys.setenv(RETICULATE_PYTHON = .(file.path(bareVenv(), "bin", "python")))
      list(
        refused = refused, alone = alone, info = homespotPython()
      )
    }),
    nothingNamed,
    before = bquote({
      Sys.setenv(RETICULATE_PYTHON = .(testPython()))
      reticulate::import_from_path("homespot", .(other))
      Sys.setenv(RETICULATE_PYTHON = "")
    })
  )
  # Another homespot that is loaded there is an error.
  version <- as.character(utils::packageVersion("homespot"))
  expectRefused(
    stop(found$refused), "homespot", version, "loaded | homespot 0.1.0 |",
    class = "homespot_dependency_error", plain = function(text) {
      text <- sub(version, "<version>", text, fixed = TRUE)
      sub("loaded \\(.*?\\)", "loaded (<python>)", text, perl = TRUE)
    }
  )
  # One of this version is used.
  expect_identical(found$alone, "it was already loaded into this R process")
  expect_match(found$info$why, "^it was already loaded into this R process")
  expect_match(found$info$why, "which cannot be loaded beside it")
  expect_identical(found$info$python, testPython())
  expect_identical(
    normalizePath(found$info$core), normalizePath(file.path(folder, "homespot"))
  )
})
