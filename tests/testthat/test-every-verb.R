# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-every-verb.R",
# package = "homespot")'.
#
# One path through every verb on the demo data: what to run while one works on
# any of them.

skipWithoutPython()

demo <- demoData()
demo$sc <- demo$sc[, seq(1, ncol(demo$sc), by = 10)]
counts <- SummarizedExperiment::assay(demo$sc, "counts")
demo$sc <- demo$sc[Matrix::rowSums(counts > 0) > 10, ]
map <- mapCells(demo$sc, demo$st)
placed <- placeCells(map, demo$sc, as = "SpatialExperiment")
genes <- c("Gene001", "Gene011")
coords <- SpatialExperiment::spatialCoords

truePlaces <- function() {
  cbind(x = demo$sc$true_x, y = demo$sc$true_y)
}

paths <- list(
  accuracyScore = function() {
    methods <- c("ssa", "correlation")
    scores <- crossValidateGenes(
      demo$sc, demo$st, stats::setNames(as.list(methods), methods), folds = 2
    )
    expect_setequal(accuracyScore(scores)$method, methods)
    expect_s3_class(plotScores(scores), "ggplot")
  },
  addMapping = function() {
    sce <- addMapping(demo$sc, map)
    expect_identical(
      as.vector(sce$homespot_spot), unname(as.vector(homeSpot(map)))
    )
  },
  annotateCells = function() {
    half <- ifelse(coords(map)[, 1] < 0, "left", "right")
    found <- SummarizedExperiment::assay(annotateCells(map, half))
    left <- rowSums(mappingMatrix(map)[, half == "left"])
    expect_equal(found["left", ], left, tolerance = 1e-5)
  },
  assignCells = function() {
    found <- assignCells(map, capacity = 1L)
    expect_identical(max(table(found$homespot_assigned)), 1L)
  },
  calibrateMapping = function() {
    data <- simulateSpots(demo$st, cells.per.spot = 4, n.parts = 4L)
    truth <- coords(demo$st)
    rownames(truth) <- colnames(demo$st)
    table <- calibrateMapping(mapCells(data$sc, data$st), truth)
    expect_s3_class(plotCalibration(table), "ggplot")
  },
  cellDistances = function() {
    found <- cellDistances(map, rownames(map)[1:2])
    p <- mappingMatrix(map)[1:2, ]
    between <- as.matrix(stats::dist(coords(map)))
    expect_equal(found, p %*% between %*% t(p), tolerance = 1e-4)
  },
  cellModes = function() {
    expect_setequal(cellModes(map)$cell, rownames(map))
  },
  colocateTypes = function() {
    found <- colocateTypes(map, "cell_type")
    expect_equal(found, t(found))
    expect_s3_class(plotColocation(found), "ggplot")
  },
  combineSections = function() {
    other <- map
    colnames(other) <- paste0("other", seq_len(ncol(map)))
    both <- combineSections(map, other, weights = c(3, 1))
    first <- rowSums(mappingMatrix(both)[, seq_len(ncol(map))])
    expect_equal(unname(first), rep(0.75, nrow(map)), tolerance = 1e-5)
  },
  deconvolveSpots = function() {
    types <- deconvolveSpots(map, "cell_type")
    shares <- SummarizedExperiment::assay(types, "proportion")
    expect_equal(unname(colSums(shares)), rep(1, ncol(map)), tolerance = 1e-5)
    expect_identical(nrow(scoreProportions(types, types)), ncol(map))
    expect_s3_class(plotTypes(types), "ggplot")
  },
  fitTypes = function() {
    types <- fitTypes(demo$sc, demo$st, "cell_type", level = 0.5)
    shares <- SummarizedExperiment::assay(types, "proportion")
    expect_equal(unname(colSums(shares)), rep(1, ncol(types)))
    expect_true(all(SummarizedExperiment::assay(types, "lower") <= shares))
    joined <- deconvolveSpots(map, "cell_type", sc = demo$sc, st = demo$st)
    weight <- S4Vectors::metadata(joined)$homespot$map_weight
    shares <- shares[, colnames(joined)]
    expect_equal(
      SummarizedExperiment::assay(joined, "proportion"),
      (1 - weight) * shares + weight * SummarizedExperiment::assay(
        deconvolveSpots(map, "cell_type"), "proportion"
      )
    )
  },
  imputeGenes = function() {
    found <- imputeGenes(map, demo$sc, genes)
    counts <- SummarizedExperiment::assay(demo$st, "counts")
    measured <- log1p(1e4 * t(t(counts) / Matrix::colSums(counts)))
    expect_true(all(scoreGenes(measured, found)$pcc > 0.2))
    expect_s3_class(plotGene(demo$st, found, genes[1L]), "ggplot")
  },
  kdeDivergence = function() {
    found <- kdeDivergence(
      truePlaces(), unname(coords(placed)), demo$sc$cell_type
    )
    expect_setequal(names(found), unique(as.vector(demo$sc$cell_type)))
  },
  mapCells = function() {
    expect_equal(
      unname(rowSums(mappingMatrix(map))), rep(1, nrow(map)), tolerance = 1e-5
    )
    expect_identical(mappingInfo(map)$method, "ssa")
    expect_s3_class(plotMapping(map, cell = rownames(map)[1L]), "ggplot")
    expect_s3_class(plotMarginals(map), "ggplot")
    weighted <- mapCells(demo$sc, demo$st, gene.weights = "spatial")
    expect_s3_class(plotAgreement(weighted), "ggplot")
  },
  mappingReport = function() {
    page <- withr::local_tempfile(fileext = ".html")
    mappingReport(map, page, sc = demo$sc, labels = "cell_type")
    expect_match(paste(readLines(page, warn = FALSE), collapse = " "), "ssa")
  },
  placeCells = function() {
    found <- placeCells(map, demo$sc, position = "mean")
    expect_equal(
      found$homespot_x, unname((mappingMatrix(map) %*% coords(map))[, 1L]),
      tolerance = 1e-4
    )
    expect_s3_class(plotCells(placed, "cell_type"), "ggplot")
    expect_s3_class(plotConfidence(placed), "ggplot")
    expect_s3_class(plotSpots(demo$st, "n_cells"), "ggplot")
  },
  placeDistances = function() {
    found <- placeDistances(truePlaces(), unname(coords(placed)))
    expect_true(all(found > 0))
  },
  renormalise = function() {
    part <- renormalise(map[, seq_len(ncol(map) - 5L)])
    expect_equal(
      unname(rowSums(mappingMatrix(part))), rep(1, nrow(map)), tolerance = 1e-5
    )
  },
  saveMapping = function() {
    path <- withr::local_tempfile(fileext = ".h5ad")
    saveMapping(map, path)
    expect_identical(mappingMatrix(loadMapping(path)), mappingMatrix(map))
  },
  tuneMapping = function() {
    tuned <- tuneMapping(
      demo$sc, demo$st, "ssa", list(regularisation = c(0.05, 0.1)),
      folds = 2, outer.folds = 2
    )
    expect_true(tuned$settings$regularisation %in% c(0.05, 0.1))
  },
  typeDistances = function() {
    found <- typeDistances(map, "cell_type")
    expect_equal(found, t(found))
  },
  writeAnnData = function() {
    path <- withr::local_tempfile(fileext = ".h5ad")
    writeAnnData(demo$sc, path)
    back <- readAnnData(path)
    expect_identical(colnames(back), colnames(demo$sc))
  }
)

test_that("every verb that is exported is on a path", {
  exported <- getNamespaceExports("homespot")
  body <- paste(unlist(lapply(
    c(paths, truePlaces), function(path) deparse(body(path))
  )), collapse = " ")
  here <- c(
    names(paths), "demoData", "CellMapping", "plotLosses",
    regmatches(body, gregexpr("\\b[A-Za-z]+(?=\\()", body, perl = TRUE))[[1L]]
  )
  setUp <- c("hasPython", "homespotPython", "homespotSetup", "methodParameters")
  verbs <- grep("^[a-z][A-Za-z]+$", exported, value = TRUE)
  own <- Filter(function(name) {
    environmentName(environment(getExportedValue("homespot", name))) ==
      "homespot"
  }, setdiff(verbs, setUp))
  expect_gt(length(own), 30L)
  expect_identical(setdiff(own, here), character())
})

for (name in names(paths)) {
  test_that(name, {
    paths[[name]]()
  })
}
