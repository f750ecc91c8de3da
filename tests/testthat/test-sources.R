# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-sources.R",
# package = "homespot")'.

test_that("no function is defined twice, of which the later file would win", {
  folder <- test_path("..", "..", "R")
  skip_if_not(dir.exists(folder), "not in the repository")
  files <- list.files(folder, "\\.R$", full.names = TRUE)
  names <- unlist(lapply(files, function(file) {
    calls <- Filter(function(x) {
      is.call(x) && identical(x[[1L]], as.name("<-")) && is.name(x[[2L]])
    }, as.list(parse(file, keep.source = FALSE)))
    vapply(calls, function(x) as.character(x[[2L]]), "")
  }))
  expect_gt(length(names), 100L)
  expect_identical(names[duplicated(names)], character())
})

test_that("no name that users' other packages export is masked", {
  # Not those of which there are methods here of another package's generic.
  own <- Filter(function(name) {
    f <- getExportedValue("homespot", name)
    !is(f, "genericFunction") || f@package == "homespot"
  }, grep("^\\.__", getNamespaceExports("homespot"),
    value = TRUE, invert = TRUE
  ))
  expect_gt(length(own), 40L)
  others <- c(
    "base", "stats", "utils", "graphics", "methods", "BiocGenerics", "Matrix",
    "S4Vectors", "SummarizedExperiment", "SingleCellExperiment",
    "SpatialExperiment", "DelayedArray", "HDF5Array", "BiocParallel",
    "ggplot2", "scuttle", "Seurat", "SeuratObject"
  )
  others <- others[vapply(others, requireNamespace, NA, quietly = TRUE)]
  for (other in others) {
    expect_identical(
      intersect(own, getNamespaceExports(other)), character(), label = other
    )
  }
})
