# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-coords.R",
# package = "homespot")'.

skipWithoutPython()

# --- names of axes -----------------------------------------------------------

vocabulary <- list(
  c("x", "y"), c("y", "x"), c("X", "Y", "Z"), c("z", "y", "x"), c("a", "b"),
  c("pxl_row_in_fullres", "pxl_col_in_fullres"), c("imagerow", "imagecol"),
  c("in_tissue", "array_row", "array_col", "pxl_row_in_fullres",
    "pxl_col_in_fullres"
  ),
  c("row", "col"), c("rows", "columns"), c("array_row", "array_col"),
  c("CenterX_global_px", "CenterY_global_px"),
  c("CenterY_local_px", "CenterX_local_px", "CenterY_global_px",
    "CenterX_global_px"
  ),
  c("y_centroid", "x_centroid"), c("centroidX", "centroidY"),
  c("sdimx", "sdimy"), c("spatial_1", "spatial_2"), c("global_y", "global_x"),
  c("ycoord", "xcoord"), c("x_slide_mm", "y_slide_mm"), c("x.um", "y.um"),
  c("image_row", "image_col"), c("px_x", "py_y"), c("UMAP1", "UMAP2"),
  c("pos_y", "n", "pos_x"), c("y_location", "x_location"), c("x", "y", "slice"),
  c("yc", "xc"), c("umap_x", "umap_y"),
  c("x_min", "y_min", "x_centroid", "y_centroid"),
  c("tissue", "row", "col", "imagerow", "imagecol"),
  c("X", "x", "y"), c("X", "y", "x"), c("x", "Y", "y"), c("X", "Y", "x", "y"),
  c("X", "y"), c("Z", "y", "x"), c("Unnamed: 0", "Y", "X", "y_um", "x_um"),
  c("stagey", "stagex"), c("galaxy", "fox"), c("lat", "lon"), c("img_rowIdx",
    "img_colIdx"
  ), c("rownum", "colnum"), c("vertical", "horizontal"), c("yaxis", "xaxis"),
  c("array_row", "array_col", "ystage", "xstage"), c("12", "A", ""),
  c("CenterY_global_px", "CenterX_local_px", "CenterX_global_px")
)

test_that("columns of coordinates are what the core takes them for", {
  axes <- reticulate::import_from_path(
    "homespot.space.axes", dirname(homespotPython()$core), convert = TRUE
  )
  for (given in vocabulary) {
    core <- axes$named_axes(as.list(given))
    found <- .axes(given)
    label <- paste(given, collapse = ", ")
    if (is.null(core)) {
      expect_null(found, label = label)
    } else {
      expect_identical(
        found$columns, as.integer(core$columns) + 1L, label = label
      )
      expect_identical(found$rows, core$rows, label = label)
    }
  }
})

test_that("tables are put in order as by the core, whatever they hold", {
  core <- reticulate::import_from_path(
    "homespot.space.axes", dirname(homespotPython()$core), convert = TRUE
  )
  values <- cbind(
    c(5, 1, 7, 2, 9, 3), c(10, 3, 8, 1, 6, 2), c(4, 4, 1, 1, 2, 2)
  )
  for (names in list(
    c("X", "x", "y"), c("n", "a", "b"), c("V1", "V2", "V3"),
    c("index", "y", "x"),
    c("row", "col", "array_row", "array_col"), c("X", "Y", "x_um", "y_um"),
    c("id", "Spatial_2", "Spatial_1"), c("X", "Y")
  )) {
    for (number in list(1:6, 0:5, c(1:5, 7L))) {
      table <- cbind(number, values)[, seq_along(names)]
      colnames(table) <- names
      expect_identical(
        unname(.ordered(table)), core$ordered(as.data.frame(table)),
        label = paste(names, collapse = ", ")
      )
    }
  }
})

problem <- smallProblem()
spots <- colnames(problem$st)
xy <- cbind(x = c(5, 1, 7, 2, 9, 3, 8, 4), y = 10 * c(3, 8, 1, 6, 2, 7, 5, 4))

# tissue_positions.csv of Space Ranger.
positions <- data.frame(
  barcode = spots, in_tissue = 1L, array_row = 1:8, array_col = 8:1,
  pxl_row_in_fullres = xy[, "y"], pxl_col_in_fullres = xy[, "x"]
)

places <- function(coords, ...) {
  map <- mapCells(problem$sc, problem$st, coords = coords, ...)
  unname(SpatialExperiment::spatialCoords(map))
}

test_that("named columns are x and y wherever they stand, in every class", {
  pixels <- positions[c("pxl_row_in_fullres", "pxl_col_in_fullres")]
  for (convert in list(identity, as.matrix, S4Vectors::DataFrame)) {
    expect_identical(places(convert(pixels)), unname(xy))
  }
  for (names in list(c("y", "x"), c("imagerow", "imagecol"), c("Y", "X"))) {
    expect_identical(places(`colnames<-`(xy[, 2:1], names)), unname(xy))
  }
  # Names that say nothing are taken in order.
  expect_identical(places(`colnames<-`(xy, c("a", "b"))), unname(xy))
  map <- mapCells(problem$sc, problem$st, coords = pixels)
  expect_identical(
    colnames(SpatialExperiment::spatialCoords(map)),
    c("pxl_col_in_fullres", "pxl_row_in_fullres")
  )
  expect_identical(mappingInfo(map)$y_direction, "down")
  up <- mapCells(problem$sc, problem$st, coords = xy)
  expect_identical(mappingInfo(up)$y_direction, "up")
})

test_that("a SpatialExperiment's coordinates are by name as well", {
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st),
    spatialCoords = as.matrix(positions[5:6])
  )
  map <- mapCells(problem$sc, spe)
  expect_identical(
    unname(SpatialExperiment::spatialCoords(map)), unname(xy)
  )
  expect_identical(mappingInfo(map)$y_direction, "down")
  # A map made by hand, too.
  byHand <- CellMapping(
    mappingMatrix(map), coords = SpatialExperiment::spatialCoords(spe)
  )
  expect_identical(
    SpatialExperiment::spatialCoords(byHand),
    SpatialExperiment::spatialCoords(map)
  )
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = problem$sc))
  # A map made by hand has no sharpness, at which its median could be read.
  expect_identical(
    placeCells(byHand, sce, position = "mean")$homespot_x,
    placeCells(map, sce, position = "mean")$homespot_x
  )
})

test_that("the whole table of positions is taken, and is annotation", {
  map <- mapCells(problem$sc, problem$st, coords = positions)
  expect_identical(unname(SpatialExperiment::spatialCoords(map)), unname(xy))
  expect_identical(map$array_row, 1:8)
  mixed <- positions[c(6, 2, 8, 1, 3, 5, 7, 4), ]
  expect_identical(places(mixed), unname(xy))
  # As data.frame() makes it of vectors with names.
  rownames(mixed) <- paste0("other", 1:8)
  expect_identical(places(mixed), unname(xy))
  # More rows than spots.
  more <- rbind(positions, transform(positions, barcode = paste0("z", 1:8)))
  expect_identical(places(more), unname(xy))
  map <- mapCells(problem$sc, problem$st,
    coords = S4Vectors::DataFrame(positions[-1], row.names = spots)
  )
  expect_identical(unname(SpatialExperiment::spatialCoords(map)), unname(xy))
})

test_that("numbers of the rows are no coordinates", {
  file <- tempfile(fileext = ".csv")
  on.exit(unlink(file))
  utils::write.csv(data.frame(barcode = spots, xy), file)
  expect_identical(places(utils::read.csv(file)), unname(xy))
  # Without names, row numbers come first.
  utils::write.table(data.frame(1:8, xy), file,
    col.names = FALSE, row.names = FALSE
  )
  expect_identical(places(utils::read.table(file)), unname(xy))
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st), spatialCoords = cbind(X = 1:8, xy)
  )
  map <- mapCells(problem$sc, spe)
  expect_identical(SpatialExperiment::spatialCoordsNames(map), c("x", "y"))
  expect_identical(unname(SpatialExperiment::spatialCoords(map)), unname(xy))
  # One that is all there is, is one.
  line <- cbind(x = 1:8, y = xy[, "y"])
  expect_equal(places(line), unname(line))
})

test_that("spots that the table calls off the tissue are left out", {
  positions$in_tissue[c(2, 5)] <- 0L
  text <- messageOf(
    mapCells(problem$sc, problem$st, coords = positions),
    "homespot_data_warning"
  )
  expect_identical(text, paste(
    "Left out 2 of 8 spots, which are off the tissue by coords$in_tissue. To",
    "keep them, set coords$in_tissue <- 1."
  ))
  map <- suppressWarnings(
    mapCells(problem$sc, problem$st, coords = positions)
  )
  expect_identical(colnames(map), spots[-c(2, 5)])
  expect_identical(
    unname(SpatialExperiment::spatialCoords(map)), unname(xy[-c(2, 5), ])
  )
  positions$in_tissue <- 1
  expect_identical(
    ncol(mapCells(problem$sc, problem$st, coords = positions)), 8L
  )
})

refused <- function(coords, st = problem$st) {
  messageOf(mapCells(problem$sc, st, coords = coords), "homespot_input_error")
}

test_that("names that R has changed are told, with a line that helps", {
  st <- problem$st
  colnames(st) <- sprintf("%dACGT-1", 1:8)
  changed <- `rownames<-`(xy, make.names(colnames(st)))[8:1, ]
  text <- expectRefused(
    mapCells(problem$sc, st, coords = changed),
    "coordinates every spot | none 8 of '1ACGT-1' '2ACGT-1' '3ACGT-1' ...",
    "rows `coords` 'X8ACGT.1' 'X7ACGT.1' 'X6ACGT.1' |",
    "R make.names() read.csv() data.frame() '1ACGT-1' 'X1ACGT.1' set",
    "rownames(coords) <- colnames(st)[match(make.names(rownames(coords)),",
    "make.names(colnames(st)))]"
  )
  follow <- function(coords, st, text) {
    line <- sub(".*set (.*)\\.$", "\\1", text)
    eval(parse(text = line))
    unname(SpatialExperiment::spatialCoords(
      mapCells(problem$sc, st, coords = coords)
    ))
  }
  expect_identical(follow(changed, st, text), unname(xy))
  # The other way round, in a column, and other changes.
  table <- transform(positions, barcode = colnames(st))
  bare <- st
  colnames(bare) <- make.names(colnames(st))
  text <- refused(table, bare)
  expect_match(text, "set coords\\$barcode <- colnames\\(st\\)\\[match\\(")
  expect_identical(follow(table, bare, text), unname(xy))
  for (rename in list(
    function(x) sub("-1$", "", x), function(x) paste0("s1_", x),
    function(x) paste0(x, "_2"), tolower
  )) {
    text <- refused(`rownames<-`(xy, rename(colnames(st))), st)
    expect_identical(
      follow(`rownames<-`(xy, rename(colnames(st))), st, text), unname(xy)
    )
  }
})

test_that("tables without coordinates are refused with their columns", {
  mapped <- function(coords) mapCells(problem$sc, problem$st, coords = coords)
  expectRefused(
    mapped(positions[1:2]),
    "column x y | columns 'barcode' 'in_tissue' | x y two three numbers z"
  )
  expectRefused(
    mapped(matrix("a", 8, 2)), "numbers `coords` | 1 text 'a' | Correct NA"
  )
  expectRefused(
    mapped(`rownames<-`(xy, spots)[c(1:8, 3), ]),
    "coordinates every spot once | 1 'spot-3' | one row spot"
  )
})

# --- coordinates elsewhere ---------------------------------------------------

test_that("columns x and y are coordinates, and others are named", {
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = problem$st),
    colData = S4Vectors::DataFrame(x = xy[, 1], y = xy[, 2], n = 1:8)
  )
  map <- mapCells(problem$sc, sce)
  expect_identical(unname(SpatialExperiment::spatialCoords(map)), unname(xy))
  expect_named(SummarizedExperiment::colData(map), c(
    "n", "homespot_expression", "sample_id"
  ))
  names(SummarizedExperiment::colData(sce))[1:2] <- c("x_um", "y_um")
  text <- messageOf(mapCells(problem$sc, sce), "homespot_data_warning")
  expect_identical(text, paste(
    "The spatial data has no coordinates, so cells will have no place. The",
    "columns 'x_um', 'y_um' of colData(st) look like coordinates: pass coords",
    "= colData(st)[c('x_um', 'y_um')]."
  ))
  named <- SummarizedExperiment::colData(sce)[c("x_um", "y_um")]
  expect_identical(places(named), unname(xy))
  SummarizedExperiment::colData(sce) <- SummarizedExperiment::colData(sce)["n"]
  SingleCellExperiment::reducedDim(sce, "X_spatial") <- xy
  text <- messageOf(mapCells(problem$sc, sce), "homespot_data_warning")
  expect_match(
    text, "pass coords = reducedDim(st, \"X_spatial\").", fixed = TRUE
  )
})

test_that("sc and st that are swapped are told", {
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st), spatialCoords = xy
  )
  expect_match(
    messageOf(mapCells(spe, problem$sc), "homespot_data_warning"),
    "call mapCells(st, sc) the other way round", fixed = TRUE
  )
})

test_that("coordinates outside the image are told, if swapped they are in it", {
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st), spatialCoords = xy,
    sample_id = "one"
  )
  raster <- grDevices::as.raster(matrix("#FFFFFF", 10, 90))
  SpatialExperiment::imgData(spe) <- S4Vectors::DataFrame(
    sample_id = "one", image_id = "lowres",
    data = I(list(SpatialExperiment::SpatialImage(raster))), scaleFactor = 1
  )
  text <- messageOf(mapCells(problem$sc, spe), "homespot_data_warning")
  expect_match(text, paste(
    "contradicts itself: 88% of the spots lie outside the image of 'one', and",
    "all lie in it with x and y swapped. The coordinates are taken as they",
    "are; to swap them, pass coords =",
    "unname\\(spatialCoords\\(st\\)\\[, 2:1\\]\\)"
  ))
  swapped <- unname(SpatialExperiment::spatialCoords(spe)[, 2:1])
  map <- mapCells(problem$sc, spe, coords = swapped)
  expect_identical(
    unname(SpatialExperiment::spatialCoords(map)), unname(xy[, 2:1])
  )
})

test_that("a reduced dimension is named beside the numbers of a grid", {
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = problem$st),
    colData = S4Vectors::DataFrame(
      array_row = rep(1:4, 2), array_col = rep(1:2, each = 4)
    ), reducedDims = list(X_spatial = unname(xy))
  )
  text <- messageOf(mapCells(problem$sc, sce), "homespot_data_warning")
  first <- regexpr("pass coords = reducedDim(st, \"X_spatial\")", text,
    fixed = TRUE
  )
  then <- regexpr("coords = colData(st)[c('array_col', 'array_row')]", text,
    fixed = TRUE
  )
  expect_gt(first, 0L)
  expect_gt(then, first)
})

test_that("words and numbers tell the axes of an object, and keep names", {
  for (names in list(c("lat", "lon"), c("Spatial_2", "Spatial_1"))) {
    spe <- SpatialExperiment::SpatialExperiment(
      assays = list(counts = problem$st),
      spatialCoords = `colnames<-`(xy[, 2:1], names)
    )
    map <- mapCells(problem$sc, spe)
    expect_identical(unname(SpatialExperiment::spatialCoords(map)), unname(xy))
    expect_identical(SpatialExperiment::spatialCoordsNames(map), rev(names))
  }
})
