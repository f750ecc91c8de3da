# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-potentials.R",
# package = "homespot")'.
#
# A map that is kept as features and potentials: every verb gives what it gives
# for the map written down.

skipWithoutPython()

library(SummarizedExperiment)

demo <- demoData()
demo$sc <- demo$sc[, seq(1, ncol(demo$sc), by = 8)]
demo$sc <- demo$sc[Matrix::rowSums(assay(demo$sc, "counts") > 0) > 10, ]
written <- mapCells(demo$sc, demo$st)
made <- mapCells(demo$sc, demo$st, storage = "streamed", n.components = NULL)
p <- function(map) as.matrix(mappingMatrix(map))

expectMade <- function(map) {
  expect_s4_class(mappingMatrix(map), "DelayedMatrix")
  expect_false(is.null(homespot:::.potentialsOf(homespot:::.mapping(map))))
}

expectSameMap <- function(found, expected) {
  expectMade(found)
  expect_lt(max(abs(p(found) - p(expected))), 1e-5)
  expect_identical(dimnames(found), dimnames(expected))
  expect_equal(rowData(found), rowData(expected), tolerance = 1e-5)
  expect_identical(colData(found), colData(expected))
}

test_that("rows are made when they are read", {
  expectSameMap(made, written)
  expect_output(show(made), "rows made when they are read")
  some <- mappingMatrix(made)[c(9, 2), c(30, 1, 7)]
  expect_equal(
    as.matrix(some), p(written)[c(9, 2), c(30, 1, 7)],
    tolerance = 1e-5
  )
  expect_identical(dim(mappingMatrix(made)[integer(), 1:3]), c(0L, 3L))
  expect_equal(rowSums(mappingMatrix(made)), rowSums(p(made)))
})

verbs <- list(
  median = function(map) placeCells(map, demo$sc),
  mean = function(map) placeCells(map, demo$sc, position = "mean"),
  argmax = function(map) placeCells(map, demo$sc, position = "argmax"),
  types = function(map) deconvolveSpots(map, "cell_type"),
  joined = function(map) {
    deconvolveSpots(map, "cell_type", sc = demo$sc, st = demo$st)
  },
  genes = function(map) imputeGenes(map, demo$sc, c("Gene001", "Gene011")),
  labels = function(map) {
    annotateCells(map, ifelse(spatialCoords(map)[, 1] < 0, "left", "right"))
  },
  modes = cellModes,
  colocation = function(map) colocateTypes(map, "cell_type"),
  distances = function(map) cellDistances(map, rownames(map)[c(5, 2)]),
  home = homeSpot,
  assigned = function(map) assignCells(map, 1L, candidates = 100L),
  added = function(map) addMapping(demo$st, map)$homespot_cells,
  sections = function(map) {
    other <- map
    colnames(other) <- paste0("other", seq_len(ncol(map)))
    p(combineSections(map, other))
  }
)

spatialCoords <- SpatialExperiment::spatialCoords

test_that("verbs give what they give for the map written down", {
  values <- function(x) {
    if (is(x, "SummarizedExperiment")) {
      list(
        lapply(as.list(assays(x)), function(a) unname(as.matrix(a))),
        as.data.frame(colData(x)), as.data.frame(rowData(x))
      )
    } else {
      x
    }
  }
  for (name in names(verbs)) {
    expect_equal(
      values(verbs[[name]](made)), values(verbs[[name]](written)),
      tolerance = 1e-4, info = name
    )
  }
})

test_that("parts, and parts put together, stay what they are", {
  part <- made[1:30, seq(1, ncol(made), 2)]
  expectSameMap(part, written[1:30, seq(1, ncol(made), 2)])
  again <- renormalise(part)
  expectMade(again)
  expect_lt(max(abs(rowSums(mappingMatrix(again)) - 1)), 1e-6)
  expect_equal(
    p(again), p(renormalise(written[1:30, seq(1, ncol(made), 2)])),
    tolerance = 1e-5
  )
  together <- rbind(made[1:20, ], made[21:50, ])
  expectMade(together)
  expect_lt(max(abs(p(together) - p(written)[1:50, ])), 1e-5)
  expect_identical(
    placeCells(together, demo$sc)$homespot_spot,
    placeCells(written[1:50, ], demo$sc)$homespot_spot
  )
})

test_that("maps made apart are put together delayed", {
  n <- ncol(demo$sc) %/% 2L
  parts <- lapply(list(seq_len(n), seq(n + 1L, ncol(demo$sc))), function(at) {
    suppressWarnings(mapCells(demo$sc[, at], demo$st, storage = "streamed"))
  })
  both <- do.call(rbind, parts)
  expect_s4_class(mappingMatrix(both), "DelayedMatrix")
  expect_equal(
    unname(p(both)), unname(rbind(p(parts[[1L]]), p(parts[[2L]])))
  )
  expect_identical(dim(placeCells(both, demo$sc)), dim(demo$sc))
})

test_that("they are saved and read again, by R and as a map of Python", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(made, path)
  for (backed in c(FALSE, TRUE)) {
    found <- loadMapping(path, backed = backed)
    expectMade(found)
    expect_identical(p(found), p(made))
  }
  own <- withr::local_tempfile(fileext = ".rds")
  saveRDS(made, own)
  expect_identical(p(readRDS(own)), p(made))
})
