# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-process.R",
# package = "homespot")'.
#
# Python in an R process of its own: the same numbers, and nothing of Python
# in the process that asks.

skipWithoutPython()

# One session does it all, as starting one takes seconds; `out` has what it saw.
session <- local({
  out <- NULL
  function() {
    if (is.null(out)) {
      out <<- freshR(
        function(start) {
          suppressPackageStartupMessages(start())
          basilisk::setBasiliskShared(FALSE)
          caught <- function(expr) {
            tryCatch(
              {
                expr
                NULL
              },
              condition = identity
            )
          }
          demo <- demoData()
          demo$sc <- demo$sc[, 1:200]
          folder <- tempfile()
          dir.create(folder)
          setwd(folder)
          forked <- if (.Platform$OS.type == "unix") {
            job <- parallel::mcparallel(caught(homespotPython()))
            parallel::mccollect(job, wait = TRUE, timeout = 60)[[1L]]
          }
          out <- list(forked = forked, python = homespotPython())
          out$map <- mapCells(demo$sc, demo$st)
          out$sparse <- mapCells(demo$sc, demo$st, k.best = 5)
          saveMapping(out$sparse, "map.h5ad")
          out$loaded <- loadMapping("map.h5ad")
          out$places <- placeCells(out$map, demo$sc)
          out$genes <- imputeGenes(out$map, demo$sc, c("Gene001", "Gene120"))
          out$types <- deconvolveSpots(out$map, "cell_type")
          writeAnnData(addMapping(demo$st, out$map), "st.h5ad")
          out$written <- readAnnData("st.h5ad")
          onDisk <- demo$sc
          counts <- SummarizedExperiment::assay(onDisk)
          SummarizedExperiment::assay(onDisk) <-
            DelayedArray::DelayedArray(counts)
          DelayedArray::setAutoBlockSize(1e5)
          out$delayed <- mapCells(onDisk, demo$st)
          state <- environment(homespotPython)$.state
          out$block <- parallel::clusterCall(
            state$process, function() DelayedArray::getAutoBlockSize()
          )[[1L]]
          out$backed <- placeCells(
            loadMapping("map.h5ad", backed = TRUE), demo$sc
          )
          everywhere <- function(sc, st) {
            matrix(1 / ncol(st), ncol(sc), ncol(st))
          }
          out$scores <- crossValidateGenes(
            demo$sc, demo$st, list(ssa = "ssa", everywhere = everywhere),
            folds = 2
          )
          out$error <- caught(mapCells(demo$sc, demo$st, regularisation = -1))
          out$warning <- caught(mapCells(demo$sc, demo$st, max.iter = 1))
          out$progress <- caught(mapCells(demo$sc, demo$st, progress = print))
          out$loadedPython <- reticulate::py_available()
          # Its end is reported, and the next call starts another.
          before <- state$pid
          tools::pskill(before)
          out$ended <- caught(mapCells(demo$sc, demo$st))
          out$again <- mapCells(demo$sc, demo$st)
          out$another <- state$pid != before
          out
        },
        c(RETICULATE_PYTHON = testPython()),
        start = loadHomespot()
      )
    }
    out
  }
})

test_that("what comes back is what this process would have computed", {
  out <- session()
  demo <- demoData()
  demo$sc <- demo$sc[, 1:200]
  expect_false(out$loadedPython)
  expect_identical(
    out$python$why, paste(
      "RETICULATE_PYTHON names it; in an R process of its own, as",
      "basilisk::setBasiliskShared(FALSE) asks"
    )
  )
  expect_identical(out$python$device, homespotPython()$device)
  map <- mapCells(demo$sc, demo$st)
  sparse <- mapCells(demo$sc, demo$st, k.best = 5)
  for (name in c("map", "again", "delayed")) {
    expect_identical(mappingMatrix(out[[name]]), mappingMatrix(map))
  }
  for (name in c("sparse", "loaded")) {
    expect_identical(mappingMatrix(out[[name]]), mappingMatrix(sparse))
  }
  expect_identical(out$map, map)
  expect_identical(out$block, 1e5)
  expect_identical(
    SingleCellExperiment::colData(out$backed),
    SingleCellExperiment::colData(placeCells(sparse, demo$sc))
  )
  path <- withr::local_tempfile(fileext = ".h5ad")
  writeAnnData(addMapping(demo$st, map), path)
  expect_identical(out$written, readAnnData(path))
  expect_identical(out$places, placeCells(map, demo$sc))
  expect_identical(
    out$genes, imputeGenes(map, demo$sc, c("Gene001", "Gene120"))
  )
  expect_identical(out$types, deconvolveSpots(map, "cell_type"))
  everywhere <- function(sc, st) matrix(1 / ncol(st), ncol(sc), ncol(st))
  scores <- crossValidateGenes(
    demo$sc, demo$st, list(ssa = "ssa", everywhere = everywhere),
    folds = 2
  )
  scores$seconds <- out$scores$seconds <- NULL
  expect_identical(out$scores, scores)
})

test_that("errors and warnings are those of this process", {
  out <- session()
  expectRefused(stop(out$error), "regularisation number | -1.0 |")
  expect_match(conditionMessage(out$warning), "Raise max.iter")
  expect_s3_class(out$warning, "homespot_convergence_warning")
  expectRefused(stop(out$progress), "`progress` process of its own | |")
})

test_that("a process that ended is reported, and another one started", {
  out <- session()
  expect_match(conditionMessage(out$ended), "the next call starts another")
  expect_s3_class(out$ended, "homespot_error")
  expect_true(out$another)
})

test_that("a fork is refused, before Python is loaded and after", {
  skip_on_os("windows")
  words <- "R process | fork | SnowParam"
  expectRefused(stop(session()$forked), words, class = "homespot_error")
  homespotPython()
  job <- parallel::mcparallel(tryCatch(homespotPython(), error = identity))
  found <- parallel::mccollect(job, wait = TRUE, timeout = 60)[[1L]]
  expectRefused(stop(found), words, class = "homespot_error")
})
