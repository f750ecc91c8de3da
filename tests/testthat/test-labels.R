# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-labels.R",
# package = "homespot")'.

skipWithoutPython()

problem <- smallProblem()
types <- rep(c("neuron", "glia", "B/T cell"), 4)
layers <- rep(c("in", "out"), 4)
sce <- SingleCellExperiment::SingleCellExperiment(
  list(counts = problem$sc), colData = S4Vectors::DataFrame(type = types)
)
spe <- SpatialExperiment::SpatialExperiment(
  assays = list(counts = problem$st), spatialCoords = problem$coords,
  colData = S4Vectors::DataFrame(layer = layers)
)
quick <- list(
  method = "come", epochs = 2, pretrain.epochs = 3, hidden = 8, latent = 4
)
come <- function(...) {
  do.call(mapCells, c(list(sce, spe), quick, list(...)))
}

# Labels in every form: in the order of the data, or by name in any other.
forms <- function(x, names) {
  named <- stats::setNames(x, names)
  list(
    vector = x, factor = factor(x), Rle = S4Vectors::Rle(x),
    named = rev(named), namedFactor = rev(
      stats::setNames(factor(x), names)
    ), list = as.list(rev(named)), more = c(rev(named), other = "x")
  )
}

test_that("labels are taken as values, in any form", {
  expected <- come(labels = "type", st.labels = "layer")
  ofCells <- forms(types, colnames(sce))
  ofSpots <- forms(layers, colnames(spe))
  for (form in names(ofCells)) {
    map <- come(labels = ofCells[[form]], st.labels = ofSpots[[form]])
    expect_identical(
      mappingMatrix(map), mappingMatrix(expected), label = form
    )
    expect_identical(
      as.character(SummarizedExperiment::rowData(map)$homespot_labels), types
    )
    expect_identical(as.character(map$homespot_st_labels), layers)
    expect_identical(mappingInfo(map)$parameters$labels, "homespot_labels")
  }
})

test_that("they are taken in cross-validation and tuning as well", {
  run <- function(labels) {
    table <- do.call(crossValidateGenes, c(
      list(sce, spe), quick, list(labels = labels, folds = 2)
    ))
    table[names(table) != "seconds"]
  }
  expect_identical(run(rev(stats::setNames(types, colnames(sce)))), run("type"))
  several <- crossValidateGenes(
    sce, spe, list(
      one = do.call(list, c("come", quick[-1], list(labels = types))),
      two = do.call(list, c("come", quick[-1], list(labels = "type")))
    ), folds = 2
  )
  expect_identical(
    several$pcc[several$method == "one"], several$pcc[several$method == "two"]
  )
  tune <- function(labels) {
    do.call(tuneMapping, c(
      list(sce, spe, grid = list(tau = 0.2)), quick,
      list(labels = labels, folds = 2, outer.folds = 2)
    ))
  }
  found <- tune(factor(types))
  expected <- tune("type")
  expect_identical(found$outer$pcc, expected$outer$pcc)
  # The settings can be passed on.
  expect_identical(found$settings$labels, factor(types))
  expect_identical(expected$settings$labels, "type")
  expect_s4_class(
    do.call(mapCells, c(list(sce, spe, found$method), found$settings)),
    "CellMapping"
  )
})

test_that("the verbs that read a map take the same forms", {
  map <- mapCells(sce, spe)
  ofCells <- forms(types, colnames(sce))
  ofSpots <- forms(layers, colnames(spe))
  for (form in names(ofCells)) {
    expect_identical(
      SummarizedExperiment::assay(deconvolveSpots(map, ofCells[[form]])),
      SummarizedExperiment::assay(deconvolveSpots(map, "type")), label = form
    )
    expect_identical(
      SummarizedExperiment::assay(annotateCells(map, ofSpots[[form]])),
      SummarizedExperiment::assay(annotateCells(map, "layer")), label = form
    )
    expect_identical(
      colocateTypes(map, ofCells[[form]]), colocateTypes(map, "type"),
      label = form
    )
  }
})

test_that("labels of a list of sections are by name of the spots", {
  parts <- list(a = spe[, 1:4], b = spe[, 5:8])
  run <- function(...) {
    suppressWarnings(
      do.call(mapCells, c(list(sce, parts), quick, list(...))),
      classes = "homespot_data_warning"
    )
  }
  expected <- run(st.labels = "layer")
  named <- rev(stats::setNames(layers, colnames(spe)))
  expect_identical(
    mappingMatrix(run(st.labels = named)), mappingMatrix(expected)
  )
  expect_identical(
    mappingMatrix(run(st.labels = layers)), mappingMatrix(expected)
  )
})
