# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-assignCells.R",
# package = "homespot")'.
#
# assignCells(), cellModes() and mappingReport().

skipWithoutPython()

test_that("one cell a spot is the most probable of all such assignments", {
  map <- smallMap()
  found <- assignCells(map, 1)
  expect_s4_class(found, "DataFrame")
  expect_identical(rownames(found), rownames(map))
  p <- mappingMatrix(map)
  chosen <- match(found$homespot_assigned, colnames(map))
  expect_identical(anyDuplicated(chosen), 0L)
  # All ways to give three cells three of the four spots.
  ways <- expand.grid(1:4, 1:4, 1:4)
  ways <- as.matrix(ways[apply(ways, 1, anyDuplicated) == 0, ])
  sums <- apply(ways, 1, function(way) sum(log(p[cbind(1:3, way)])))
  expect_equal(sum(log(p[cbind(1:3, chosen)])), max(sums), tolerance = 1e-6)
  expect_equal(found$homespot_prob, p[cbind(1:3, chosen)], tolerance = 1e-6)
  coords <- SpatialExperiment::spatialCoords(map)
  expect_equal(found$homespot_x, unname(coords[chosen, "x"]))
  expect_equal(found$homespot_y, unname(coords[chosen, "y"]))
})

test_that("capacities come in every form, with the same result", {
  map <- smallMap()
  SummarizedExperiment::colData(map)$room <- c(3L, 0L, 0L, 0L)
  for (capacity in list(
    "room", c(3, 0, 0, 0), c(spot3 = 0, spot4 = 0, spot1 = 3, spot2 = 0)
  )) {
    expect_identical(
      assignCells(map, capacity)$homespot_assigned, rep("spot1", 3)
    )
  }
  expect_lte(max(table(assignCells(map)$homespot_assigned)), 2L)
})

test_that("what does not fit is refused in R's words", {
  map <- smallMap()
  map2 <- map[, 1:2]
  expectRefused(assignCells(map2, 1), "room all 3 cells | capacity 2 |")
  expectRefused(assignCells(map, 4.5), "whole number | 4.5 |")
  expectRefused(
    assignCells(map, "lost"), "column 'lost' capacities colData(map) | |"
  )
  expectRefused(assignCells(map, c(1, 1)), "capacities 4 spots | 2 |")
  expectRefused(assignCells(map, candidates = 0), "candidates whole | 0 |")
  expectRefused(assignCells(1), "CellMapping | 1 |")
  expectRefused(cellModes(map, n.modes = 0), "n.modes whole number | 0 |")
  expectRefused(cellModes(map, min.share = 2), "min.share above 0 | 2.0 |")
  expectRefused(mappingReport(map, "x.txt"), "path ends .html | x.txt |")
  page <- tempfile(fileext = ".html")
  expectRefused(
    mappingReport(map, page, sc.assay.type = "counts"),
    "sc sc.assay.type | sc | both neither"
  )
  expectRefused(
    mappingReport(map, page, st.assay.type = "counts"),
    "st st.assay.type | st | both neither"
  )
  expectRefused(
    mappingReport(map, tempfile(fileext = ".html"), labels = "lost"),
    "column 'lost' labels rowData(map) | |"
  )
})

test_that("modes are the places of a cell's probability", {
  p <- matrix(c(0.5, 0.02, 0, 0.48), 1, dimnames = list("c", paste0("s", 1:4)))
  map <- CellMapping(p, coords = cbind(x = c(0, 1, 50, 100), y = 0))
  # The pitch is 25: half of the distances to the nearest are 1, half 49 or 50.
  modes <- cellModes(map, reach = 0.2)
  expect_identical(modes$cell, c("c", "c"))
  expect_identical(modes$mode, 1:2)
  # Shares are those of the squares.
  total <- 0.5^2 + 0.02^2 + 0.48^2
  expect_equal(
    modes$share, c(0.5^2 + 0.02^2, 0.48^2) / total,
    tolerance = 1e-6
  )
  expect_equal(modes$x, c(0.02^2 / (0.5^2 + 0.02^2), 100), tolerance = 1e-6)
})

test_that("the page holds the map, and no part of it is left elsewhere", {
  skip_if_not(
    reticulate::py_module_available("plotly"), "Python has no plotly"
  )
  demo <- demoData()
  map <- mapCells(demo$sc, demo$st, k.best = 20L)
  page <- withr::local_tempfile(fileext = ".html")
  shown <- suppressWarnings(
    mappingReport(map, page,
      sc = demo$sc, labels = "cell_type", genes = "Gene001",
      unit = "um", title = "A & B"
    ),
    classes = "homespot_data_warning"
  )
  expect_identical(shown, page)
  text <- paste(readLines(page, warn = FALSE), collapse = "\n")
  for (part in c("A &amp; B", "1,500", "Gene001", "Vascular", "spot001")) {
    expect_match(text, part, fixed = TRUE)
  }
  expect_no_match(text, "<script[^>]+src=")
  expect_no_match(text, "\"autorange\": *\"reversed\"")

  expect_match(text, "The cell types of spots are by the map alone")
  expect_match(text, "no intervals, which follow from scores.", fixed = TRUE)

  # With both data sets, the types are those of deconvolveSpots() with both.
  suppressWarnings(
    mappingReport(map, page,
      sc = demo$sc, st = demo$st, labels = "cell_type", genes = "Gene001"
    ),
    classes = "homespot_data_warning"
  )
  types <- suppressWarnings(
    deconvolveSpots(map, "cell_type", sc = demo$sc, st = demo$st),
    classes = "homespot_data_warning"
  )
  weight <- S4Vectors::metadata(types)$homespot$map_weight
  text <- paste(readLines(page, warn = FALSE), collapse = "\n")
  expect_match(text, sprintf(
    paste(
      "those of deconvolveSpots() with sc and st: a fit of the spots on the",
      "expression of the types, beside which the map counts %.0f%%."
    ), 100 * weight
  ), fixed = TRUE)

  # With an image of the tissue y runs downwards, and the image is drawn.
  file <- withr::local_tempfile(fileext = ".png")
  grDevices::png(file, 20, 16)
  grid::grid.raster(matrix(c("#FF0000", "#00FF00"), 2))
  grDevices::dev.off()
  drawn <- SpatialExperiment::addImg(
    demo$st,
    imageSource = file, scaleFactor = 0.01, load = TRUE,
    sample_id = demo$st$sample_id[1L], image_id = "low"
  )
  suppressWarnings(
    mappingReport(
      mapCells(demo$sc[, 1:100], drawn, method = "correlation"), page
    ),
    classes = "homespot_data_warning"
  )
  text <- paste(readLines(page, warn = FALSE), collapse = "\n")
  expect_match(text, "\"autorange\": *\"reversed\"")
})

test_that("arguments and defaults are Python's", {
  same <- function(verb, f, python, r) {
    signature <- .toR(.call("signature", verb))
    expect_identical(names(signature), python)
    given <- formals(f)
    expect_identical(names(given)[seq_along(r)], r)
    for (i in seq_along(python)[-1L]) {
      default <- eval(given[[r[i]]])
      if (!is.null(default)) {
        expect_equal(default, signature[[python[i]]], label = r[i])
      }
    }
  }
  same(
    "assign_cells", homespot::assignCells,
    c("mapping", "capacity", "candidates"), c("map", "capacity", "candidates")
  )
  same(
    "cell_modes", cellModes,
    c("mapping", "n_modes", "min_share", "reach", "k"),
    c("map", "n.modes", "min.share", "reach", "k")
  )
  same(
    "report", homespot::mappingReport,
    c(
      "mapping", "output", "sc", "st", "labels", "genes", "scores", "sc_layer",
      "st_layer", "sc_scale", "st_scale", "unit", "title"
    ),
    c(
      "map", "output", "sc", "st", "labels", "genes", "scores",
      "sc.assay.type", "st.assay.type", "sc.scale", "st.scale", "unit", "title"
    )
  )
})
