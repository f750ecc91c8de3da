# Alone: Rscript -e 'testthat::test_file("tests/testthat/
# test-calibrateMapping.R", package = "homespot")'.
#
# Numbers against Python's: tests/interop/test_evaluate_in_r.py.

skipWithoutPython()

table <- data.frame(
  homespot_x = c(0, 0, 0, 0), homespot_y = 0, homespot_radius = 1,
  homespot_confident = c(TRUE, TRUE, FALSE, FALSE),
  row.names = paste0("cell", 1:4)
)
truth <- cbind(x = c(0, 0.9, 2, 30), y = 0)
rownames(truth) <- rownames(table)

test_that("the share is that of cells within the radius", {
  found <- calibrateMapping(table, truth[4:1, ])
  expect_identical(names(found), c("level", "share", "cells"))
  expect_identical(found$level, 0.9)
  expect_identical(found$share, 0.5)
  expect_identical(found$cells, 4L)
  expect_identical(calibrateMapping(table, truth[1:2, ], 0.9)$share, 1)
  sure <- calibrateMapping(table, truth, 0.9, confident = TRUE)
  expect_identical(c(sure$share, sure$cells), c(1, 2))
})

test_that("a map, its placed cells and their table are the same", {
  problem <- smallProblem()
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = problem$sc))
  map <- mapCells(
    sce, problem$st, coords = problem$coords, gene.weights = "equal"
  )
  truth <- cbind(seq_len(12) / 2, 0.5)
  rownames(truth) <- colnames(sce)
  expected <- calibrateMapping(map, truth)
  expect_identical(expected$level, c(0.5, 0.6, 0.7, 0.8, 0.9, 0.95))
  for (i in seq_len(nrow(expected))) {
    level <- expected$level[i]
    one <- as.list(expected[i, ])
    same <- function(places, truth) {
      found <- calibrateMapping(places, truth, level = level)
      expect_identical(as.list(found), one)
    }
    placed <- placeCells(map, sce, level = level)
    same(placed, truth)
    same(SummarizedExperiment::colData(placed), as.data.frame(truth))
    same(placeCells(map, sce, "SpatialExperiment", level = level), truth)
  }
})

test_that("what is not as described is refused, with the reason", {
  refused <- function(expr, pattern) {
    expect_error(expr, pattern, class = "homespot_input_error")
  }
  refused(calibrateMapping(table, truth, 2), "levels to be a number from 0.05")
  refused(calibrateMapping(table, truth, "a"), "levels as numbers")
  refused(calibrateMapping(table, truth, 0.5), "levels to be 0.9")
  refused(calibrateMapping(table, unname(truth)), "the names of the cells")
  refused(calibrateMapping(table[-3], truth), "'homespot_radius' missing")
  refused(calibrateMapping(table, cbind(truth, 1)), "'homespot_z' missing")
  refused(calibrateMapping(3, truth), "a map, or places of cells")
  refused(calibrateMapping(table), "the true places of the cells")
  other <- truth
  rownames(other) <- letters[1:4]
  refused(calibrateMapping(table, other), "Name both alike")
})

test_that("R's arguments are Python's", {
  signature <- .toR(.call("signature", "calibration"))
  found <- formals(homespot::calibrateMapping)
  expect_identical(names(found), sub("mapping", "map", names(signature)))
  expect_equal(eval(found$levels), unlist(signature$levels))
  expect_identical(found$level, signature$level)
  expect_identical(found$confident, signature$confident)
})
