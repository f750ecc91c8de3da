# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-addMapping.R",
# package = "homespot")'.

skipWithoutPython()

data <- function(names, class = SingleCellExperiment::SingleCellExperiment) {
  counts <- matrix(1, 2, length(names))
  dimnames(counts) <- list(c("g1", "g2"), names)
  class(list(counts = counts))
}

columns <- c(
  "homespot_spot", "homespot_prob", "homespot_entropy", "homespot_near_spot",
  "homespot_x", "homespot_y", "homespot_spread", "homespot_radius",
  "homespot_confident", "homespot_left_over"
)

test_that("cells get columns, a reducedDim and the record", {
  map <- smallMap()
  sce <- data(rev(rownames(map)))
  before <- unserialize(serialize(sce, NULL))
  out <- addMapping(sce, map)
  expect_identical(sce, before)
  expect_identical(names(SummarizedExperiment::colData(out)), columns)
  expect_identical(out$homespot_spot, rev(unname(homeSpot(map))))
  expect_identical(
    SingleCellExperiment::reducedDim(out, "homespot"),
    mappingMatrix(map)[3:1, ]
  )
  expect_identical(S4Vectors::metadata(out)$homespot, mappingInfo(map))
  placed <- placeCells(map, sce)
  for (name in setdiff(columns, "homespot_left_over")) {
    expect_identical(rev(out[[name]]), placed[[name]])
  }
  # Subsetting by cells takes the matrix along.
  expect_identical(
    SingleCellExperiment::reducedDim(out[, "cell2"], "homespot"),
    mappingMatrix(map)["cell2", , drop = FALSE]
  )
})

test_that("a sparse map stays sparse", {
  map <- smallMap(as(mappingMatrix(smallMap()), "CsparseMatrix"))
  out <- addMapping(data(rownames(map)), map)
  p <- SingleCellExperiment::reducedDim(out, "homespot")
  expect_s4_class(p, "dgCMatrix")
})

test_that("cells that were not mapped get missing values and zeros", {
  dense <- smallMap()
  sparse <- smallMap(as(mappingMatrix(dense), "CsparseMatrix"))
  for (map in list(dense, sparse)) {
    out <- addMapping(data(c("cell2", "lost", "cell1", "cell3")), map)
    expect_identical(
      out$homespot_spot, c("spot2", NA, "spot1", "spot1")
    )
    expect_true(is.na(out$homespot_x[2]))
    expect_identical(
      is.na(out$homespot_confident), c(FALSE, TRUE, FALSE, FALSE)
    )
    p <- SingleCellExperiment::reducedDim(out, "homespot")
    expect_equal(unname(rowSums(p)), c(1, 0, 1, 1))
    expect_equal(as.matrix(p)["cell1", ], mappingMatrix(dense)["cell1", ])
  }
})

test_that("without coordinates there is no position", {
  map <- CellMapping(mappingMatrix(smallMap()))
  out <- addMapping(data(rownames(map)), map)
  expect_identical(
    names(SummarizedExperiment::colData(out)),
    c(
      "homespot_spot", "homespot_prob", "homespot_entropy",
      "homespot_left_over"
    )
  )
})

test_that("spots get the expected number of cells and an altExp", {
  map <- smallMap()
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = matrix(1, 2, 5, dimnames = list(
      c("g1", "g2"), c("spot4", "spot3", "extra", "spot2", "spot1")
    ))),
    spatialCoords = cbind(x = 1:5, y = 1:5)
  )
  out <- addMapping(spe, map)
  mass <- colSums(mappingMatrix(map))
  expect_equal(
    out$homespot_cells, unname(c(mass[4:3], NA, mass[2:1]))
  )
  inside <- SingleCellExperiment::altExp(out, "homespot")
  expect_identical(as.character(class(inside)), "SpatialExperiment")
  expect_identical(S4Vectors::metadata(inside)$homespot, mappingInfo(map))
  expect_identical(colnames(inside), colnames(spe))
  inside <- as(inside, "CellMapping")
  expect_equal(
    mappingMatrix(inside)[, colnames(map)], mappingMatrix(map)
  )
  part <- SingleCellExperiment::altExp(out[, "spot1"], "homespot")
  part <- as(part, "CellMapping")
  expect_equal(
    SummarizedExperiment::rowData(part)$homespot_left_over, c(0.3, 0.8, 0.75)
  )
  full <- addMapping(spe[, -3], map)
  expect_equal(
    mappingMatrix(as(
      SingleCellExperiment::altExp(full, "homespot"), "CellMapping"
    )),
    mappingMatrix(map)[, 4:1]
  )
})

test_that("an object with a map in it is subset and combined as any other", {
  map <- smallMap()
  inside <- function(x) {
    SummarizedExperiment::assay(
      SingleCellExperiment::altExp(x, "homespot"), "mapping"
    )
  }
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = matrix(1, 2, 4, dimnames = list(
      c("g1", "g2"), colnames(map)
    ))),
    spatialCoords = SpatialExperiment::spatialCoords(map)
  )
  classes <- list(spe, data(colnames(map)))
  for (x in classes) {
    out <- addMapping(x, map)
    again <- suppressMessages(cbind(out[, 1:2], out[, 3:4]))
    expect_equal(inside(again), mappingMatrix(map))
    back <- as(SingleCellExperiment::altExp(again, "homespot"), "CellMapping")
    expect_equal(mappingMatrix(back), mappingMatrix(map))
    expect_equal(
      SummarizedExperiment::rowData(back)$homespot_left_over, c(0, 0, 0)
    )
    twice <- c(2, 2, 4, 1, 2)
    expect_equal(inside(out[, twice]), mappingMatrix(map)[, twice])
    expect_equal(out[, twice]$homespot_cells, out$homespot_cells[twice])
  }
})

test_that("coordinates that are not finite are refused", {
  map <- smallMap()
  SpatialExperiment::spatialCoords(map)[2, 1] <- NA
  sce <- data(rownames(map))
  file <- withr::local_tempfile(fileext = ".h5ad")
  words <- "finite coordinates spot | 1 'spot2' | Drop coordinates out"
  expectRefused(addMapping(sce, map), words)
  expectRefused(placeCells(map, sce), words)
  expectRefused(saveMapping(map, file), "finite coordinates spot | 1 | Drop")
})

test_that("names that stand there more than once are refused", {
  map <- smallMap()
  twice <- data(c(rownames(map), "cell2"))
  line <- "colnames(x) <- make.unique(colnames(x))"
  expectRefused(
    addMapping(twice, map), "unique cells spots | 'cell2' once | again", line
  )
  expectRefused(
    placeCells(map, twice), "unique cells | 'cell2' once | again", line
  )
})

test_that("a SummarizedExperiment gets the columns and the record", {
  map <- smallMap()
  out <- addMapping(
    data(rownames(map), SummarizedExperiment::SummarizedExperiment), map
  )
  expect_identical(names(SummarizedExperiment::colData(out)), columns)
})

test_that("what follows from a map goes into altExps and columns", {
  map <- smallMap()
  sce <- data(rownames(map))
  SummarizedExperiment::assay(sce) <- matrix(1:6, 2, dimnames = dimnames(sce))
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = matrix(1, 2, 5, dimnames = list(
      c("g1", "g2"), c("spot4", "spot3", "extra", "spot2", "spot1")
    ))),
    spatialCoords = cbind(x = 1:5, y = 1:5)
  )
  order <- c(4, 3, NA, 2, 1)
  results <- list(
    imputed = imputeGenes(map, sce), types = deconvolveSpots(map, "cell_type")
  )
  columns <- list(imputed = character(), types = c(
    "homespot_cells", "homespot_type", "homespot_type_prob",
    "homespot_confident_share"
  ))
  for (name in names(results)) {
    result <- results[[name]]
    for (x in list(spe, as(spe, "SingleCellExperiment"))) {
      out <- addMapping(x, result)
      expect_identical(class(out), class(x))
      expect_identical(
        SingleCellExperiment::altExpNames(out), name
      )
      inside <- SingleCellExperiment::altExp(out, name)
      expect_s4_class(inside, "SpatialExperiment")
      expect_identical(
        SummarizedExperiment::assayNames(inside),
        SummarizedExperiment::assayNames(result)
      )
      values <- SummarizedExperiment::assay(result)
      expect_identical(
        unname(SummarizedExperiment::assay(inside)), unname(values)[, order]
      )
      expect_identical(
        unname(SpatialExperiment::spatialCoords(inside)),
        unname(SpatialExperiment::spatialCoords(map))[order, ]
      )
      expect_identical(
        setdiff(names(SummarizedExperiment::colData(out)), "sample_id"),
        columns[[name]]
      )
      for (column in columns[[name]]) {
        expect_identical(out[[column]], result[[column]][order])
      }
      expect_identical(
        S4Vectors::metadata(out), S4Vectors::metadata(result)
      )
    }
  }
  # As pictures take it.
  full <- addMapping(spe[, -3], results$types)
  inside <- SingleCellExperiment::altExp(full, "types")
  expect_identical(
    plotTypes(inside)$data$proportion,
    as.vector(SummarizedExperiment::assay(results$types)[, 4:1])
  )
  labels <- annotateCells(map, c("a", "b", "a", "b"))
  out <- addMapping(sce, labels)
  expect_identical(out$homespot_label, labels$homespot_label)
  expect_identical(
    SummarizedExperiment::assay(SingleCellExperiment::altExp(out, "labels")),
    SummarizedExperiment::assay(labels)
  )
})

test_that("a result gives way to a newer one, an altExp of the user's not", {
  map <- smallMap()
  types <- deconvolveSpots(map, "cell_type")
  found <- addMapping(data(colnames(map)), types)
  expect_identical(addMapping(found, types), found)
  SingleCellExperiment::altExp(found, "types") <- data(colnames(map))
  kept <- found
  expect_error(
    addMapping(found, types), "no altExp 'types' but a result of homespot's",
    class = "homespot_input_error"
  )
  expect_identical(found, kept)
})

test_that("what does not belong to the data is refused", {
  map <- smallMap()
  types <- deconvolveSpots(map, "cell_type")
  expectRefused(
    addMapping(data(colnames(map)[-2]), types),
    "all 'spot1' 'spot2' 'spot3' ... | without 1 'spot2' | mapped part"
  )
  expect_error(
    addMapping(
      data(colnames(map), SummarizedExperiment::SummarizedExperiment), types
    ), "a SingleCellExperiment, with room for an altExp 'types'",
    class = "homespot_input_error"
  )
})

test_that("other data, and both at once, are refused", {
  map <- smallMap()
  expectRefused(
    addMapping(data(c("a", "b")), map),
    "all cells 'cell1' 'cell2' 'cell3' spots 'spot1' 'spot2' 'spot3' ... |",
    "'a' 'b' | two mapped"
  )
  expectRefused(
    addMapping(data(c(rownames(map), colnames(map))), map),
    "cells spots | names both | cells spots named differently"
  )
  expectRefused(
    addMapping(mappingMatrix(map), map), "| matrix 3 4 | Wrap matrix"
  )
  expectRefused(addMapping(data("a"), data("a")), "CellMapping | |")
})
