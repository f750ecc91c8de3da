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

test_that("sections are taken as values, in any form", {
  data <- sectioned()
  half <- as.character(data$st$half)
  spots <- colnames(data$st)
  expected <- mapCells(data$sc, data$st, sections = "half")
  forms <- list(
    half, factor(half), data$st$half, S4Vectors::Rle(half),
    rev(stats::setNames(half, spots)),
    as.list(rev(stats::setNames(half, spots)))
  )
  for (sections in forms) {
    map <- mapCells(data$sc, data$st, sections = sections)
    expect_identical(mappingMatrix(map), mappingMatrix(expected))
    expect_identical(map$homespot_section, expected$homespot_section)
    expect_identical(
      SummarizedExperiment::rowData(map)$homespot_section,
      SummarizedExperiment::rowData(expected)$homespot_section
    )
  }
  score <- function(sections) {
    table <- crossValidateGenes(
      data$sc, data$st, sections = sections, folds = 2
    )
    table[names(table) != "seconds"]
  }
  expect_identical(score(half), score("half"))
})

test_that("sections are found in the barcodes of the spots", {
  data <- demoData()
  half <- seq_len(ncol(data$st)) %% 2L
  set.seed(1)
  codes <- replicate(ceiling(length(half) / 2), paste(
    sample(c("A", "C", "G", "T"), 16, replace = TRUE), collapse = ""
  ))
  # The second section lies over the first.
  colnames(data$st) <- paste0(codes[cumsum(half)], "-", 2L - half)
  said <- capture_warnings(map <- mapCells(data$sc[, 1:50], data$st))
  expect_match(
    said, "Found 2 sections in the names of the spots \\('1': \\d+, '2': ",
    all = FALSE
  )
  expect_identical(
    map$homespot_section, sub(".*-", "", colnames(map))
  )
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
  refused("`sections` to be one string", sections = 3)
  refused(
    "sections of the spatial data's 12 spots, found 2 value\\(s\\)",
    sections = c("half", "rank")
  )
  refused("a vector, a factor or a list by name", sections = list(1, data))
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

# --- the section of a cell ---------------------------------------------------

# Two sections of the demo's tissue, the second in a frame of its own.
halves <- function(n = 120L) {
  demo <- demoData()
  chosen <- withr::with_seed(1, list(
    sc = sample(ncol(demo$sc), 60L), st = sample(ncol(demo$st), 2L * n)
  ))
  a <- demo$st[, chosen$st[seq_len(n)]]
  b <- demo$st[, chosen$st[n + seq_len(n)]]
  SpatialExperiment::spatialCoords(b) <- cbind(
    x = SpatialExperiment::spatialCoords(b)[, 2] + 6000,
    y = -SpatialExperiment::spatialCoords(b)[, 1]
  )
  a$sample_id <- "s1"
  b$sample_id <- "s2"
  list(sc = demo$sc[, chosen$sc], a = a, b = b)
}

# What a call says, and its value.
quiet <- function(expr) {
  suppressWarnings(expr, classes = "homespot_data_warning")
}

test_that("a cell lies in the section that it is said to be of", {
  data <- halves()
  st <- cbind(data$a, data$b)
  for (sections in list(NULL, "sample_id")) {
    map <- quiet(mapCells(data$sc, st, sections = sections))
    expect_identical(map$homespot_section, map$sample_id)
    tissue <- quiet(placeCells(map, data$sc, as = "SpatialExperiment"))
    expect_gt(ncol(tissue), 50L)
    expect_identical(tissue$sample_id, tissue$homespot_section)
    expect_true(all(tissue$homespot_section_prob > 0.5))
    # Within the extent of the section's spots.
    for (name in c("s1", "s2")) {
      own <- SpatialExperiment::spatialCoords(map)[map$sample_id == name, ]
      cells <- SpatialExperiment::spatialCoords(tissue)[
        tissue$sample_id == name, , drop = FALSE
      ]
      expect_true(all(
        t(cells) >= apply(own, 2, min) & t(cells) <= apply(own, 2, max)
      ))
    }
    home <- quiet(homeSpot(map))
    placed <- quiet(placeCells(map, data$sc))
    expect_identical(unname(home), placed$homespot_spot)
    of <- map$sample_id[match(home, colnames(map))]
    expect_identical(of, placed$homespot_section)
    added <- quiet(addMapping(data$sc, map))
    expect_identical(added$homespot_section, placed$homespot_section)
  }
})

test_that("a cell whose section is not known has no place", {
  data <- halves()
  maps <- lapply(list(data$a, data$b), function(st) {
    quiet(mapCells(data$sc, st))
  })
  colnames(maps[[2]]) <- paste0("b_", colnames(maps[[2]]))
  map <- combineSections(maps[[1]], maps[[2]])
  expect_identical(map$homespot_section, rep(c("s1", "s2"), each = 120))
  expect_warning(
    placed <- placeCells(map, data$sc), "60 cell\\(s\\) have equal mass"
  )
  expect_true(all(is.na(placed$homespot_section)))
  expect_true(all(is.na(quiet(homeSpot(map)))))
  expect_error(
    quiet(placeCells(map, data$sc, as = "SpatialExperiment")),
    "at least one cell with a place, found none of 60",
    class = "homespot_input_error"
  )
  # Its modes are in every section.
  expect_setequal(cellModes(map)$section, c("s1", "s2"))
  # Of one section they have their places again.
  one <- map[, map$homespot_section == "s2"]
  expect_false(anyNA(placeCells(one, data$sc)$homespot_x))

  # One frame: no section matters, and none is said to be.
  shared <- combineSections(maps[[1]], maps[[2]], shared.frame = TRUE)
  expect_null(shared$homespot_section)
  expect_true(mappingInfo(shared)$shared_frame)
  placed <- placeCells(shared, data$sc)
  expect_false(anyNA(placed$homespot_x))
  expect_null(placed$homespot_section)
})

test_that("cells without a place are left out of a tissue, and counted", {
  data <- halves()
  map <- quiet(mapCells(data$sc, cbind(data$a, data$b)))
  p <- mappingMatrix(map)
  half <- map$sample_id == "s1"
  p[3, half] <- 0.5 / sum(half)
  p[3, !half] <- 0.5 / sum(!half)
  SummarizedExperiment::assay(map, "mapping") <- p
  said <- character()
  tissue <- withCallingHandlers(
    placeCells(map, data$sc, as = "SpatialExperiment"),
    warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  )
  expect_match(said[1], "^1 cell\\(s\\) have equal mass in several sections")
  expect_identical(said[2], paste(
    "Left out 1 of 60 cells, which have no place. as =",
    "\"SingleCellExperiment\" keeps them."
  ))
  expect_identical(colnames(tissue), rownames(map)[-3])
  skip_if_not_installed("ggplot2")
  placed <- quiet(placeCells(map, data$sc))
  expect_warning(
    plot <- plotCells(placed, "cell_type"), "Left out 1 of 60 cells"
  )
  expect_identical(nrow(plot$data), 59L)
})

test_that("places from another map, of several sections, do not stay", {
  data <- halves()
  both <- quiet(mapCells(data$sc, cbind(data$a, data$b)))
  placed <- quiet(placeCells(both, data$sc))
  one <- quiet(mapCells(placed, data$a))
  again <- placeCells(one, placed)
  expect_null(again$homespot_section)
  expect_null(again$homespot_section_prob)
  expect_null(SummarizedExperiment::rowData(
    combineSections(both)
  )$homespot_section)
})

# --- how sections are given --------------------------------------------------

test_that("a list of objects is the map of the one object", {
  data <- halves()
  st <- cbind(data$a, data$b)
  expected <- quiet(mapCells(data$sc, st))
  for (given in list(
    list(data$a, data$b), list(first = data$a, second = data$b),
    S4Vectors::SimpleList(first = data$a, second = data$b)
  )) {
    map <- quiet(mapCells(data$sc, given))
    expect_identical(mappingMatrix(map), mappingMatrix(expected))
    expect_identical(map$sample_id, expected$sample_id)
    names <- if (is.null(names(given))) c("s1", "s2") else names(given)
    expect_identical(map$homespot_section, rep(names, each = 120))
    expect_identical(
      SpatialExperiment::spatialCoords(map),
      SpatialExperiment::spatialCoords(expected)
    )
  }
  apart <- quiet(mapCells(data$sc, list(data$a, data$b), joint = FALSE))
  expect_identical(
    mappingMatrix(apart),
    mappingMatrix(quiet(mapCells(data$sc, st, sections = "sample_id")))
  )
  expect_identical(mappingInfo(apart)$combined, "sections")
  column <- quiet(mapCells(
    data$sc, list(data$a, data$b), sections = "homespot_section"
  ))
  expect_identical(mappingMatrix(column), mappingMatrix(apart))
})

test_that("sections of the same sample and barcodes are told apart", {
  data <- halves()
  colnames(data$b) <- colnames(data$a)
  data$a$sample_id <- data$b$sample_id <- "sample01"
  image <- function(colour) {
    S4Vectors::DataFrame(
      sample_id = "sample01", image_id = "low",
      data = I(list(SpatialExperiment::SpatialImage(
        grDevices::as.raster(matrix(colour, 2, 2))
      ))), scaleFactor = 1
    )
  }
  SpatialExperiment::imgData(data$a) <- image("#111111")
  SpatialExperiment::imgData(data$b) <- image("#222222")
  said <- character()
  map <- withCallingHandlers(
    mapCells(data$sc, list(a = data$a, b = data$b)),
    warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  )
  expect_match(
    said, "120 names of spots occur in several sections", all = FALSE
  )
  expect_identical(colnames(map), c(
    paste0("a_", colnames(data$a)), paste0("b_", colnames(data$b))
  ))
  expect_identical(map$sample_id, rep(c("a", "b"), each = 120))
  images <- SpatialExperiment::imgData(map)
  expect_identical(images$sample_id, c("a", "b"))
  colours <- vapply(images$data, function(one) {
    SpatialExperiment::imgRaster(one)[1, 1]
  }, "")
  expect_identical(colours, c("#111111", "#222222"))
  # In one object the line that makes them unique is named, and helps.
  st <- suppressMessages(cbind(data$a, data$b))
  st$sample_id <- rep(c("a", "b"), each = 120)
  text <- messageOf(quiet(mapCells(data$sc, st)), "homespot_input_error")
  expect_match(text, paste(
    "Give every spot a name of its own: colnames(st) <-",
    "paste(st$sample_id, colnames(st), sep = \"_\")."
  ), fixed = TRUE)
  eval(parse(text = sub(".*of its own: (.*)\\.$", "\\1", text)))
  expect_identical(
    mappingMatrix(quiet(mapCells(data$sc, st))), mappingMatrix(map)
  )
})

test_that("sections may be matrices, each with its coordinates", {
  data <- halves()
  counts <- lapply(data[c("a", "b")], SummarizedExperiment::assay, "counts")
  coords <- lapply(data[c("a", "b")], SpatialExperiment::spatialCoords)
  expected <- quiet(mapCells(data$sc, list(a = data$a, b = data$b)))
  for (given in list(coords, rev(coords), unname(coords))) {
    map <- quiet(mapCells(data$sc, counts, coords = given))
    expect_identical(mappingMatrix(map), mappingMatrix(expected))
    expect_identical(
      SpatialExperiment::spatialCoords(map),
      SpatialExperiment::spatialCoords(expected)
    )
    expect_identical(map$sample_id, map$homespot_section)
  }
  delayed <- lapply(counts, DelayedArray::DelayedArray)
  expect_identical(
    mappingMatrix(quiet(mapCells(data$sc, delayed, coords = coords))),
    mappingMatrix(expected)
  )
  for (wrong in list(coords$a, coords[1], list(x = 1, y = 2))) {
    expect_error(
      mapCells(data$sc, counts, coords = wrong),
      "`coords` as a list with one for each of 2 sections",
      class = "homespot_input_error"
    )
  }
  expect_error(
    mapCells(data$sc, list()), "an empty list", class = "homespot_input_error"
  )
  expect_error(
    mapCells(data$sc, list(a = data$a, a = data$b)), "every section once",
    class = "homespot_input_error"
  )
})

test_that("a column that names sections is found, and a frame may be shared", {
  data <- halves()
  both <- cbind(data$a, data$b)
  st <- SpatialExperiment::SpatialExperiment(
    assays = SummarizedExperiment::assays(both), sample_id = "all",
    spatialCoords = SpatialExperiment::spatialCoords(both),
    colData = S4Vectors::DataFrame(slide = both$sample_id)
  )
  text <- messageOf(mapCells(data$sc, st), "homespot_data_warning")
  expect_identical(text, paste(
    "Found 2 sections in st$slide ('s1': 120, 's2': 120 spots). Cells are",
    "mapped onto all of them jointly, and every cell has its place in one of",
    "them. (sections = \"slide\" maps each by itself; shared.frame = TRUE if",
    "all spots share one frame.)"
  ))
  map <- quiet(mapCells(data$sc, st))
  expect_identical(mappingInfo(map)$sections, "slide")
  expect_identical(map$homespot_section, st$slide)
  shared <- quiet(mapCells(data$sc, st, shared.frame = TRUE))
  expect_null(shared$homespot_section)
  expect_identical(mappingMatrix(shared), mappingMatrix(map))
  expect_null(quiet(placeCells(shared, data$sc))$homespot_section)
  joint <- quiet(mapCells(data$sc, st, sections = "slide", joint = TRUE))
  expect_identical(mappingMatrix(joint), mappingMatrix(map))
  for (wrong in list(NA, "yes", c(TRUE, FALSE))) {
    expect_error(
      mapCells(data$sc, st, joint = wrong), "joint to be TRUE or FALSE",
      class = "homespot_input_error"
    )
    expect_error(
      mapCells(data$sc, st, shared.frame = wrong), "shared.frame to be TRUE",
      class = "homespot_input_error"
    )
  }
})

test_that("the direction of y is that of each section", {
  data <- halves()
  raster <- grDevices::as.raster(matrix("#FFFFFF", 2, 2))
  SpatialExperiment::imgData(data$a) <- S4Vectors::DataFrame(
    sample_id = "s1", image_id = "low",
    data = I(list(SpatialExperiment::SpatialImage(raster))), scaleFactor = 1
  )
  direction <- function(st, ...) {
    info <- mappingInfo(quiet(mapCells(data$sc, st, ...)))
    list(info$y_direction, as.vector(info$y_down))
  }
  expect_identical(direction(data$a), list("down", NULL))
  expect_identical(direction(data$b), list("up", NULL))
  mixed <- list("mixed", "s1")
  expect_identical(direction(list(data$a, data$b)), mixed)
  expect_identical(
    direction(list(data$a, data$b), joint = FALSE), mixed
  )
  maps <- lapply(list(data$a, data$b), function(st) {
    quiet(mapCells(data$sc, st))
  })
  info <- mappingInfo(combineSections(maps[[1]], maps[[2]]))
  expect_identical(info$y_direction, "mixed")
  expect_identical(as.vector(info$y_down), "s1")
  # Results of homespot keep it.
  genes <- imputeGenes(maps[[1]], data$sc)
  SpatialExperiment::imgData(genes) <- NULL
  expect_identical(direction(genes, st.scale = "log"), list("down", NULL))
})

# --- cross-validation and tuning ---------------------------------------------

test_that("cross-validation and tuning know sections", {
  data <- halves(60L)
  st <- cbind(data$a, data$b)
  score <- function(st, ...) {
    table <- quiet(crossValidateGenes(data$sc, st, folds = 2, ...))
    table[names(table) != "seconds"]
  }
  joint <- score(st)
  apart <- score(st, sections = "sample_id")
  expect_false(isTRUE(all.equal(joint$pcc, apart$pcc)))
  expect_identical(score(list(data$a, data$b)), joint)
  expect_identical(score(list(data$a, data$b), joint = FALSE), apart)
  expect_identical(score(st, sections = "sample_id", joint = TRUE), joint)
  tune <- function(st, ...) {
    tuned <- quiet(tuneMapping(
      data$sc, st, "ssa", list(regularisation = 0.1), folds = 2,
      outer.folds = 2, ...
    ))
    tuned$outer[names(tuned$outer) != "seconds"]
  }
  expect_identical(
    tune(st, sections = "sample_id"), tune(list(data$a, data$b), joint = FALSE)
  )
  expect_error(
    crossValidateGenes(data$sc, st, sections = "slide"),
    "a column 'slide' in colData\\(st\\)", class = "homespot_input_error"
  )
})
