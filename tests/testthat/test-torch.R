# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-torch.R",
# package = "homespot")'.
#
# A Python without torch: every method but COME runs in it, and COME in an R
# process of its own, with the same bytes. torch is hidden from the Python of
# these tests, which has it.

skipWithoutPython()

# A folder for PYTHONPATH.
withoutTorch <- function() {
  folder <- withr::local_tempdir(.local_envir = parent.frame())
  writeLines(c(
    "import sys",
    "from importlib.machinery import PathFinder",
    "class NoTorch(PathFinder):",
    "    @classmethod",
    "    def find_spec(cls, name, *where):",
    "        found = super().find_spec(name, *where)",
    "        return None if name == 'torch' else found",
    "    @classmethod",
    "    def find_distributions(cls, context):",
    "        found = super().find_distributions(context)",
    "        return (d for d in found if d.name != 'torch')",
    "sys.meta_path = [NoTorch if finder is PathFinder else finder",
    "                 for finder in sys.meta_path]"
  ), file.path(folder, "sitecustomize.py"))
  folder
}

# What is trained in little time.
trained <- function(sc, st, ...) {
  mapCells(sc, st, "come",
    gene.weights = "equal", epochs = 2L, pretrain.epochs = 2L, hidden = 8L,
    latent = 4L, ...
  )
}

test_that("COME runs in a process of its own where there is no torch", {
  skip_if_not("torch" %in% names(homespotPython()$packages), "no torch here")
  problem <- smallProblem()
  found <- freshR(
    function(start, problem, trained, python) {
      suppressPackageStartupMessages(start())
      info <- homespotPython()
      # The other process is to see torch.
      Sys.unsetenv("PYTHONPATH")
      environment(trained) <- environment()
      told <- function(expr) {
        tryCatch(expr, error = identity)
      }
      come <- function(...) {
        trained(problem$sc, problem$st, coords = problem$coords, ...)
      }
      out <- list(packages = names(info$packages))
      out$ssa <- mapCells(problem$sc, problem$st, coords = problem$coords)
      out$nobody <- told(come())
      out$asked <- capture.output(
        out$has <- c(hasPython(), hasPython(torch = TRUE)),
        type = "message"
      )
      options(homespot.torch.python = python)
      out$has <- c(out$has, hasPython(torch = TRUE))
      out$messages <- capture.output(out$map <- come(), type = "message")
      out$again <- come(k.best = 3L)
      out$bad <- told(come(tau = 0))
      out$progress <- told(come(progress = function(...) NULL))
      out$cuda <- told(mapCells(problem$sc, problem$st, device = "cuda:99"))
      out$warned <- NULL
      empty <- problem$sc
      empty[, 1L] <- 0
      out$fewer <- withCallingHandlers(
        trained(empty, problem$st, coords = problem$coords),
        warning = function(w) {
          out$warned <<- list(message = conditionMessage(w), class = class(w))
          invokeRestart("muffleWarning")
        }
      )
      out$scores <- crossValidateGenes(problem$sc, problem$st,
        list(a = "ssa", b = list("come",
          epochs = 1L, pretrain.epochs = 1L, hidden = 8L, latent = 4L
        )),
        folds = 2L
      )
      out
    },
    c(
      RETICULATE_PYTHON = testPython(), PYTHONPATH = withoutTorch(),
      BASILISK_EXTERNAL_DIR = withr::local_tempdir()
    ),
    start = loadHomespot(), problem = problem, trained = trained,
    python = testPython()
  )
  here <- function(...) {
    trained(problem$sc, problem$st, coords = problem$coords, ...)
  }
  bytes <- function(map) SummarizedExperiment::assay(map)
  expect_false("torch" %in% found$packages)
  expect_identical(
    bytes(found$ssa),
    bytes(mapCells(problem$sc, problem$st, coords = problem$coords))
  )
  expect_identical(bytes(found$map), bytes(here()))
  expect_identical(bytes(found$again), bytes(here(k.best = 3L)))
  expect_identical(mappingInfo(found$map), mappingInfo(here()))
  expect_identical(found$has, c(TRUE, FALSE, TRUE))
  expect_match(found$asked, paste(
    "^homespot: there is no Python environment with torch yet.",
    "homespotSetup\\(torch = TRUE\\) makes it \\("
  ))
  expect_match(found$messages, "no torch, so an R process of its own",
    all = FALSE
  )
  expectRefused(
    stop(found$nobody),
    "Python environment torch COME GPUs basilisk | none nobody ask |",
    "ways homespotSetup(torch = TRUE) options(homespot.download = TRUE)",
    "options(homespot.torch.python =", class = "homespot_dependency_error",
    plain = function(text) {
      sub("makes \\(.*\\), found", "makes (<download>), found", text)
    }
  )
  expectRefused(stop(found$bad), "tau | 0.0 |")
  expectRefused(stop(found$progress), "`progress` TRUE FALSE NULL | |")
  expect_s3_class(found$cuda, "homespot_device_error")
  expect_true("homespot_data_warning" %in% found$warned$class)
  expect_match(found$warned$message, "1 cell\\(s\\)")
  expect_identical(nrow(found$fewer), ncol(problem$sc) - 1L)
  scores <- crossValidateGenes(problem$sc, problem$st,
    list(a = "ssa", b = list("come",
      epochs = 1L, pretrain.epochs = 1L, hidden = 8L, latent = 4L
    )),
    folds = 2L
  )
  same <- setdiff(names(scores), "seconds")
  expect_identical(found$scores[same], scores[same])
})

test_that("hasPython() asks and makes nothing, and the first use says how", {
  found <- function(start, half) {
    suppressPackageStartupMessages(start())
    if (half) {
      # What is left where the conda that made it is gone.
      path <- environment(homespotPython)$.environmentPath(
        environment(homespotPython)$homespotEnv
      )
      dir.create(path, recursive = TRUE)
    }
    cache <- Sys.getenv("BASILISK_EXTERNAL_DIR")
    files <- function() list.files(cache, recursive = TRUE, include.dirs = TRUE)
    before <- files()
    said <- capture.output(has <- hasPython(), type = "message")
    options(homespot.download = TRUE)
    still <- suppressMessages(hasPython())
    options(homespot.download = NULL)
    e <- tryCatch(homespotPython(), error = identity)
    list(
      has = has, still = still, said = said, message = conditionMessage(e),
      class = class(e), made = setdiff(files(), before)
    )
  }
  conda <- exists("getCondaDir", envir = asNamespace("basilisk"))
  for (half in c(FALSE, if (conda) TRUE)) {
    answer <- freshR(found,
      c(
        RETICULATE_PYTHON = "", BASILISK_EXTERNAL_DIR = withr::local_tempdir()
      ),
      start = loadHomespot(), half = half
    )
    expect_false(answer$has)
    expect_false(answer$still)
    expect_length(answer$said, 1L)
    expect_match(answer$said, paste(
      "^homespot: there is no Python environment yet. homespotSetup\\(\\)",
      "makes it \\("
    ))
    expect_true("homespot_dependency_error" %in% answer$class)
    expect_match(
      answer$message, "1. Make the environment once: homespotSetup()",
      fixed = TRUE
    )
    expect_identical(answer$made, character())
  }
})
