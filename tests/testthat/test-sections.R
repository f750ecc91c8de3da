# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-sections.R",
# package = "homespot")'.

skipWithoutPython()

# Spots of three samples, in turn, with an image of two of them.
sectioned <- function() {
  problem <- smallProblem(spots = 12L)
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st), spatialCoords = problem$coords,
    sample_id = rep(c("two", "one", "three"), 4),
    colData = S4Vectors::DataFrame(
      half = factor(rep(c(TRUE, FALSE), each = 6)), rank = 1:12
    )
  )
  image <- function(colour) {
    SpatialExperiment::SpatialImage(
      grDevices::as.raster(matrix(colour, 2, 2))
    )
  }
  SpatialExperiment::imgData(spe) <- S4Vectors::DataFrame(
    sample_id = c("one", "two", "two"),
    image_id = c("hires", "hires", "lowres"),
    data = I(list(image("#111111"), image("#222222"), image("#333333"))),
    scaleFactor = c(0.5, 0.25, 0.125)
  )
  list(sc = problem$sc, st = spe)
}

test_that("sections are mapped as by hand and combined, to the byte", {
  data <- sectioned()
  for (given in list(
    list(), list(k.best = 2L, dtype = "float64"), list(method = "correlation")
  )) {
    mapped <- function(st, ...) {
      do.call(mapCells, c(list(data$sc, st, ...), given))
    }
    found <- mapped(data$st, sections = "sample_id")
    # What the comparison of the sections says of the cells comes on top.
    cells <- SummarizedExperiment::rowData(found)
    own <- c("homespot_section", "homespot_section_prob")
    expect_true(all(own %in% names(cells)))
    expect_s4_class(found, "CellMapping")
    expect_true(methods::validObject(found))
    byHand <- lapply(c("two", "one", "three"), function(name) {
      mapped(data$st[, data$st$sample_id == name])
    })
    expected <- do.call(combineSections, byHand)
    expect_identical(mappingMatrix(found), mappingMatrix(expected))
    expect_identical(
      SummarizedExperiment::colData(found),
      SummarizedExperiment::colData(expected)
    )
    expect_equal(
      cells[setdiff(names(cells), own)],
      SummarizedExperiment::rowData(expected)
    )
    expect_identical(
      SpatialExperiment::spatialCoords(found),
      SpatialExperiment::spatialCoords(expected)
    )
    images <- lapply(list(found, expected), function(map) {
      table <- SpatialExperiment::imgData(map)
      table[order(table$sample_id, table$image_id), ]
    })
    expect_identical(images[[1]], images[[2]])
    expect_identical(found$rank, c(1L, 4L, 7L, 10L, 2L, 5L, 8L, 11L, 3L, 6L, 9L,
      12L
    ))
    expect_warning(joint <- mapped(data$st), "Found 3 sections")
    expect_gt(max(abs(
      mappingMatrix(joint)[, colnames(found)] - mappingMatrix(found)
    )), 1e-3)
  }
})

test_that("images of all sections are kept, with their scale", {
  data <- sectioned()
  expected <- SpatialExperiment::imgData(data$st)
  for (sections in list("sample_id", NULL)) {
    map <- suppressWarnings(mapCells(data$sc, data$st, sections = sections))
    found <- SpatialExperiment::imgData(map)
    order <- order(found$sample_id, found$image_id)
    expect_identical(found[order, ], expected)
  }
})

test_that("the record and the map say which, and how each section ended", {
  data <- sectioned()
  maps <- suppressWarnings(list(
    each = mapCells(data$sc, data$st, sections = "sample_id", max.iter = 1),
    half = mapCells(data$sc, data$st, sections = "half"),
    joint = mapCells(data$sc, data$st)
  ))
  info <- mappingInfo(maps$each)
  expect_identical(info$sections, "sample_id")
  expect_identical(
    unname(vapply(info$parts, `[[`, "", "section")), c("two", "one", "three")
  )
  expect_identical(mappingInfo(maps$joint)$sections, "sample_id")
  expect_null(mappingInfo(maps$joint)$parts)
  shown <- lapply(maps, function(map) utils::capture.output(show(map)))
  expect_identical(
    utils::tail(shown$each, 5)[1:4], c(
      "sections: 3, each mapped by itself (sample_id)",
      "  two: ssa, NOT converged", "  one: ssa, NOT converged",
      "  three: ssa, NOT converged"
    )
  )
  expect_true(all(c(
    "sections: 2, each mapped by itself (half)", "  TRUE: ssa, converged"
  ) %in% shown$half))
  expect_true("sections: 3, mapped jointly" %in% shown$joint)

  # It survives the file, as that of any map.
  path <- withr::local_tempfile(fileext = ".h5ad")
  expect_warning(saveMapping(maps$half, path), "image")
  back <- loadMapping(path)
  expect_identical(mappingMatrix(back), mappingMatrix(maps$half))
  expect_identical(mappingInfo(back)$parts$part2$section, "FALSE")
})

test_that("combined float32 maps are float32, of weights of any kind", {
  data <- sectioned()
  part <- function(name, ...) {
    mapCells(data$sc, data$st[, data$st$sample_id == name], ...)
  }
  for (k in list(NULL, 2L)) {
    maps <- lapply(c("one", "two"), part, k.best = k)
    p <- mappingMatrix(combineSections(maps[[1]], maps[[2]],
      weights = c(1, 2)
    ))
    bytes <- writeBin(as.vector(as.matrix(p)), raw(), size = 4L)
    expect_identical(
      readBin(bytes, "double", length(p), size = 4L), as.vector(as.matrix(p))
    )
  }
})

test_that("sections that are none are refused before the work", {
  data <- sectioned()
  refused <- function(pattern, st = data$st, sections = "sample_id", ...) {
    expect_error(
      mapCells(data$sc, st,
        sections = sections, ...,
        progress = function(...) stop("work has begun")
      ),
      pattern,
      class = "homespot_input_error"
    )
  }
  refused(
    "a column 'slide' in colData\\(st\\), found 'half', 'rank', 'sample_id'",
    sections = "slide"
  )
  refused("`sections` to be one string", sections = c("half", "rank"))
  refused("which has no colData", st = SummarizedExperiment::assay(data$st))
  refused(
    "at least 2 spots in every section, found 12 section\\(s\\) of one spot",
    sections = "rank"
  )
  missing <- data$st
  missing$half[2:3] <- NA
  refused(
    paste(
      "a section of every spot in column 'half' of colData\\(st\\), found 2",
      "spot\\(s\\) without \\('spot-2', 'spot-3'\\)"
    ),
    st = missing, sections = "half"
  )
  refused("no checkpoint", method = "come", checkpoint = tempfile())
})
