# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-older-files.R",
# package = "homespot")'.
#
# Files that older versions wrote, in tests/data.

older <- function(name) {
  file <- test_path("..", "data", "0.99.0", name)
  testthat::skip_if_not(file.exists(file), "tests/data is not here")
  file
}

unpacked <- function(name) {
  path <- withr::local_tempfile(
    fileext = paste0("_", name), .local_envir = parent.frame()
  )
  packed <- gzfile(older(paste0(name, ".gz")), "rb")
  on.exit(close(packed))
  writeBin(readBin(packed, "raw", 1e7), path)
  path
}

test_that("a map that an older R kept is a map, with the same numbers", {
  map <- readRDS(older("map.rds"))
  expect_true(validObject(map))
  expect_identical(dim(map), c(8L, 6L))
  expect_identical(rownames(map), paste0("c", 0:7))
  expect_identical(mappingInfo(map)$method, "ssa")
  sums <- rowSums(mappingMatrix(map)) +
    SummarizedExperiment::rowData(map)$homespot_left_over
  expect_equal(unname(sums), rep(1, 8), tolerance = 1e-6)
  expect_output(show(map), "method: ssa")
  part <- map[c("c1", "c4"), ]
  expect_identical(mappingMatrix(part), mappingMatrix(map)[c("c1", "c4"), ])
  skipWithoutPython()
  expect_output(show(map), "method: ssa, converged")
  expect_equal(
    mappingMatrix(loadMapping(unpacked("ssa.h5ad"))), mappingMatrix(map),
    tolerance = 1e-6
  )
})

test_that("maps of every method are loaded, and the verbs take them", {
  skipWithoutPython()
  sc <- as(readAnnData(unpacked("sc.h5ad")), "SingleCellExperiment")
  for (method in c("ssa", "correlation", "come")) {
    map <- loadMapping(unpacked(paste0(method, ".h5ad")))
    expect_identical(mappingInfo(map)$method, method)
    expect_identical(rownames(map), colnames(sc))
    placed <- placeCells(map, sc)
    expect_identical(colnames(placed), colnames(sc))
    expect_false(anyNA(SummarizedExperiment::colData(placed)$homespot_x))
  }
})

test_that("imputed genes of an older version can be read", {
  skipWithoutPython()
  sc <- as(readAnnData(unpacked("sc.h5ad")), "SingleCellExperiment")
  old <- readAnnData(unpacked("imputed.h5ad"))
  found <- imputeGenes(
    loadMapping(unpacked("ssa.h5ad")), sc, c("g1", "g2"), scale = "counts"
  )
  # The version multiplied log values by one factor a spot, today it multiplies
  # odds: the order of the genes at a spot is the same.
  values <- lapply(list(old, found), function(x) {
    as.matrix(SummarizedExperiment::assay(x))
  })
  expect_identical(dimnames(values[[1L]]), dimnames(values[[2L]]))
  expect_identical(
    values[[1L]]["g1", ] > values[[1L]]["g2", ],
    values[[2L]]["g1", ] > values[[2L]]["g2", ]
  )
})
