# Alone: Rscript -e 'devtools::test(filter = "CellMapping")', or testthat::
# test_file("tests/testthat/test-CellMapping.R", package = "homespot").

sums <- function(map) {
  unname(rowSums(as.matrix(mappingMatrix(map)))) +
    SummarizedExperiment::rowData(map)$homespot_left_over
}

classes <- list(
  matrix = identity,
  dgCMatrix = function(p) as(p, "CsparseMatrix"),
  DelayedMatrix = DelayedArray::DelayedArray
)

test_that("a map is a SpatialExperiment of cells by spots", {
  map <- smallMap()
  expect_s4_class(map, "CellMapping")
  expect_s4_class(map, "SpatialExperiment")
  expect_true(validObject(map))
  expect_equal(dim(map), c(3L, 4L))
  expect_equal(mappingMatrix(map)[1, ], c(
    spot1 = 0.7, spot2 = 0.1, spot3 = 0.1, spot4 = 0.1
  ))
  expect_equal(
    mappingInfo(map), list(method = "by hand", shared_frame = TRUE)
  )
  expect_equal(SpatialExperiment::spatialCoords(map)["spot4", ], c(
    x = 1, y = 1
  ))
  expect_equal(map$sample_id, c("one", "one", "two", "two"))
})

test_that("the home spot is the first of the largest, in every class", {
  expected <- c(cell1 = "spot1", cell2 = "spot2", cell3 = "spot1")
  for (convert in classes) {
    map <- smallMap(convert(mappingMatrix(smallMap())))
    expect_equal(homeSpot(map), expected)
  }
  empty <- mappingMatrix(smallMap())
  empty[2, ] <- 0
  for (convert in classes) {
    home <- homeSpot(smallMap(convert(empty)))
    expect_identical(home[["cell2"]], NA_character_)
  }
})

invalid <- list(
  "negative" = list(
    function(p) replace(p, 1, -0.1), "not within \\[0, 1\\] \\(from -0.1"
  ),
  "above 1" = list(
    function(p) replace(p, 1, 1.2), "not within \\[0, 1\\] .* to 1.2"
  ),
  "missing" = list(function(p) replace(p, 1, NA), "missing entries"),
  "no cell names" = list(
    function(p) `rownames<-`(p, NULL), "the cells have no names"
  ),
  "no spot names" = list(
    function(p) `colnames<-`(p, NULL), "the spots have no names"
  ),
  "spots of one name" = list(
    function(p) `colnames<-`(p, c("a", "a", "b", "c")),
    "names of spots stand there more than once: 'a'"
  )
)

test_that("coordinates, the record and the left-over are checked", {
  map <- smallMap()
  places <- SpatialExperiment::spatialCoords(map)
  refused <- function(words, code) {
    expect_error(code, words, class = "homespot_input_error")
  }
  remade <- function(coords = places, left.over = NULL, info = list()) {
    CellMapping(mappingMatrix(map), coords, left.over = left.over, info = info)
  }
  refused("finite|missing", remade(replace(places, 1, NA)))
  refused("2 or 3|two or three", remade(places[, 1, drop = FALSE]))
  refused("metadata 'homespot' is not a list", remade(info = "ssa"))
  refused("not within", remade(left.over = c(-1e-6, 0, 0)))
  SpatialExperiment::spatialCoords(map)[2, 1] <- Inf
  expect_error(validObject(map), "1 of 4 spots are missing or infinite")
})

for (case in names(invalid)) {
  test_that(paste("a map is refused:", case), {
    p <- invalid[[case]][[1L]](mappingMatrix(smallMap()))
    expect_error(
      CellMapping(p, left.over = rep(0, 3)), invalid[[case]][[2L]],
      class = "homespot_input_error"
    )
  })
}

test_that("row sum and left-over have to make 1", {
  p <- mappingMatrix(smallMap())
  expect_error(
    CellMapping(p, left.over = c(0, 0.1, 0)),
    "row sum \\+ homespot_left_over = 1 does not hold for 1 of 3 cells",
    class = "homespot_input_error"
  )
  expect_no_error(CellMapping(p, left.over = c(0, 9e-5, 0)))
})

test_that("a missing sample_id is an error", {
  p <- mappingMatrix(smallMap())
  for (sample in list(c("a", NA, "a", "a"), c("a", "", "a", "a"))) {
    expect_error(
      CellMapping(p, spots = data.frame(sample_id = sample)),
      "'sample_id' is missing for 1 of 4 spots",
      class = "homespot_input_error"
    )
  }
  map <- smallMap()
  map@colData$sample_id[4] <- NA
  expect_error(validObject(map), "'sample_id' is missing for 1 of 4 spots")
})

test_that("subsetting keeps the account, in every class", {
  for (convert in classes) {
    map <- smallMap(convert(mappingMatrix(smallMap())))
    part <- map[c("cell2", "cell1"), c("spot3", "spot1")]
    expect_s4_class(part, "CellMapping")
    expect_equal(
      SummarizedExperiment::rowData(part)$homespot_left_over, c(0.6, 0.2)
    )
    expect_equal(sums(part), c(1, 1))
    expect_equal(rownames(part), c("cell2", "cell1"))
    expect_equal(sums(part[, "spot3"]), c(1, 1))
    expect_equal(
      SummarizedExperiment::rowData(map[2:3, ])$homespot_left_over, c(0, 0)
    )
    expect_equal(dim(map[, character()]), c(3L, 0L))
    expect_equal(dim(map[0, ]), c(0L, 4L))
    expect_equal(dim(map[rep(c(TRUE, FALSE), length.out = 3), -1]), c(2L, 3L))
  }
  expect_equal(sums(subset(smallMap(), select = area > 1)), c(1, 1, 1))
})

test_that("a cell or spot cannot be taken twice", {
  expect_error(
    smallMap()[, c(1, 1)],
    "every one of the spots once, found 1 more than once \\('spot1'\\)",
    class = "homespot_input_error"
  )
  expect_error(smallMap()[c(1, 1), ], class = "homespot_input_error")
})

test_that("an invalid matrix cannot be put in", {
  map <- smallMap()
  expect_error(
    SummarizedExperiment::assay(map, "mapping") <- mappingMatrix(map) * 2,
    "not within|does not hold",
    class = "homespot_input_error"
  )
})

test_that("renormalise() is explicit, and refuses empty rows", {
  skipWithoutPython()
  for (convert in classes) {
    map <- smallMap(convert(mappingMatrix(smallMap())))[, 1:2]
    expect_lt(max(rowSums(mappingMatrix(map))), 1)
    whole <- renormalise(map)
    expect_equal(unname(rowSums(mappingMatrix(whole))), c(1, 1, 1))
    expect_equal(
      SummarizedExperiment::rowData(whole)$homespot_left_over, c(0, 0, 0)
    )
    expect_equal(class(mappingMatrix(whole)), class(mappingMatrix(map)))
  }
  p <- mappingMatrix(smallMap())
  p["cell2", 1:2] <- 0
  expect_error(
    renormalise(smallMap(p)[, 1:2]),
    "some probability on the spots kept, found 1 cell\\(s\\) without",
    class = "homespot_input_error"
  )
})

test_that("renormalise() gives Python's bytes", {
  skipWithoutPython()
  python <- reticulate::import_from_path(
    "homespot", dirname(homespotPython()$core), convert = FALSE
  )
  problem <- smallProblem()
  for (k.best in list(NULL, 3L)) {
    map <- mapCells(problem$sc, problem$st, k.best = k.best)[, 1:6]
    files <- file.path(withr::local_tempdir(), c("part.h5ad", "whole.h5ad"))
    saveMapping(map, files[1L])
    python$save(python$renormalise(python$load(files[1L])), files[2L])
    expect_identical(
      mappingMatrix(renormalise(map)), mappingMatrix(loadMapping(files[2L]))
    )
  }
})

otherSection <- function() {
  map <- smallMap()[c("cell3", "cell1", "cell2"), c("spot2", "spot4")]
  colnames(map) <- c("spot5", "spot6")
  map
}

test_that("cbind() weighs sections, and reorders cells", {
  skipWithoutPython()
  map <- smallMap()
  other <- otherSection()
  expect_silent(both <- cbind(map, other))
  expect_s4_class(both, "CellMapping")
  expect_equal(dim(both), c(3L, 6L))
  expect_equal(sums(both), c(1, 1, 1))
  expect_equal(mappingMatrix(both)["cell1", "spot5"], 0.1 / 2)
  expect_equal(mappingMatrix(both)["cell2", "spot2"], 0.5 / 2)
  weighted <- combineSections(map, other, weights = c(3, 1))
  expect_equal(mappingMatrix(weighted)["cell2", "spot2"], 0.5 * 0.75)
  expect_equal(sums(weighted), c(1, 1, 1))
  expect_equal(mappingInfo(weighted)$weights, c(0.75, 0.25))
  expect_equal(
    unique(weighted$sample_id), c("one.1", "two.1", "one.2", "two.2")
  )
  expect_equal(nrow(SpatialExperiment::spatialCoords(weighted)), 6L)
})

refused <- list(
  list("other cells", function(a, b) cbind(a[1:2, ], b), paste0(
    "mappings cells | 'cell1' 'cell2' 'cell3' | rbind()"
  )),
  list("spots of the same name", function(a, b) cbind(a, a), paste0(
    "unique names | 'spot1' 'spot2' 'spot3' | colnames(map)"
  )),
  list(
    "weights", function(a, b) combineSections(a, b, weights = c(1, 0)),
    paste0(
      "2 | [1.0 0.0] | mapping"
    )
  ),
  list("no map", function(a, b) combineSections(a, 1), paste0(
    "CellMapping | 1 | map"
  )),
  list("other spots", function(a, b) rbind(a, b), paste0(
    "mappings spots | 'spot1' 'spot2' 'spot3' 'spot5' | combineSections()"
  )),
  list("the same cells", function(a, b) rbind(a, a), paste0(
    "unique names | 'cell1' 'cell2' 'cell3' | rownames(map)"
  ))
)

for (case in refused) {
  test_that(paste("maps cannot be combined:", case[[1L]]), {
    skipWithoutPython()
    expectRefused(case[[2L]](smallMap(), otherSection()), case[[3L]])
  })
}

test_that("rbind() needs the same spots, and orders them", {
  skipWithoutPython()
  map <- smallMap()
  joined <- rbind(map["cell1", ], map[c("cell3", "cell2"), 4:1])
  expect_s4_class(joined, "CellMapping")
  expect_equal(rownames(joined), c("cell1", "cell3", "cell2"))
  expect_equal(
    mappingMatrix(joined), mappingMatrix(map)[c(1, 3, 2), ]
  )
  expect_equal(sums(joined), c(1, 1, 1))
  expect_named(mappingInfo(joined)$parts, c("part1", "part2"))
  moved <- map["cell2", ]
  SpatialExperiment::spatialCoords(moved)[1, 1] <- 7
  expect_error(rbind(map["cell1", ], moved), "other coordinates")
})

test_that("a combined record has the widest type, and no empty weights", {
  skipWithoutPython()
  typed <- function(map, dtype) {
    S4Vectors::metadata(map)$homespot$dtype <- dtype
    map
  }
  map <- smallMap()
  joined <- rbind(
    typed(map["cell1", ], "float32"), typed(map[2:3, ], "float64")
  )
  expect_named(
    mappingInfo(joined),
    c(
      "format_version", "method", "combined", "dtype", "parts", "shared_frame"
    )
  )
  expect_identical(mappingInfo(joined)$dtype, "float64")
  again <- cbind(joined, typed(otherSection(), "float32"))
  expect_identical(mappingInfo(again)$dtype, "float64")
  expect_equal(mappingInfo(again)$weights, c(0.5, 0.5))
  single <- rbind(typed(map["cell1", ], "float32"), map[2:3, ])
  expect_identical(mappingInfo(single)$dtype, "float32")
})

test_that("a converted map, the transpose, becomes a map again", {
  map <- smallMap()[, c("spot1", "spot2", "spot4")]
  spots <- S4Vectors::DataFrame(
    SpatialExperiment::spatialCoords(map), SummarizedExperiment::colData(map)
  )
  converted <- SingleCellExperiment::SingleCellExperiment(
    list(X = t(mappingMatrix(map))),
    colData = SummarizedExperiment::rowData(map), rowData = spots,
    metadata = list(homespot = mappingInfo(map))
  )
  expect_equal(dim(converted), c(3L, 3L))
  back <- as(converted, "CellMapping")
  expect_s4_class(back, "CellMapping")
  expect_equal(mappingMatrix(back), mappingMatrix(map))
  expect_equal(
    SpatialExperiment::spatialCoords(back),
    SpatialExperiment::spatialCoords(map)
  )
  expect_equal(
    SummarizedExperiment::colData(back), SummarizedExperiment::colData(map)
  )
  expect_equal(
    SummarizedExperiment::rowData(back), SummarizedExperiment::rowData(map)
  )
  expect_equal(mappingInfo(back), mappingInfo(map))
})

test_that("a map that is the right way round stays so", {
  map <- smallMap()
  for (class in c("SpatialExperiment", "SingleCellExperiment")) {
    back <- as(as(map, class), "CellMapping")
    expect_equal(mappingMatrix(back), mappingMatrix(map))
    expect_equal(back$sample_id, map$sample_id)
  }
  expect_equal(
    SpatialExperiment::spatialCoords(as(map, "SpatialExperiment")),
    SpatialExperiment::spatialCoords(map)
  )
  bare <- SingleCellExperiment::SingleCellExperiment(
    list(X = mappingMatrix(map))
  )
  expect_error(
    as(bare, "CellMapping"),
    "a converted map with the cells' column 'homespot_left_over', found none",
    class = "homespot_input_error"
  )
})

test_that("coordinates are matched by name, or refused", {
  p <- mappingMatrix(smallMap())
  coords <- cbind(1:4, 5:8)
  rownames(coords) <- rev(colnames(p))
  map <- CellMapping(p, coords = coords)
  expect_equal(
    SpatialExperiment::spatialCoords(map)["spot4", ], c(x = 1, y = 5)
  )
  expect_error(
    CellMapping(p, coords = coords[1:3, ]),
    "coordinates for every spot, found none for 1 of 4 \\('spot1'; the rows"
  )
  expect_error(CellMapping(p, coords = 1:4), "two or three coordinates")
})

test_that("a map shows what it is", {
  expect_snapshot(smallMap())
  skipWithoutPython()
  part <- smallMap()[, 1:2]
  S4Vectors::metadata(part)$homespot$solver <- list(converged = FALSE)
  expect_snapshot(part)
})
