# Alone: Rscript -e 'testthat::test_file(
# "tests/testthat/test-deconvolveSpots.R", package = "homespot")'.

skipWithoutPython()

values <- function(x, name) {
  SummarizedExperiment::assay(x, name)
}

types <- c(cell1 = "A", cell2 = "B", cell3 = "A")

# The mass of the types in smallMap(), and that of the squares, by hand: cells 1
# and 3, and cell 2.
sums <- function(...) {
  matrix(c(...), 2,
    byrow = TRUE, dimnames = list(c("A", "B"), paste0("spot", 1:4))
  )
}
mass <- sums(0.95, 0.35, 0.35, 0.35, 0.2, 0.5, 0.2, 0.1)
total <- colSums(mass)
squares <- sums(
  0.7^2 + 0.25^2, rep(0.1^2 + 0.25^2, 3),
  0.2^2, 0.5^2, 0.2^2, 0.1^2
)

# Without coordinates, and so without the confidence that follows from them.
bareMap <- function(p = mappingMatrix(smallMap())) {
  CellMapping(
    p,
    cells = S4Vectors::DataFrame(cell_type = c("A", "B", "A")),
    spots = S4Vectors::DataFrame(
      sample_id = c("one", "one", "two", "two"), area = 1:4
    )
  )
}

# --- types per spot ----------------------------------------------------------

test_that("proportions and numbers of cells are those of the definition", {
  for (read.out in c("square", "sum")) {
    weight <- list(square = squares, sum = mass)[[read.out]]
    share <- t(t(weight) / colSums(weight))
    found <- deconvolveSpots(smallMap(), "cell_type",
      read.out = read.out, confident = c(TRUE, FALSE, FALSE)
    )
    expect_s4_class(found, "SpatialExperiment")
    expect_identical(dimnames(found), dimnames(mass))
    expect_identical(
      SummarizedExperiment::assayNames(found), c("proportion", "cells")
    )
    expect_equal(values(found, "proportion"), share, tolerance = 1e-7)
    expect_equal(
      values(found, "cells"), t(t(share) * total),
      tolerance = 1e-7
    )
    expect_equal(unname(colSums(values(found, "proportion"))), rep(1, 4))
    expect_identical(SummarizedExperiment::rowData(found)$n_cells, c(2L, 1L))
    expect_equal(found$homespot_cells, unname(total), tolerance = 1e-7)
    expect_identical(found$homespot_type, c("A", "B", "A", "A"))
    expect_equal(
      found$homespot_type_prob, unname(apply(share, 2, max)),
      tolerance = 1e-7
    )
    first <- c(0.7, 0.1, 0.1, 0.1)^(if (read.out == "sum") 1 else 2)
    expect_equal(
      found$homespot_confident_share, unname(first / colSums(weight)),
      tolerance = 1e-7
    )
  }
  expect_identical(
    deconvolveSpots(smallMap(), "cell_type"),
    deconvolveSpots(smallMap(), "cell_type", read.out = "square")
  )
})

test_that("the result is the map's spots", {
  map <- smallMap()
  found <- deconvolveSpots(map, "cell_type")
  own <- c(
    "homespot_cells", "homespot_type", "homespot_type_prob",
    "homespot_confident_share"
  )
  spots <- SummarizedExperiment::colData(found)
  expect_identical(names(spots), c("sample_id", "area", own))
  expect_identical(
    spots[c("sample_id", "area")], SummarizedExperiment::colData(map)
  )
  expect_identical(
    SpatialExperiment::spatialCoords(found),
    SpatialExperiment::spatialCoords(map)
  )
  expect_identical(
    S4Vectors::metadata(found)$homespot,
    c(
      mappingInfo(map),
      read_out = "square",
      types_by = paste(
        "the map alone, with too little contrast: rare types are found in too",
        "many spots, and abundant ones are too rare where they are; sc and st",
        "add a fit of the spots"
      )
    )
  )
  expect_true(validObject(found))
  bare <- deconvolveSpots(bareMap(), "cell_type")
  expect_identical(
    names(SummarizedExperiment::colData(bare)),
    c("sample_id", "area", own[1:3])
  )
  expect_identical(ncol(SpatialExperiment::spatialCoords(bare)), 0L)
})

test_that("it can be kept in the spatial data", {
  problem <- smallProblem()
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st), spatialCoords = problem$coords
  )
  map <- mapCells(problem$sc, spe)
  found <- deconvolveSpots(map, rep(c("x", "y"), 6))
  SingleCellExperiment::altExp(spe, "types") <- found
  expect_identical(
    values(SingleCellExperiment::altExp(spe, "types"), "proportion"),
    values(found, "proportion")
  )
})

test_that("labels come in every form, with one answer", {
  map <- smallMap()
  expected <- deconvolveSpots(map, "cell_type")
  more <- c(types, other = "C")
  forms <- list(
    plain = unname(types), factor = factor(unname(types)), named = rev(types),
    "named, with more" = rev(more), "named factor" = {
      x <- factor(rev(types))
      names(x) <- names(rev(types))
      x
    },
    Rle = S4Vectors::Rle(unname(types))
  )
  for (form in names(forms)) {
    found <- suppressWarnings(deconvolveSpots(map, forms[[form]]))
    expect_identical(
      values(found, "cells"), values(expected, "cells"),
      label = form
    )
  }
  # One label that is the name of a column, of a map of one cell.
  one <- map["cell2", ]
  expect_identical(rownames(deconvolveSpots(one, "cell_type")), "B")
  expect_identical(
    rownames(deconvolveSpots(one, c(cell2 = "cell_type"))), "cell_type"
  )
})

test_that("types stand in the order of levels, and empty ones are left out", {
  map <- smallMap()
  labels <- factor(c("x", "\u03b2'", "x"), c("\u03b2'", "none", "x"))
  expect_warning(
    found <- deconvolveSpots(map, labels, read.out = "sum"),
    "Left out label\\(s\\) that no cell has: 'none'",
    class = "homespot_data_warning"
  )
  expect_identical(rownames(found), c("\u03b2'", "x"))
  expect_equal(
    unname(values(found, "cells")), unname(mass[2:1, ]),
    tolerance = 1e-7
  )
})

test_that("numbers are labels too", {
  for (labels in list(c(2, 10, 2), c(2L, 10L, 2L))) {
    expect_identical(
      rownames(deconvolveSpots(bareMap(), labels)), c("2", "10")
    )
  }
})

test_that("densities scale the numbers, not the proportions", {
  map <- smallMap()
  plain <- deconvolveSpots(map, "cell_type")
  for (density in list(
    "area", 1:4, c(1, 2, 3, 4),
    c(spot4 = 4, spot3 = 3, other = 9, spot2 = 2, spot1 = 1)
  )) {
    found <- deconvolveSpots(map, "cell_type", density = density)
    expect_identical(values(found, "proportion"), values(plain, "proportion"))
    expect_equal(found$homespot_cells, c(1, 2, 3, 4))
    expect_equal(
      values(found, "cells"), t(t(values(plain, "proportion")) * 1:4)
    )
  }
})

test_that("confident cells are those of placeCells() unless given", {
  problem <- smallProblem()
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = problem$sc))
  map <- mapCells(sce, problem$st, coords = problem$coords, k.best = 3)
  labels <- rep(c("x", "y"), 6)
  found <- suppressWarnings(deconvolveSpots(map, labels))
  confident <- placeCells(map, sce)$homespot_confident
  p <- as.matrix(mappingMatrix(map))
  expect_equal(
    found$homespot_confident_share,
    unname(colSums(p^2 * confident) / colSums(p^2)),
    tolerance = 1e-6
  )
  names(confident) <- rownames(map)
  SummarizedExperiment::rowData(map)$sure <- unname(confident)
  for (given in list("sure", rev(confident), unname(confident))) {
    again <- suppressWarnings(deconvolveSpots(map, labels, confident = given))
    expect_identical(
      again$homespot_confident_share, found$homespot_confident_share
    )
  }
})

test_that("spots without mass are NaN, and a warning counts them", {
  p <- mappingMatrix(smallMap())
  p[, c(2, 4)] <- 0
  map <- bareMap(p / rowSums(p))
  text <- messageOf(
    deconvolveSpots(map, "cell_type"), "homespot_data_warning"
  )
  expect_identical(text, paste(
    "2 spot(s) hold no cell: their proportions are missing (NaN). A map with",
    "a larger k.best, or a dense one, reaches them."
  ))
  found <- suppressWarnings(
    deconvolveSpots(map, "cell_type", density = "area")
  )
  expect_true(all(is.nan(values(found, "proportion")[, c(2, 4)])))
  expect_identical(is.na(found$homespot_type), c(FALSE, TRUE, FALSE, TRUE))
  expect_identical(found$homespot_cells, c(1, 0, 3, 0))
})

# The map as a matrix, as what a map keeps of it, and on disk.
stored <- list(
  dgCMatrix = function(p) as(p, "CsparseMatrix"),
  DelayedMatrix = DelayedArray::DelayedArray,
  HDF5Matrix = function(p) {
    HDF5Array::writeHDF5Array(p, with.dimnames = TRUE)
  }
)

for (class in names(stored)) {
  test_that(sprintf("a map as %s gives the same", class), {
    skip_if_not_installed("HDF5Array")
    p <- mappingMatrix(smallMap())
    p["cell1", 2:4] <- c(0.3, 0, 0)
    dense <- smallMap(p)
    map <- smallMap(stored[[class]](p))
    found <- deconvolveSpots(map, "cell_type")
    expected <- deconvolveSpots(dense, "cell_type")
    for (name in c("proportion", "cells")) {
      expect_equal(
        values(found, name), values(expected, name),
        tolerance = 1e-12
      )
    }
    expect_equal(
      SummarizedExperiment::colData(found),
      SummarizedExperiment::colData(expected),
      tolerance = 1e-12
    )
    expect_equal(
      values(annotateCells(map, "sample_id"), "probability"),
      values(annotateCells(dense, "sample_id"), "probability"),
      tolerance = 1e-12
    )
  })
}

test_that("columns of the map that are no plain vectors do not disturb", {
  map <- smallMap()
  SummarizedExperiment::rowData(map)$parts <- I(as.list(1:3))
  SummarizedExperiment::colData(map)$parts <- I(as.list(1:4))
  expect_no_warning(found <- deconvolveSpots(map, "cell_type"))
  expect_identical(found$parts, I(as.list(1:4)))
  expect_no_warning(found <- annotateCells(map, "sample_id"))
  expect_identical(found$parts, I(as.list(1:3)))
  expectRefused(
    deconvolveSpots(map, "parts"),
    "'parts' rowData(map) | AsIs | vector factor"
  )
})

# --- labels for the cells ----------------------------------------------------

test_that("probabilities of labels are those of the definition", {
  map <- smallMap()
  found <- annotateCells(map, c("L1", "L2", "L1", "L3"))
  expect_s4_class(found, "SingleCellExperiment")
  expect_false(is(found, "CellMapping"))
  expect_equal(values(found, "probability"), matrix(
    c(
      0.8, 0.1, 0.1,
      0.4, 0.5, 0.1,
      0.5, 0.25, 0.25
    ), 3,
    dimnames = list(c("L1", "L2", "L3"), rownames(map))
  ), tolerance = 1e-7)
  expect_identical(SummarizedExperiment::rowData(found)$n_spots, c(2L, 1L, 1L))
  expect_identical(found$homespot_label, c("L1", "L2", "L1"))
  expect_equal(found$homespot_label_prob, c(0.8, 0.5, 0.5), tolerance = 1e-7)
  expect_identical(
    SummarizedExperiment::colData(found)[c("cell_type", "homespot_left_over")],
    SummarizedExperiment::rowData(map)
  )
  expect_identical(S4Vectors::metadata(found)$homespot, mappingInfo(map))
})

test_that("rows that were truncated count by their sums, ties by the first", {
  p <- mappingMatrix(smallMap())
  p["cell1", ] <- c(0.5, 0.25, 0, 0)
  p["cell3", ] <- c(0.25, 0, 0.25, 0)
  map <- CellMapping(as(p, "CsparseMatrix"),
    cells = S4Vectors::DataFrame(homespot_left_over = 1 - rowSums(p))
  )
  found <- annotateCells(map, c("b", "a", "a", "b"))
  expect_equal(
    unname(values(found, "probability")["b", ]), c(2 / 3, 0.3, 0.5),
    tolerance = 1e-7
  )
  expect_identical(found$homespot_label, c("b", "a", "a"))
})

test_that("labels of spots come in every form", {
  map <- smallMap()
  expected <- values(annotateCells(map, "sample_id"), "probability")
  forms <- list(
    map$sample_id, factor(map$sample_id),
    c(spot4 = "two", spot1 = "one", spot2 = "one", spot3 = "two")
  )
  for (labels in forms) {
    expect_identical(
      values(annotateCells(map, labels), "probability"), expected
    )
  }
})

test_that("inputs are not changed", {
  given <- list(
    smallMap(), types, c(spot1 = 1, spot2 = 2, spot3 = 3, spot4 = 4)
  )
  before <- unserialize(serialize(given, NULL))
  deconvolveSpots(given[[1]], given[[2]], density = given[[3]])
  annotateCells(given[[1]], given[[3]])
  expect_identical(given, before)
})

test_that("the record says what the types rest on, and what was read", {
  demo <- demoData()
  sc <- demo$sc[, 1:300]
  map <- mapCells(sc, demo$st)
  by <- function(...) {
    S4Vectors::metadata(deconvolveSpots(map, "cell_type", ...))$homespot
  }
  expect_match(by()$types_by, "^the map alone, .* sc and st add a fit")
  expect_false(any(startsWith(names(by()), "fit_")))
  SummarizedExperiment::assay(sc, "logs") <-
    log1p(SummarizedExperiment::assay(sc, "counts"))
  record <- by(sc = sc, st = demo$st, sc.assay.type = "logs")
  expect_identical(
    record$types_by,
    "the map and a fit of the spots on the expression of the types"
  )
  expect_identical(record$fit_sc_layer, "logs")
  expect_identical(record[c("fit_sc_scale", "fit_st_scale", "sc_scale")], list(
    fit_sc_scale = "log", fit_st_scale = "counts", sc_scale = "counts"
  ))
  expect_null(record$fit_st_layer)
  expect_null(record$sc_layer)
})

test_that("assays without their data are refused", {
  expectRefused(
    deconvolveSpots(smallMap(), "cell_type", sc.assay.type = "counts"),
    "both sc and st | only sc.assay.type | both neither"
  )
  expectRefused(
    deconvolveSpots(smallMap(), "cell_type", st.assay.type = "counts"),
    "both sc and st | only st.assay.type | both neither"
  )
})

# --- errors ------------------------------------------------------------------

deconvolve <- function(...) function() deconvolveSpots(smallMap(), ...)
annotate <- function(...) function() annotateCells(smallMap(), ...)

nowhere <- function() {
  p <- mappingMatrix(smallMap())
  p[2, ] <- 0
  annotateCells(CellMapping(p, cells = S4Vectors::DataFrame(
    homespot_left_over = c(0, 1, 0)
  )), c("a", "a", "b", "b"))
}

cases <- list(
  list(
    "no labels", deconvolve(),
    "labels cells | none | column label"
  ),
  list(
    "NULL as labels", annotate(NULL),
    "labels spots | none | column label"
  ),
  list(
    "an object as labels", deconvolve(smallMap()),
    "labels vector | CellMapping 3 4 | value names"
  ),
  list(
    "a column that is not there", deconvolve("True"),
    "'True' rowData(map) | 'cell_type' 'homespot_left_over' | value cell"
  ),
  list(
    "a column of the other side", annotate("cell_type"),
    "'cell_type' colData(map) | 'sample_id' 'area' | value spot"
  ),
  list(
    "too few labels", deconvolve(c("a", "b")),
    "3 | 2 | order vector"
  ),
  list(
    "a missing label for all", deconvolve(NA),
    "3 | 1 | order vector"
  ),
  list(
    "labels of other cells", deconvolve(c(cell1 = "a", x = "b", y = "c")),
    "labels cells | 2 cell2 'cell3' 'cell1' | labels mapped"
  ),
  list(
    "two labels for a cell", deconvolve(c(types, cell1 = "B")),
    "labels cell | 'cell1' | Drop others"
  ),
  list(
    "a name that is missing", deconvolve(stats::setNames(types, c("a", NA))),
    "names cells | 2 | Drop"
  ),
  list(
    "missing labels", deconvolve(c("a", NA, "b")),
    "label cell | 1 ('cell2') | Label cells"
  ),
  list(
    "missing levels", annotate(factor(c("a", NA, NA, "b"))),
    "label spot | 2 spot2 'spot3' | Label spots"
  ),
  list(
    "empty labels", deconvolve(c("a", "", "b")),
    "label cell | 1 ('cell2') | Label cells"
  ),
  list(
    "a list of labels", deconvolve(list(c("a", "b"), "a")),
    "labels vector | object class | value names"
  ),
  list(
    "a matrix of labels", annotate(matrix(1:4)),
    "labels vector | 4 1 | value names"
  ),
  list(
    "densities that are no numbers", deconvolve(
      "cell_type",
      density = "sample_id"
    ),
    "0 | 4 spot1 'spot2' 'spot3' | spot"
  ),
  list(
    "densities below 0 or missing", deconvolve(
      "cell_type",
      density = c(1, -1, NA, Inf)
    ),
    "0 | 3 spot2 'spot3' 'spot4' | spot"
  ),
  list(
    "densities of a column that is not there", deconvolve(
      "cell_type",
      density = "nuclei"
    ),
    "'nuclei' colData(map) | 'sample_id' 'area' | value spot"
  ),
  list(
    "too few densities", deconvolve("cell_type", density = 1:3),
    "4 | 3 | order vector"
  ),
  list(
    "confidence that is no yes or no", deconvolve(
      "cell_type",
      confident = "cell_type"
    ),
    "TRUE FALSE | 'A' 'B' | 'homespot_confident' placeCells()"
  ),
  list(
    "missing confidence", deconvolve(
      "cell_type",
      confident = c(TRUE, NA, FALSE)
    ),
    "TRUE FALSE | 1 ('cell2') | 'homespot_confident' placeCells()"
  ),
  list(
    "a cell that is nowhere", nowhere,
    "cell probability | 1 ('cell2') | Drop cells"
  ),
  list(
    "no map", function() deconvolveSpots(mass, "cell_type"),
    "CellMapping | 2 4 | mapCells() loadMapping()"
  ),
  list(
    "no map to annotate with", function() annotateCells(NULL, "cell_type"),
    "CellMapping | NULL | mapCells() loadMapping()"
  )
)

for (case in cases) {
  test_that(paste("bad input:", case[[1]]), {
    expectRefused(case[[2]](), paste(unlist(case[-(1:2)]), collapse = " "))
  })
}
