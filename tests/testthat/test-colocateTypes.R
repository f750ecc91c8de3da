# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-colocateTypes.R",
# package = "homespot")'.

skipWithoutPython()

# Two cells of type A, one of B and one of C, on the corners of a rectangle
# with sides of 3 and 4.
corners <- function(p = NULL, coords = TRUE) {
  if (is.null(p)) {
    p <- matrix(
      c(
        1, 0, 0, 0,
        0, 0, 0, 1,
        0, 0.5, 0.5, 0,
        0.5, 0, 0, 0.5
      ), 4,
      byrow = TRUE, dimnames = list(paste0("c", 1:4), paste0("s", 1:4))
    )
  }
  CellMapping(
    p,
    coords = if (coords) cbind(x = c(0, 3, 0, 3), y = c(0, 0, 4, 4)),
    cells = S4Vectors::DataFrame(type = c("A", "A", "B", "C"))
  )
}

named <- function(x, names) {
  matrix(x, length(names), dimnames = list(names, names))
}

test_that("co-location is the correlation of the proportions", {
  found <- colocateTypes(corners(), "type")
  # Proportions of A: 2/3, 0, 0, 2/3; of B: 0, 1, 1, 0; of C: 1/3, 0, 0, 1/3.
  expect_equal(found, named(
    c(1, -1, 1, -1, 1, -1, 1, -1, 1), c("A", "B", "C")
  ))
  problem <- smallProblem()
  map <- mapCells(problem$sc, problem$st, k.best = 5)
  labels <- factor(rep(c("z", "y", "x"), 4), c("z", "y", "x"))
  share <- SummarizedExperiment::assay(
    suppressWarnings(deconvolveSpots(map, labels)), "proportion"
  )
  found <- suppressWarnings(colocateTypes(map, labels))
  kept <- share[, is.finite(colSums(share))]
  expect_equal(found, stats::cor(t(kept)), tolerance = 1e-10)
  expect_identical(rownames(found), levels(labels))
})

test_that("a type with the same share everywhere has 0 with every other", {
  p <- matrix(0.25, 3, 4, dimnames = list(paste0("c", 1:3), paste0("s", 1:4)))
  found <- colocateTypes(CellMapping(p), c("A", "B", "A"))
  expect_equal(found, named(c(1, 0, 0, 1), c("A", "B")))
})

test_that("distances of cells are those of the definition", {
  found <- cellDistances(corners())
  # Cells 1 and 2 sit on opposite corners, for certain; cell 3 halfway on each
  # of the others, cell 4 halfway on each of theirs.
  expect_equal(found, named(c(
    0, 5, 3.5, 2.5,
    5, 0, 3.5, 2.5,
    3.5, 3.5, 2.5, 3.5,
    2.5, 2.5, 3.5, 2.5
  ), paste0("c", 1:4)))
  for (cells in list(c("c3", "c1"), factor(c("c3", "c1")))) {
    expect_equal(
      cellDistances(corners(), cells), found[c("c3", "c1"), c("c3", "c1")]
    )
  }
  expect_equal(cellDistances(corners(), "c3"), named(2.5, "c3"))
})

test_that("distances of types are those of the definition", {
  found <- typeDistances(corners(), "type")
  # A is on each of its two corners by half.
  expect_equal(found, named(
    c(2.5, 3.5, 2.5, 3.5, 2.5, 3.5, 2.5, 3.5, 2.5), c("A", "B", "C")
  ))
  map <- smallMap()
  p <- mappingMatrix(map)
  q <- rbind(A = (p[1, ] + p[3, ]) / 2, B = p[2, ])
  d <- as.matrix(stats::dist(SpatialExperiment::spatialCoords(map)))
  expect_equal(
    typeDistances(map, "cell_type"), q %*% d %*% t(q),
    tolerance = 1e-7
  )
})

test_that("rows that were truncated count by their sums", {
  p <- mappingMatrix(corners())
  p["c4", 1] <- 0
  map <- CellMapping(
    as(p, "CsparseMatrix"),
    coords = SpatialExperiment::spatialCoords(corners()),
    cells = S4Vectors::DataFrame(
      type = c("A", "A", "B", "C"), homespot_left_over = c(0, 0, 0, 0.5)
    )
  )
  expect_equal(unname(cellDistances(map)["c4", ]), c(5, 0, 3.5, 0))
  expect_equal(unname(typeDistances(map, "type")["C", ]), c(2.5, 3.5, 0))
})

test_that("labels come in every form, maps in every class", {
  skip_if_not_installed("HDF5Array")
  types <- c(c4 = "C", c3 = "B", c2 = "A", c1 = "A")
  maps <- list(
    corners(), corners(as(mappingMatrix(corners()), "CsparseMatrix")),
    corners(HDF5Array::writeHDF5Array(
      mappingMatrix(corners()),
      with.dimnames = TRUE
    ))
  )
  for (verb in list(colocateTypes, typeDistances)) {
    expected <- verb(corners(), "type")
    for (map in maps) {
      for (labels in list(types, factor(unname(rev(types))), "type")) {
        expect_equal(verb(map, labels), expected, tolerance = 1e-12)
      }
    }
  }
  for (map in maps) {
    expect_equal(
      cellDistances(map), cellDistances(corners()),
      tolerance = 1e-12
    )
  }
})

test_that("inputs are not changed", {
  map <- corners()
  before <- unserialize(serialize(map, NULL))
  colocateTypes(map, "type")
  typeDistances(map, "type")
  cellDistances(map, "c1")
  expect_identical(map, before)
})

# --- errors ------------------------------------------------------------------

unplaced <- "spots coordinates | without | again `coords` spatialCoords(st)"
noMap <- "CellMapping | matrix 4 x | mapCells() loadMapping()"
noLabels <- "labels map's cells | none | column label cell"
noColumn <- paste(
  "'lost' labels rowData(map) | 'type' 'homespot_left_over' |",
  "Name one value cell"
)
bare <- matrix(0.25, 4, 4)

cases <- list(
  list("types nowhere", function() {
    typeDistances(corners(coords = FALSE), "type")
  }, unplaced),
  list("cells nowhere", function() {
    cellDistances(corners(coords = FALSE))
  }, unplaced),
  list("no map of types", function() colocateTypes(bare, "type"), noMap),
  list("no map of distances", function() typeDistances(bare, "type"), noMap),
  list("no map of cells", function() cellDistances(bare), noMap),
  list("no types", function() colocateTypes(corners()), noLabels),
  list("no types for distances", function() {
    typeDistances(corners(), NULL)
  }, noLabels),
  list("no such column", function() {
    colocateTypes(corners(), "lost")
  }, noColumn),
  list("no such column for distances", function() {
    typeDistances(corners(), "lost")
  }, noColumn),
  list("too many types", function() {
    colocateTypes(corners(), 1:5)
  }, "labels 4 cells | 5 | order vector names column's"),
  list("unknown cells", function() {
    cellDistances(corners(), c("c1", "None"))
  }, "names cells | 'None' | Check"),
  list("a cell twice", function() {
    cellDistances(corners(), c("c1", "c1"))
  }, "unique names cells | 'c1' once | Rename drop"),
  list("a missing cell", function() {
    cellDistances(corners(), c("c1", NA))
  }, "names cells | 1 missing | Drop")
)

for (case in cases) {
  test_that(paste("bad input:", case[[1]]), {
    expectRefused(case[[2]](), case[[3]])
  })
}

test_that("distances of more cells than there is memory for are refused", {
  skip_if_not(file.exists("/proc/meminfo"), "no /proc")
  n <- 3e5
  p <- Matrix::sparseMatrix(
    i = seq_len(n), j = rep_len(1:2, n), x = 1,
    dimnames = list(sprintf("c%d", seq_len(n)), c("s1", "s2"))
  )
  map <- CellMapping(p, coords = cbind(x = 0:1, y = 0))
  expect_match(
    messageOf(cellDistances(map), "homespot_too_large_error"),
    "of memory for the distances of 300,000 cells.*use typeDistances\\(\\)"
  )
})
