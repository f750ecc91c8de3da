# Alone: Rscript -e 'testthat::test_file(
# "tests/testthat/test-section-objects.R", package = "homespot")'.

skipWithoutPython()

# Cells, and two objects with the default sample, in frames that overlap.
twoObjects <- function(samples = list("sample01", "sample01")) {
  problem <- smallProblem(spots = 24L)
  part <- function(rows, shift, sample) {
    SpatialExperiment::SpatialExperiment(
      assays = list(counts = problem$st[, rows]),
      spatialCoords = problem$coords[rows, ] + shift, sample_id = sample
    )
  }
  list(sc = problem$sc, st = list(
    a = part(1:12, 0, samples[[1L]]), b = part(13:24, 0.1, samples[[2L]])
  ))
}

test_that("objects with the same sample are sections of their own", {
  x <- twoObjects()
  expected <- suppressWarnings(mapCells(x$sc, x$st, joint = FALSE))
  expect_warning(
    found <- mapCells(x$sc, x$st, sections = "sample_id"),
    "Several objects of st have 'sample01' as a section.*called 'a', 'b'"
  )
  expect_identical(
    SummarizedExperiment::assay(found), SummarizedExperiment::assay(expected)
  )
  expect_identical(found$homespot_section, rep(c("a", "b"), each = 12L))
  expect_identical(found$sample_id, found$homespot_section)
})

test_that("sections within objects are called as their samples are", {
  x <- twoObjects(list(
    rep(c("p", "q"), each = 6L), rep(c("p", "r"), each = 6L)
  ))
  expect_warning(
    found <- mapCells(x$sc, x$st, sections = "sample_id"), "have 'p' as"
  )
  expect_identical(
    found$homespot_section, rep(c("a_p", "a_q", "b_p", "b_r"), each = 6L)
  )
  expect_identical(found$sample_id, found$homespot_section)
})
