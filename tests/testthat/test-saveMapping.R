# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-saveMapping.R",
# package = "homespot")'.

skipWithoutPython()

test_that("a map survives the file, with every kind of column", {
  map <- smallMap()
  cells <- S4Vectors::DataFrame(
    row.names = rownames(map),
    text = c("NA", NA, "b"), factor = factor(c("u", NA, "v"), c("v", "u", "w")),
    ordered = factor(c("lo", "hi", "lo"), c("lo", "hi"), ordered = TRUE),
    flag = c(TRUE, NA, FALSE), allflag = c(TRUE, TRUE, FALSE),
    whole = c(1L, NA, -3L), allwhole = 1:3, number = c(1.5, NaN, -Inf),
    run = S4Vectors::Rle(c("a", "a", "b")),
    "odd name \u00fc" = 1:3, check.names = FALSE,
    homespot_left_over = c(0, 0, 0)
  )
  SummarizedExperiment::rowData(map) <- cells
  path <- withr::local_tempfile(fileext = ".h5ad")
  expect_identical(saveMapping(map, path), path)
  back <- loadMapping(path)
  # AnnData stores text that repeats as a factor.
  cells$run <- factor(as.vector(cells$run))
  cells$text <- factor(cells$text)
  found <- SummarizedExperiment::rowData(back)
  expect_identical(found[names(cells)], cells)
  expect_equal(mappingMatrix(back), mappingMatrix(map), tolerance = 1e-7)
  expect_identical(back$sample_id, map$sample_id)
  expect_identical(back$area, map$area)
  expect_identical(
    SpatialExperiment::spatialCoords(back),
    SpatialExperiment::spatialCoords(map)
  )
  expect_identical(mappingInfo(back)$method, "by hand")
})

test_that("what a file cannot hold is left out with a warning", {
  map <- smallMap()
  SummarizedExperiment::rowData(map)$nested <- I(list(1, 2, 3))
  SummarizedExperiment::rowData(map)$day <- Sys.Date() + 1:3
  path <- withr::local_tempfile(fileext = ".h5ad")
  expect_warning(
    saveMapping(map, path),
    paste(
      "Left out 2 column\\(s\\) of the cells that are no plain vectors",
      "\\('nested', 'day'\\)"
    ),
    class = "homespot_data_warning"
  )
  expect_setequal(
    names(SummarizedExperiment::rowData(loadMapping(path))),
    c("cell_type", "homespot_left_over")
  )
})

test_that("one cell, one spot, no coordinates and combined records survive", {
  map <- CellMapping(matrix(1, 1, 1, dimnames = list("c", "s")))
  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(map, path)
  back <- loadMapping(path)
  expect_equal(mappingMatrix(back), mappingMatrix(map))
  expect_equal(ncol(SpatialExperiment::spatialCoords(back)), 0L)
  other <- smallMap()
  rownames(other) <- paste0("other", 1:3)
  saveMapping(rbind(smallMap(), other), path)
  back <- loadMapping(path)
  expect_identical(mappingInfo(back)$parts$part2$method, "by hand")
})

test_that("combined maps of float64 lose nothing in the file", {
  p <- mappingMatrix(smallMap()) / 3 + c(0.2, 0.3, 0.1)
  p <- p / rowSums(p)
  map <- smallMap(p)
  S4Vectors::metadata(map)$homespot$dtype <- "float64"
  other <- map
  rownames(other) <- paste0("other", 1:3)
  path <- withr::local_tempfile(fileext = ".h5ad")
  joined <- rbind(map, other)
  saveMapping(joined, path)
  expect_identical(mappingMatrix(loadMapping(path)), mappingMatrix(joined))
  section <- map
  colnames(section) <- paste0("other", 1:4)
  both <- cbind(map, section)
  saveMapping(both, path)
  expect_identical(mappingMatrix(loadMapping(path)), mappingMatrix(both))
})

test_that("paths are checked", {
  map <- smallMap()
  expect_error(saveMapping(map, "map.rds"), "ends in .h5ad",
    class = "homespot_input_error"
  )
  expect_error(
    saveMapping(map, file.path(tempfile(), "map.h5ad")), "folder that exists",
    class = "homespot_input_error"
  )
  expect_error(loadMapping(tempfile()), "no file at",
    class = "homespot_input_error"
  )
  expect_error(saveMapping(mappingMatrix(map), "map.h5ad"), "a CellMapping",
    class = "homespot_input_error"
  )
})

test_that("a damaged map is refused, and the remedy is in R's words", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(smallMap(), path)
  bytes <- readBin(path, "raw", file.size(path))
  at <- grepRaw("1 [0-9a-f]{64} [0-9a-f]{64}", bytes) + 10L
  bytes[at] <- charToRaw(if (bytes[at] == charToRaw("0")) "1" else "0")
  writeBin(bytes, path)
  remedy <- paste0(
    "saveMapping(as(readAnnData('", path, "'), \"CellMapping\"), ",
    "\"other.h5ad\")"
  )
  for (backed in c(FALSE, requireNamespace("HDF5Array", quietly = TRUE))) {
    expect_error(
      loadMapping(path, backed = backed), remedy,
      fixed = TRUE, class = "homespot_input_error"
    )
  }
  withr::local_dir(withr::local_tempdir())
  eval(parse(text = remedy))
  expect_equal(
    mappingMatrix(loadMapping("other.h5ad")), mappingMatrix(smallMap()),
    tolerance = 1e-6
  )
})

test_that("a probability off by its last bit is refused, also on disk", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(smallMap(), path)
  runPython(c(
    "import h5py, numpy as np",
    "with h5py.File(sys.argv[1], 'r+') as file:",
    "    x = file['X']",
    "    x[0, 0] = np.nextafter(x[0, 0], x.dtype.type(1))"
  ), path)
  for (backed in c(FALSE, requireNamespace("HDF5Array", quietly = TRUE))) {
    expect_error(
      loadMapping(path, backed = backed), "something is not as it was written",
      class = "homespot_input_error"
    )
  }
})

test_that("the file that a map on disk is read from is not written", {
  skip_if_not_installed("HDF5Array")
  folder <- withr::local_tempdir()
  path <- file.path(folder, "map.h5ad")
  problem <- smallProblem()
  saveMapping(mapCells(problem$sc, problem$st), path)
  before <- tools::md5sum(path)
  backed <- loadMapping(path, backed = TRUE)
  file.symlink(path, file.path(folder, "link.h5ad"))
  for (target in file.path(folder, c("map.h5ad", "link.h5ad"))) {
    expect_error(saveMapping(backed, target), "which is read",
      class = "homespot_input_error"
    )
    expect_error(imputeGenes(backed, problem$sc, output = target),
      "which is read",
      class = "homespot_input_error"
    )
  }
  expect_identical(tools::md5sum(path), before)
  saveMapping(backed, file.path(folder, "copy.h5ad"))
  expect_equal(
    mappingMatrix(loadMapping(file.path(folder, "copy.h5ad"))),
    mappingMatrix(loadMapping(path))
  )
})
