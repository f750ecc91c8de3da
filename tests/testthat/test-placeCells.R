# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-placeCells.R",
# package = "homespot")'.

skipWithoutPython()

asSce <- function(map, ...) {
  cells <- rev(rownames(map))
  SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix(seq_len(2 * length(cells)), 2,
      dimnames = list(c("g1", "g2"), cells)
    )),
    colData = S4Vectors::DataFrame(donor = seq_along(cells), ...)
  )
}

test_that("positions are those of the definition", {
  map <- smallMap()
  sce <- asSce(map)
  mean <- placeCells(map, sce, position = "mean")
  expect_equal(mean$homespot_x, c(0.2, 0.6, 0.5))
  expect_equal(mean$homespot_y, c(0.2, 0.3, 0.5))
  expect_equal(mean$homespot_spread[3], sqrt(0.5))
  best <- placeCells(map, sce, position = "argmax")
  expect_equal(best$homespot_x, c(0, 1, 0))
  expect_equal(best$homespot_spot, unname(homeSpot(map)))
  expect_equal(best$homespot_prob, c(0.7, 0.5, 0.25), tolerance = 1e-7)
  two <- placeCells(map, sce, position = "k_best", k = 1)
  expect_equal(two$homespot_x[1:2], best$homespot_x[1:2])
})

test_that("entropy, radius and confidence are those of the definition", {
  map <- smallMap()
  placed <- placeCells(map, asSce(map), position = "mean")
  p <- mappingMatrix(map)
  expect_equal(
    placed$homespot_entropy, unname(-rowSums(p * log(p)) / log(4)),
    tolerance = 1e-6
  )
  expect_identical(placed$homespot_entropy[3], 1)
  # The third cell: every spot is sqrt(0.5) away, as the extent is.
  factor <- 0.93 * (-log(0.1))^0.7
  expect_equal(placed$homespot_radius[3], factor * sqrt(0.5))
  expect_identical(
    placed$homespot_confident, placed$homespot_radius <= sqrt(0.5) / 2
  )
  wide <- placeCells(map, asSce(map), max.radius = 10, level = 0.5)
  expect_identical(wide$homespot_confident, rep(TRUE, 3))
  info <- S4Vectors::metadata(wide)$homespot
  expect_identical(info[c("level", "max_radius")], list(
    level = 0.5, max_radius = 10
  ))
  expect_null(S4Vectors::metadata(placed)$homespot$max_radius)
})

test_that("a sharpness is read from the map, and the record says so", {
  map <- smallMap()
  plain <- placeCells(map, asSce(map))
  expect_identical(S4Vectors::metadata(plain)$homespot$read_out, "best spots")
  SummarizedExperiment::rowData(map)$homespot_sharpness <- c(1 / 0.75, NA, 2)
  some <- placeCells(map, asSce(map), max.radius = 10)
  expect_identical(
    S4Vectors::metadata(some)$homespot$read_out, "sharpness, best spots"
  )
  expect_identical(some$homespot_x[2], plain$homespot_x[2])
  expect_identical(some$homespot_radius[2], plain$homespot_radius[2])
  # The third cell: every spot is sqrt(0.5) away from the median, pitch is 1.
  expect_equal(some$homespot_radius[3], sqrt(0.5 + 1 / 6))
  p <- mappingMatrix(map)[1, ]
  away <- as.matrix(dist(SpatialExperiment::spatialCoords(map)))
  expect_identical(
    some$homespot_near_spot[1], colnames(map)[which.min(away %*% p)]
  )
  SummarizedExperiment::rowData(map)$homespot_sharpness <- 1
  all <- placeCells(map, asSce(map), max.radius = 10)
  expect_identical(S4Vectors::metadata(all)$homespot$read_out, "sharpness")
})

test_that("places of a map of the best spots are those of whole rows", {
  demo <- demoData()
  sc <- demo$sc[, 1:200]
  st <- demo$st[, seq(1, ncol(demo$st), 4)]
  whole <- mapCells(sc, st, progress = FALSE)
  cut <- mapCells(sc, st, k.best = 10L, progress = FALSE)
  kept <- function(map) {
    any(startsWith(
      names(SummarizedExperiment::rowData(map)), "homespot_whole_"
    ))
  }
  expect_false(kept(whole))
  expect_true(kept(cut))
  places <- function(map) {
    table <- SummarizedExperiment::colData(placeCells(map, sc))
    columns <- c(
      "homespot_near_spot", "homespot_x", "homespot_y", "homespot_spread",
      "homespot_radius", "homespot_confident"
    )
    as.data.frame(table[columns])
  }
  expected <- places(whole)
  expect_identical(places(cut), expected)
  file <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(cut, file)
  expect_identical(places(loadMapping(file)), expected)
  expect_identical(places(rbind(cut[51:200, ], whole[1:50, ])), expected[
    c(51:200, 1:50),
  ])
  expect_false(kept(cut[, colnames(cut)]))
  other <- cut
  colnames(other) <- paste0("other_", colnames(cut))
  both <- combineSections(cut, other, shared.frame = TRUE)
  expect_false(kept(both))
  # Both parts have the same sharpness, and so has the whole.
  expect_equal(
    SummarizedExperiment::rowData(both)$homespot_sharpness,
    SummarizedExperiment::rowData(cut)$homespot_sharpness
  )
})

test_that("positions go into a reduction, if asked", {
  map <- smallMap()
  for (as in list(NULL, "SingleCellExperiment", "SpatialExperiment")) {
    placed <- placeCells(map, asSce(map), as = as, reduction = "tissue")
    found <- SingleCellExperiment::reducedDim(placed, "tissue")
    expect_identical(dimnames(found), list(rownames(map), c("x", "y")))
    expect_identical(
      unname(found), cbind(placed$homespot_x, placed$homespot_y)
    )
  }
  expect_length(
    SingleCellExperiment::reducedDimNames(placeCells(map, asSce(map))), 0L
  )
})

test_that("arguments and defaults are Python's", {
  python <- .toR(.call("signature", "place_cells"))
  r <- formals(homespot::placeCells)
  names(r) <- gsub(".", "_", names(r), fixed = TRUE)
  for (name in setdiff(names(python), c("mapping", "sc"))) {
    expect_identical(r[[name]], python[[name]], label = name)
  }
})

test_that("cells come in the map's order, their columns stay", {
  map <- smallMap()
  sce <- asSce(map)
  for (as in c("SingleCellExperiment", "SpatialExperiment")) {
    placed <- placeCells(map, sce, as = as)
    expect_identical(as.character(class(placed)), as)
    expect_identical(colnames(placed), rownames(map))
    expect_identical(placed$donor, c(3L, 2L, 1L))
    expect_identical(
      SummarizedExperiment::assay(placed), SummarizedExperiment::assay(
        sce
      )[, rownames(map)]
    )
    info <- S4Vectors::metadata(placed)$homespot
    expect_identical(info$method, "by hand")
    expect_identical(info$position, "median")
  }
  expect_identical(sce, asSce(map))
})

test_that("the reconstructed tissue has coordinates and the spots' samples", {
  map <- smallMap()
  tissue <- placeCells(map, asSce(map, sample_id = "donor"),
    as = "SpatialExperiment", position = "argmax"
  )
  expect_equal(
    SpatialExperiment::spatialCoords(tissue),
    matrix(c(0, 1, 0, 0, 0, 0), 3,
      dimnames = list(rownames(map), c("x", "y"))
    )
  )
  expect_identical(tissue$sample_id, c("one", "one", "one"))
  expect_identical(tissue$sc_sample_id, rep("donor", 3))
  expect_true(validObject(tissue))
})

test_that("three dimensions stay three, and names of coordinates stay", {
  map <- smallMap()
  SpatialExperiment::spatialCoords(map) <- cbind(
    u = 1:4, v = 2, w = c(0, 0, 1, 1)
  )
  map <- as(as(map, "SpatialExperiment"), "CellMapping")
  tissue <- placeCells(map, asSce(map), as = "SpatialExperiment")
  expect_identical(
    colnames(SpatialExperiment::spatialCoords(tissue)), c("u", "v", "w")
  )
  expect_true("homespot_z" %in% names(SummarizedExperiment::colData(tissue)))
})

test_that("SummarizedExperiment and SpatialExperiment are placed as well", {
  map <- smallMap()
  se <- SummarizedExperiment::SummarizedExperiment(
    list(counts = SummarizedExperiment::assay(asSce(map)))
  )
  expect_s4_class(placeCells(map, se), "SingleCellExperiment")
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = SummarizedExperiment::assay(asSce(map))),
    spatialCoords = cbind(x = 7:9, y = 7:9)
  )
  placed <- placeCells(map, spe, as = "SpatialExperiment", position = "argmax")
  expect_equal(unname(SpatialExperiment::spatialCoords(placed)[1, ]), c(0, 0))
})

refused <- list(
  list("no coordinates", function(map, sce) {
    placeCells(CellMapping(mappingMatrix(map)), sce)
  }, "spots coordinates | without | `coords` spatialCoords(map) two three"),
  list("other cells", function(map, sce) {
    placeCells(map, sce[, -1])
  }, "single-cell mapped | without 1 'cell3' | Pass"),
  list("a matrix", function(map, sce) {
    placeCells(map, SummarizedExperiment::assay(sce))
  }, paste(
    "single-cell mapped SummarizedExperiment Seurat | matrix 2 x 3 |",
    "Wrap SingleCellExperiment"
  )),
  list("no map", function(map, sce) {
    placeCells(sce, sce)
  }, "CellMapping | SingleCellExperiment 2 x 3 | mapCells() loadMapping()"),
  list("position", function(map, sce) {
    placeCells(map, sce, position = "x")
  }, "position 'median' 'mean' 'k_best' 'argmax' | 'x' | one"),
  list("k", function(map, sce) {
    placeCells(map, sce, k = 0)
  }, "k whole number least 1 | 0 | Choose"),
  list("k of NA", function(map, sce) {
    placeCells(map, sce, k = NA)
  }, "k whole number least 1 | NA | Choose"),
  list("level", function(map, sce) {
    placeCells(map, sce, level = 1)
  }, "level number 0.05 0.99 | 1.0 | Choose"),
  list("radius", function(map, sce) {
    placeCells(map, sce, max.radius = -1)
  }, "max.radius finite above 0 | -1.0 | Choose"),
  list("class", function(map, sce) {
    placeCells(map, sce, as = "Seurat")
  }, "`as` 'SingleCellExperiment' 'SpatialExperiment' | 'Seurat' | one"),
  list("an empty cell", function(map, sce) {
    p <- mappingMatrix(map)
    p[2, 1:2] <- 0
    placeCells(smallMap(p)[, 1:2], sce)
  }, "every cell probability | 1 without | Drop map[cells, spots]")
)

for (case in refused) {
  test_that(paste("placeCells() refuses:", case[[1L]]), {
    expectRefused(case[[2L]](smallMap(), asSce(smallMap())), case[[3L]])
  })
}

test_that("a map without coordinates is made; its cells cannot be placed", {
  problem <- smallProblem()
  map <- mapCells(problem$sc, problem$st)
  expect_equal(ncol(SpatialExperiment::spatialCoords(map)), 0L)
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = problem$sc)
  )
  expect_error(placeCells(map, sce), "a map whose spots have coordinates")
})

test_that("cells of a kind that the spots lack have a low number of fits", {
  set.seed(1)
  rates <- matrix(rgamma(3 * 60, 0.5), 60) * 8
  kinds <- rep(1:3, each = 30)
  cells <- matrix(rpois(60 * 90, rates[, kinds]), 60, dimnames = list(
    paste0("g", 1:60), paste0("c", 1:90)
  ))
  lacking <- rep(1:2, 20) # no spot holds the third kind
  spots <- matrix(rpois(60 * 40, 5 * rates[, lacking]), 60, dimnames = list(
    rownames(cells), paste0("s", 1:40)
  ))
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = cells))
  spe <- SpatialExperiment::SpatialExperiment(
    list(counts = spots),
    spatialCoords = cbind(x = rep(1:8, 5), y = rep(1:5, each = 8))
  )
  placed <- placeCells(mapCells(sce, spe), sce)
  fits <- vapply(split(placed$homespot_fits, kinds), median, 1)
  expect_true(all(fits[1:2] > 0.5))
  expect_lt(fits[3], 0.2)
})
