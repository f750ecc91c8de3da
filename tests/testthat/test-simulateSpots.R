# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-simulateSpots.R",
# package = "homespot")'.
#
# Numbers against Python's: tests/interop/test_evaluate_in_r.py.

skipWithoutPython()

problem <- smallProblem(cells = 60L)
where <- withr::with_seed(1, cbind(
  pxl_col = stats::runif(60), pxl_row = stats::runif(60)
))
spe <- SpatialExperiment::SpatialExperiment(
  assays = list(other = problem$sc + 1, counts = problem$sc),
  spatialCoords = where,
  colData = S4Vectors::DataFrame(type = rep(c("a", "b"), 30)),
  rowData = S4Vectors::DataFrame(length = 1:30)
)

test_that("the true spots of an earlier simulation are replaced", {
  expected <- simulateSpots(spe, 5, n.parts = 3)$sc$true_spot
  spe$true_spot <- "earlier"
  expect_identical(simulateSpots(spe, 5, n.parts = 3)$sc$true_spot, expected)
})

test_that("spots are means of their cells, at their centroids", {
  data <- simulateSpots(spe, 5, n.parts = 3, leave.out = FALSE)
  expect_s4_class(data$sc, "SingleCellExperiment")
  expect_false(is(data$sc, "SpatialExperiment"))
  expect_s4_class(data$st, "SpatialExperiment")
  expect_identical(ncol(data$sc), 20L)
  expect_identical(
    SummarizedExperiment::assay(data$sc, "counts"),
    problem$sc[, colnames(data$sc)]
  )
  expect_identical(data$sc$type, spe[, colnames(data$sc)]$type)
  expect_identical(SummarizedExperiment::rowData(data$st)$length, 1:30)
  expect_true(all(data$sc$true_spot %in% colnames(data$st)))
  home <- match(data$sc$true_spot, colnames(data$st))
  coords <- SpatialExperiment::spatialCoords(data$st)
  expect_identical(colnames(coords), c("pxl_col", "pxl_row"))
  expect_equal(unname(coords[home, 1]), data$sc$true_x)
  # The squares again, by the pitch.
  pitch <- S4Vectors::metadata(data$st)$homespot$pitch
  steps <- floor(t((t(where) - apply(where, 2, min)) / pitch))
  square <- paste(steps[, 1], steps[, 2])
  expect_identical(length(unique(square)), ncol(data$st))
  expect_identical(sum(data$st$n_cells), 60L)
  own <- square == square[match(colnames(data$sc)[1], colnames(spe))]
  expect_equal(
    SummarizedExperiment::assay(data$st)[, home[1]],
    rowMeans(problem$sc[, own, drop = FALSE])
  )
})

test_that("the mapped cells are left out, in parts that make the whole", {
  parts <- lapply(0:2, function(part) simulateSpots(spe, 5, 3, part))
  cells <- unlist(lapply(parts, function(part) colnames(part$sc)))
  expect_setequal(cells, colnames(spe))
  for (part in parts) {
    expect_identical(sum(part$st$n_cells), 40L)
  }
})

test_that("every class gives the same, and R's generator stays", {
  set.seed(1)
  before <- .Random.seed
  expected <- simulateSpots(spe, 5, 3)
  expect_identical(.Random.seed, before)
  sparse <- spe
  SummarizedExperiment::assay(sparse, "counts") <-
    as(problem$sc, "CsparseMatrix")
  found <- simulateSpots(sparse, 5, 3)
  expect_s4_class(SummarizedExperiment::assay(found$st), "dgCMatrix")
  expect_equal(
    as.matrix(SummarizedExperiment::assay(found$st)),
    SummarizedExperiment::assay(expected$st)
  )
  delayed <- spe
  SummarizedExperiment::assay(delayed, "counts") <-
    DelayedArray::DelayedArray(problem$sc)
  found <- simulateSpots(delayed, 5, 3)
  expect_equal(
    SummarizedExperiment::assay(found$st),
    SummarizedExperiment::assay(expected$st)
  )
  other <- simulateSpots(spe, 5, 3, assay.type = "other")
  expect_identical(SummarizedExperiment::assayNames(other$st), "other")
  expect_equal(
    SummarizedExperiment::assay(other$st),
    SummarizedExperiment::assay(expected$st) + 1
  )
})

test_that("what is not as described is refused, with the reason", {
  refused <- function(expr, pattern) {
    expect_error(expr, pattern, class = "homespot_input_error")
  }
  refused(simulateSpots(problem$sc), "places of the cells, in spatialCoords")
  refused(simulateSpots(), "cells with their places")
  refused(simulateSpots(spe, 0), "cells.per.spot to be a number from 1 to 30")
  refused(simulateSpots(spe, n.parts = 1L), "n.parts of at least 2")
  refused(simulateSpots(spe, part = 10L), "part to be a number from 0 to 9")
  refused(simulateSpots(spe, leave.out = NA), "leave.out to be TRUE or FALSE")
  bad <- spe
  SpatialExperiment::spatialCoords(bad)[3, 1] <- NA
  refused(simulateSpots(bad), "finite coordinates of every cell")
})

test_that("R's arguments are Python's", {
  signature <- .toR(.call("signature", "simulate_spots"))
  found <- formals(simulateSpots)
  expect_setequal(
    names(found),
    .dotted(sub(
      "^layer$", "assay_type", sub("^cells$", "spe", names(signature))
    ))
  )
  for (name in setdiff(names(found), c("spe", "assay.type"))) {
    expect_identical(found[[name]], signature[[.snake(name)]], label = name)
  }
})

test_that("cells of another technology have other counts and the same places", {
  plain <- simulateSpots(spe, 5, 3)
  data <- simulateSpots(spe, 5, 3, platform = "log-normal", depth = 0.5)
  expect_identical(colData(data$sc), colData(plain$sc))
  expect_identical(assay(data$st), assay(plain$st))
  expect_null(rowData(plain$sc)$true_factor)
  factor <- rowData(data$sc)$true_factor
  # The factors are divided by their mean over all molecules.
  expect_equal(stats::weighted.mean(factor, rowSums(assay(plain$sc))), 1)
  expect_false(identical(assay(data$sc), assay(plain$sc)))
  expect_identical(assay(data$sc), round(assay(data$sc)))
})
