# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-fitTypes.R",
# package = "homespot")'.

skipWithoutPython()

# Spots that are mixtures of two types whose genes are known.
mixtures <- function() {
  withr::with_seed(1L, {
    genes <- sprintf("gene%02d", 1:40)
    means <- cbind(A = rep(c(8, 1), each = 20), B = rep(c(1, 8), each = 20))
    type <- rep(c("A", "B"), each = 30)
    sc <- matrix(stats::rpois(40 * 60, means[, type]), 40,
      dimnames = list(genes, sprintf("cell%02d", 1:60))
    )
    share <- seq(0, 1, length.out = 12)
    mean <- means %*% rbind(share, 1 - share)
    st <- matrix(stats::rpois(40 * 12, 10 * mean), 40,
      dimnames = list(genes, sprintf("spot%02d", 1:12))
    )
  })
  storage.mode(sc) <- storage.mode(st) <- "double"
  list(
    sc = SingleCellExperiment::SingleCellExperiment(
      list(counts = sc),
      colData = S4Vectors::DataFrame(type = type)
    ),
    st = SpatialExperiment::SpatialExperiment(
      list(counts = st),
      spatialCoords = cbind(x = 1:12, y = 0),
      colData = S4Vectors::DataFrame(area = 1:12)
    ),
    share = share
  )
}
made <- mixtures()
values <- function(x, name = "proportion") {
  SummarizedExperiment::assay(x, name)
}

test_that("known mixtures are found, with the annotation of the spots", {
  found <- fitTypes(made$sc, made$st, "type", level = 0.8)
  expect_s4_class(found, "SpatialExperiment")
  expect_identical(rownames(found), c("A", "B"))
  expect_identical(colnames(found), colnames(made$st))
  expect_lt(max(abs(values(found)["A", ] - made$share)), 0.08)
  expect_equal(unname(colSums(values(found))), rep(1, 12))
  expect_true(all(values(found, "lower") <= values(found)))
  expect_true(all(values(found, "upper") >= values(found)))
  expect_identical(found$area, made$st$area)
  expect_identical(found$homespot_type[c(1, 12)], c("B", "A"))
  expect_identical(SummarizedExperiment::rowData(found)$n_cells, c(30L, 30L))
  expect_identical(
    unname(SpatialExperiment::spatialCoords(found)),
    unname(SpatialExperiment::spatialCoords(made$st))
  )
  record <- S4Vectors::metadata(found)$homespot
  expect_identical(record$level, 0.8)
  expect_length(record$platform_factors, length(record$fit_genes))
})

test_that("labels are taken in every form", {
  expected <- values(fitTypes(made$sc, made$st, "type"))
  labels <- stats::setNames(made$sc$type, colnames(made$sc))
  forms <- list(unname(labels), rev(labels), factor(made$sc$type))
  for (labels in forms) {
    expect_identical(values(fitTypes(made$sc, made$st, labels)), expected)
  }
})

test_that("a reference may be a matrix of means", {
  counts <- values(made$sc, "counts")
  means <- cbind(A = rowMeans(counts[, 1:30]), B = rowMeans(counts[, 31:60]))
  found <- fitTypes(means, made$st, sc.scale = "counts")
  expect_lt(max(abs(values(found)["A", ] - made$share)), 0.08)
  expect_identical(names(SummarizedExperiment::rowData(found)), character())
})

test_that("sections may come as a list", {
  parts <- list(a = made$st[, 1:6], b = made$st[, 7:12])
  found <- fitTypes(made$sc, parts, "type")
  expect_identical(colnames(found), colnames(made$st))
  expect_identical(found$sample_id, rep(c("a", "b"), each = 6L))
  expect_equal(
    values(found), values(fitTypes(made$sc, made$st, "type")),
    tolerance = 1e-6
  )
})

test_that("what is wrong is refused in words of R", {
  expect_error(
    fitTypes(made$sc, made$st, "no"),
    "a column 'no' in colData\\(reference\\)",
    class = "homespot_input_error"
  )
  expect_error(
    fitTypes(made$sc, made$st, "type", level = 2),
    "level to be a number from 0.05 to 0.99",
    class = "homespot_input_error"
  )
  expect_error(
    fitTypes(made$sc), "Call fitTypes\\(reference, st, labels\\)",
    class = "homespot_input_error"
  )
  expect_error(
    fitTypes(made$sc, made$st, colnames(made$sc)),
    "a type of two cells or more.*fitTypes\\(\\) takes them without labels",
    class = "homespot_input_error"
  )
})

test_that("the record says what was read", {
  logs <- made$sc
  SummarizedExperiment::assay(logs, "logs") <- log1p(values(logs, "counts"))
  SummarizedExperiment::rowData(logs)$symbol <- rownames(logs)
  plain <- S4Vectors::metadata(fitTypes(logs, made$st, "type"))$homespot
  read <- c("sc_layer", "st_layer", "sc_gene_column", "st_gene_column")
  expect_false(any(read %in% names(plain)))
  record <- S4Vectors::metadata(fitTypes(
    logs, made$st, "type",
    sc.assay.type = "logs", sc.gene.column = "symbol"
  ))$homespot
  expect_identical(record[read[c(1, 3)]], list(
    sc_layer = "logs", sc_gene_column = "symbol"
  ))
  expect_identical(record$sc_scale, "log")
  expect_false(any(read[c(2, 4)] %in% names(record)))
})

test_that("addMapping() takes it, and no verb takes it for a map", {
  types <- fitTypes(made$sc, made$st[, -1], "type")
  found <- addMapping(made$st, types)
  expect_identical(
    found$homespot_type, c(NA_character_, types$homespot_type)
  )
  expect_identical(found$homespot_type_prob[-1], types$homespot_type_prob)
  expect_null(found$homespot_cells)
  altExp <- SingleCellExperiment::altExp(found, "types")
  expect_identical(values(altExp)[, -1], values(types))
  expect_identical(
    S4Vectors::metadata(found)$homespot, S4Vectors::metadata(types)$homespot
  )
  what <- paste(
    "a CellMapping | deconvolveSpots() fitTypes() SpatialExperiment 2 x 11 |",
    "mapCells() loadMapping() saveRDS() writeAnnData()"
  )
  expectRefused(deconvolveSpots(types, "type"), what)
  expectRefused(saveMapping(types, tempfile(fileext = ".h5ad")), what)
})
