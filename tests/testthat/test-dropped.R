# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-dropped.R",
# package = "homespot")'.
#
# Maps that spots were taken out of.

skipWithoutPython()

# Two sections of the same places and genes, told apart by markers of each.
section <- function(name, n, seed) {
  set.seed(1)
  centres <- matrix(stats::runif(60, 100, 600), 30)
  set.seed(seed)
  xy <- as.matrix(expand.grid(x = 1:6, y = 1:6)) * 100
  cells <- matrix(stats::runif(2 * n, 100, 600), n)
  counts <- function(where) {
    away <- vapply(seq_len(30), function(i) {
      sqrt(colSums((t(where) - centres[i, ])^2))
    }, numeric(nrow(where)))
    markers <- matrix(1, nrow(where), 10)
    markers[, if (name == "A") 1:5 else 6:10] <- 20
    rates <- t(cbind(20 * exp(-(away / 120)^2), markers))
    values <- matrix(stats::rpois(length(rates), rates), nrow(rates))
    dimnames(values) <- list(
      paste0("g", seq_len(nrow(values))),
      paste0(name, seq_len(ncol(values)))
    )
    values
  }
  list(sc = counts(cells), st = counts(xy), xy = xy)
}

a <- section("A", 30, 2)
b <- section("B", 30, 3)
sc <- SingleCellExperiment::SingleCellExperiment(
  list(counts = cbind(a$sc, b$sc))
)
st <- SpatialExperiment::SpatialExperiment(
  list(counts = cbind(a$st, b$st)), spatialCoords = rbind(a$xy, b$xy),
  sample_id = rep(c("A", "B"), each = 36)
)
ofB <- rep(c(FALSE, TRUE), each = 30)

test_that("cells of another section are not confident", {
  whole <- suppressMessages(suppressWarnings(
    mapCells(sc, st, sections = "sample_id", joint = TRUE)
  ))
  before <- placeCells(whole, sc, max.radius = 1e6)
  expect_identical(before$homespot_section == "B", ofB)
  part <- whole[, whole$sample_id == "B"]
  rows <- SummarizedExperiment::rowData(part)
  expect_equal(rows$homespot_dropped, rows$homespot_left_over)
  expect_identical(
    messageOf(placeCells(part, sc, max.radius = 1e6), "homespot_data_warning"),
    paste(
      "30 of 60 cells had more of their mass on spots that were taken out of",
      "this map than on those that stay: they have no radius, and are not",
      "confident. Take these cells out too with map[cells, spots], or use the",
      "map of all spots."
    )
  )
  after <- suppressWarnings(placeCells(part, sc, max.radius = 1e6))
  expect_identical(after$homespot_confident, ofB)
  expect_identical(is.na(after$homespot_radius), !ofB)
  expect_equal(
    after$homespot_radius[ofB], before$homespot_radius[ofB], tolerance = 1e-3
  )
  expect_s3_class(plotConfidence(after), "ggplot")
  # The cells of B alone: no word.
  expect_silent(placeCells(part[ofB, ], sc))
  modes <- cellModes(part)
  share <- tapply(modes$share, modes$cell, sum)
  expect_lt(max(share[colnames(sc)[!ofB]]), 0.5)
  expect_gt(min(share[colnames(sc)[ofB]]), 0.5)
  expect_null(SummarizedExperiment::rowData(renormalise(part))$homespot_dropped)
})

test_that("the account is the same in both languages", {
  p <- rbind(
    c(0.5, 0.2, 0.1, 0.2), c(0.1, 0.1, 0.6, 0.2), c(0.25, 0.25, 0, 0.5)
  )
  dimnames(p) <- list(paste0("c", 1:3), paste0("s", 1:4))
  map <- CellMapping(p, coords = cbind(x = c(1, 2, 1, 2), y = c(1, 1, 2, 2)))
  once <- map[, c("s1", "s2", "s3")]
  expect_equal(
    SummarizedExperiment::rowData(once)$homespot_dropped, c(0.2, 0.2, 0.5)
  )
  twice <- once[2:3, c("s1", "s2")]
  expect_equal(
    SummarizedExperiment::rowData(twice)$homespot_dropped, c(0.8, 0.5)
  )
  core <- reticulate::import_from_path(
    "homespot", dirname(homespotPython()$core), convert = TRUE
  )
  found <- core$subset(
    .mappingToPython(map), spots = list("s1", "s2", "s3")
  )
  expect_equal(
    as.numeric(found$obs$homespot_dropped),
    SummarizedExperiment::rowData(once)$homespot_dropped, tolerance = 1e-6
  )
  # Nothing is taken out.
  all <- SummarizedExperiment::rowData(map[, 4:1])
  expect_identical(all$homespot_dropped, c(0, 0, 0))
})

test_that("rows that are scaled up are still known to be cut short", {
  demo <- demoData()
  sc <- demo$sc[, 1:60]
  sc <- sc[rowSums(SummarizedExperiment::assay(sc)) > 0, ]
  whole <- mapCells(sc, demo$st)
  cut <- mapCells(sc, demo$st, k.best = 10L)
  part <- cut[, -1]
  rows <- SummarizedExperiment::rowData(part)
  scaled <- renormalise(part)
  found <- SummarizedExperiment::rowData(scaled)
  expect_equal(
    found$homespot_cut, rows$homespot_left_over - rows$homespot_dropped,
    tolerance = 1e-12
  )
  expect_null(found$homespot_dropped)
  expect_warning(
    placed <- placeCells(scaled, sc), "60 of 60 cell\\(s\\) have no radius",
    class = "homespot_data_warning"
  )
  expect_true(all(is.na(placed$homespot_radius)))
  other <- renormalise(whole[, -1])
  expect_null(SummarizedExperiment::rowData(other)$homespot_cut)
  both <- rbind(scaled[1:20, ], other[21:60, ])
  expect_warning(
    placed <- placeCells(both, sc), "20 of 60 cell\\(s\\) have no radius",
    class = "homespot_data_warning"
  )
  expect_identical(is.na(placed$homespot_radius), 1:60 <= 20)
  # What was taken out of one of the maps is not forgotten either.
  both <- rbind(part[1:20, ], whole[21:60, ][, -1][, colnames(part)])
  expect_identical(
    SummarizedExperiment::rowData(both)$homespot_dropped[1:20],
    rows$homespot_dropped[1:20]
  )
})
