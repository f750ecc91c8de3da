# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-seurat.R",
# package = "homespot")'.

skipWithoutPython()
skip_if_not_installed("Seurat")
suppressPackageStartupMessages(library(Seurat))

# --- real objects ------------------------------------------------------------

problem <- smallProblem()
places <- problem$coords
rownames(places) <- colnames(problem$st)
types <- rep(c("neuron", "glia", "B/T cell"), 4)

inSeurat <- function(counts, name = "RNA", v3 = FALSE, ...) {
  counts <- as(counts, "CsparseMatrix")
  made <- if (v3) CreateAssayObject(counts) else CreateAssay5Object(counts)
  CreateSeuratObject(made, assay = name, ...)
}

# Pixels of the full image, rows down from the top, as Space Ranger has them.
visium <- function(places, version, key = "slice_") {
  positions <- data.frame(
    tissue = 1L, row = 0L, col = 0L, imagerow = 100 * places[, 2],
    imagecol = 100 * places[, 1], row.names = rownames(places)
  )
  picture <- array(seq(0, 1, length.out = 20 * 30 * 3), c(20, 30, 3))
  factors <- scalefactors(
    spot = 20, fiducial = 30, hires = 0.1, lowres = 0.02
  )
  if (version == 1) {
    return(new("VisiumV1",
      image = picture, scale.factors = factors, coordinates = positions,
      spot.radius = 0.05, assay = "Spatial", key = key
    ))
  }
  # As Read10X_Image() does.
  fov <- CreateFOV(positions[c("imagerow", "imagecol")],
    type = "centroids", radius = 20, assay = "Spatial", key = key
  )
  new("VisiumV2",
    boundaries = fov@boundaries, molecules = fov@molecules, assay = "Spatial",
    key = key, image = picture, scale.factors = factors
  )
}

cells <- inSeurat(problem$sc, meta.data = data.frame(
  cell_type = types, row.names = colnames(problem$sc)
))
normalised <- NormalizeData(cells, verbose = FALSE)
spots <- inSeurat(problem$st, "Spatial")
onSlice <- function(version) {
  x <- spots
  x[["slice"]] <- visium(places, version)
  x
}

sce <- SingleCellExperiment::SingleCellExperiment(
  list(counts = problem$sc), colData = S4Vectors::DataFrame(cell_type = types)
)
spe <- SpatialExperiment::SpatialExperiment(
  assays = list(counts = problem$st), spatialCoords = 100 * places
)
map <- mapCells(sce, spe, k.best = 5L)
sparse <- mapCells(cells, onSlice(1), k.best = 5L)

coordsOf <- function(x) SpatialExperiment::spatialCoords(x)
same <- function(found, expected = map) {
  expect_identical(mappingMatrix(found), mappingMatrix(expected))
  expect_identical(coordsOf(found), coordsOf(expected))
}

# --- expression --------------------------------------------------------------

test_that("assays of either version give the map of a SingleCellExperiment", {
  same(sparse)
  for (v3 in c(TRUE, FALSE)) {
    found <- mapCells(
      inSeurat(problem$sc, v3 = v3), inSeurat(problem$st, v3 = v3),
      coords = 100 * places, k.best = 5L
    )
    same(found)
  }
  annotation <- SummarizedExperiment::rowData(sparse)
  expect_identical(annotation$cell_type, types)
  expect_identical(annotation$ident, unname(Idents(cells)))
})

test_that("split layers are put together in the object's order", {
  before <- inSeurat(problem$sc)
  before[["RNA"]] <- split(before[["RNA"]], rep(c("b", "a", "b"), 4))
  kept <- unserialize(serialize(before, NULL))
  expect_identical(Layers(before), c("counts.b", "counts.a"))
  layer <- .seuratLayer(before, NULL, "sc")
  expect_identical(as.matrix(layer$values), problem$sc)
  expect_s4_class(layer$values, "dgCMatrix")
  same(mapCells(before, onSlice(2), k.best = 5L))
  expect_identical(before, kept)
})

test_that("a gene that a split layer lacks is 0 there, as for JoinLayers()", {
  first <- inSeurat(problem$sc[1:20, 1:5])
  second <- inSeurat(problem$sc[30:11, 6:12])
  both <- merge(first, second)
  joined <- LayerData(JoinLayers(both), "counts")
  found <- .seuratLayer(both, NULL, "sc")$values
  expect_identical(as.matrix(found), as.matrix(joined)[rownames(found), ])
  expect_setequal(rownames(found), rownames(problem$sc))
  expect_s4_class(found, "dgCMatrix")
})

test_that("assays and layers are found by name", {
  x <- normalised
  suppressWarnings(
    x[["other"]] <- CreateAssayObject(data = LayerData(x, "data")[3:9, ])
  )
  of <- function(assay.type, x.side = "sc") {
    found <- .seuratLayer(x, assay.type, x.side)
    list(found$name, found$values)
  }
  counts <- list("counts", LayerData(x, "counts"))
  data <- list("data", LayerData(x, "data"))
  expect_identical(of(NULL), counts)
  expect_identical(of("RNA"), counts)
  expect_identical(of("data"), data)
  expect_identical(of(c("RNA", "data")), data)
  expect_identical(of("other")[[2]], data[[2]][3:9, ])
  for (wrong in list("no", c("RNA", "no"), c("no", "data"), 1, NA)) {
    expect_error(
      mapCells(x, spots, sc.assay.type = wrong), paste(
        ".*found the assays 'RNA', 'other', and the layers 'counts', 'data'",
        "of 'RNA'. Name an assay, a layer of 'RNA', or both, c.assay, layer.,",
        "as sc.assay.type"
      ), class = "homespot_input_error"
    )
  }
  log <- mapCells(x, spots, sc.assay.type = "data", coords = 100 * places)
  expect_equal(mappingMatrix(log), mappingMatrix(
    mapCells(sce, spe)
  ), tolerance = 1e-5)
  expect_identical(mappingInfo(log)$sc_scale, "log")
})

test_that("cells are those of the layer", {
  x <- cells
  x[["part"]] <- CreateAssay5Object(LayerData(x, "counts")[, 4:9])
  expect_warning(
    found <- mapCells(x, onSlice(1), sc.assay.type = "part"),
    paste(
      "Left out 6 of 12 cells, which layer 'counts' of assay 'part' lacks",
      "\\('cell-1', 'cell-2', 'cell-3', ...\\). sc.assay.type = \"RNA\" has"
    ),
    class = "homespot_data_warning"
  )
  expect_identical(rownames(found), colnames(problem$sc)[4:9])
  expect_identical(
    SummarizedExperiment::rowData(found)$cell_type, types[4:9]
  )
})

test_that("a layer of another kind is refused, and a delayed one is read", {
  x <- cells
  x[["RNA"]]@layers$counts <- as.data.frame(problem$sc)
  expectRefused(
    mapCells(x, spots),
    "x[[\"RNA\"]]$counts matrix sparse DelayedMatrix |",
    "data.frame 30 x 12 | Convert",
    "x[[\"RNA\"]]$counts <- as(x[[\"RNA\"]]$counts, \"dgCMatrix\")"
  )
  x[["RNA"]]@layers$counts <- DelayedArray::DelayedArray(unname(problem$sc))
  expect_s4_class(.seuratLayer(x, NULL, "sc")$values, "DelayedMatrix")
  same(mapCells(x, onSlice(1), k.best = 5L))
  # The way out that the error names.
  x[["RNA"]]$counts <- as(x[["RNA"]]$counts, "dgCMatrix")
  expect_s4_class(.seuratLayer(x, NULL, "sc")$values, "dgCMatrix")
})

# --- places ------------------------------------------------------------------

test_that("images of either Visium class give the same places and picture", {
  for (version in 1:2) {
    found <- mapCells(cells, onSlice(version))
    expect_equal(coordsOf(found), coordsOf(map))
    expect_identical(found$sample_id, rep("slice", 8))
    images <- SpatialExperiment::imgData(found)
    expect_identical(images$scaleFactor, 0.02)
    expect_identical(dim(images$data[[1]]), c(20L, 30L))
  }
  # Both as Seurat draws them: across the image by column.
  drawn <- SpatialFeaturePlot(onSlice(2), "nCount_Spatial")[[1]]
  expect_identical(rlang::as_label(drawn$mapping$x), "y")
  expect_equal(unname(drawn$data$y), unname(coordsOf(found)[, 1]) * 0.02)
})

# As Read10X_Image() of Seurat 5.4 and later: x is the column, and the image
# says so.
horizontal <- function(places, key = "slice_") {
  image <- visium(places[, 2:1], 2, key)
  attr(image, "coords_x_orientation") <- "horizontal"
  image
}

test_that("a Visium image is asked which way its coordinates lie", {
  x <- spots
  x[["slice"]] <- horizontal(places)
  expect_identical(
    attr(x[["slice"]], "coords_x_orientation"), "horizontal"
  )
  same(mapCells(cells, x, k.best = 5L))
  # What it says stays in what is made of the object.
  part <- suppressWarnings(
    subset(x, cells = colnames(x)[c(2, 5)]), classes = "validationWarning"
  )
  expect_equal(
    coordsOf(.fromSeurat(part))[, "x"], 100 * places[c(2, 5), 1],
    ignore_attr = TRUE
  )
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(x, file)
  same(mapCells(cells, readRDS(file), k.best = 5L))
  # One that has the attribute but says nothing is as before.
  y <- onSlice(2)
  attr(y@images$slice, "coords_x_orientation") <- character()
  same(mapCells(cells, y, k.best = 5L))
})

test_that("objects come out the same after UpdateSeuratObject()", {
  x <- spots
  x[["slice"]] <- horizontal(places)
  for (before in list(onSlice(1), onSlice(2), x)) {
    # It says which of its own steps it does not check.
    after <- suppressWarnings(
      suppressMessages(UpdateSeuratObject(before)),
      classes = "validationWarning"
    )
    same(mapCells(cells, after, k.best = 5L))
  }
})

test_that("spots off the tissue by an image are left out", {
  x <- spots
  image <- visium(places, 1)
  image@coordinates$tissue[c(1, 4)] <- 0L
  x[["slice"]] <- image
  found <- warned(mapCells(cells, x))
  expect_identical(found$said, paste(
    "Left out 2 of 8 spots, which are off the tissue by st$in_tissue. To keep",
    "them, set st$in_tissue <- 1."
  ))
  expect_identical(colnames(found$value), colnames(spots)[-c(1, 4)])
  x$in_tissue <- 1
  expect_identical(ncol(mapCells(cells, x)), 8L)
})

test_that("an object whose places lie outside its image is told", {
  x <- spots
  turned <- visium(places, 2)
  turned@boundaries$centroids@coords <-
    turned@boundaries$centroids@coords[, 2:1]
  colnames(turned@boundaries$centroids@coords) <- c("x", "y")
  x[["slice"]] <- turned
  turned@image <- array(0, c(3, 20, 3))
  x[["slice"]] <- turned
  found <- warned(mapCells(cells, x))
  expect_match(found$said, paste(
    "contradicts itself: .* of the spots lie outside the image of 'slice', and",
    "all lie in it with x and y swapped.*pass coords = "
  ))
})

test_that("y points down for Visium, with or without a picture", {
  expect_identical(mappingInfo(sparse)$y_direction, "down")
  x <- onSlice(2)
  x@images$slice@image <- array(numeric(), c(0, 0, 3))
  bare <- mapCells(cells, x)
  expect_identical(mappingInfo(bare)$y_direction, "down")
  expect_identical(nrow(SpatialExperiment::imgData(bare)), 0L)
  x <- spots
  x[["fov"]] <- CreateFOV(as.data.frame(places),
    type = "centroids", assay = "Spatial", radius = 0.1
  )
  expect_identical(mappingInfo(mapCells(cells, x))$y_direction, "up")
})

test_that("a sketch is not taken for all cells", {
  x <- normalised
  part <- colnames(x)[c(2, 5, 7)]
  x[["sketch"]] <- CreateAssay5Object(
    counts = LayerData(x, "counts")[, part], data = LayerData(x, "data")[, part]
  )
  DefaultAssay(x) <- "sketch"
  found <- warned(mapCells(x, onSlice(1), k.best = 5L))
  expect_identical(found$said, paste(
    "The default assay 'sketch' has 3 of 12 cells, so the assay 'RNA' is used,",
    "which has all of them. To use 'sketch', pass sc.assay.type = \"sketch\"."
  ))
  same(found$value)
  found <- warned(mapCells(x, onSlice(1), sc.assay.type = "data"))
  expect_match(found$said[1], "the assay 'RNA' is used")
  expect_identical(nrow(found$value), 12L)
  found <- warned(mapCells(x, onSlice(1), sc.assay.type = "sketch"))
  expect_identical(found$said, paste(
    "Left out 9 of 12 cells, which layer 'counts' of assay 'sketch' lacks",
    "('cell-1', 'cell-3', 'cell-4', ...). sc.assay.type = \"RNA\" has all of",
    "them."
  ))
  expect_identical(rownames(found$value), part)
  # Without another, what is lost is counted all the same.
  x[["RNA"]] <- NULL
  found <- warned(mapCells(x, onSlice(1)))
  expect_match(found$said[1], "Left out 9 of 12 cells.*choose another assay")
})

test_that("layers that would do are named where the values are refused", {
  x <- cells
  x[["RNA"]]$counts <- as(problem$sc - 3, "CsparseMatrix")
  x[["RNA"]]$data <- as(log1p(problem$sc), "CsparseMatrix")
  expect_match(
    messageOf(mapCells(x, onSlice(1)), "homespot_input_error"), paste(
      "Values that would do are in layer 'data' of assay 'RNA'",
      "(sc.assay.type = c(\"RNA\", \"data\"))."
    ), fixed = TRUE
  )
})

test_that("a list of Seurat objects is several sections", {
  one <- onSlice(1)
  two <- spots
  two[["slice"]] <- visium(places + 50, 2)
  found <- warned(mapCells(cells, list(a = one, b = two)))
  expect_match(
    found$said, "8 names of spots occur in several sections", all = FALSE
  )
  map <- found$value
  expect_identical(map$homespot_section, rep(c("a", "b"), each = 8))
  expect_identical(map$sample_id, map$homespot_section)
  expect_equal(
    unname(coordsOf(map)), unname(rbind(100 * places, 100 * places + 5000))
  )
  expect_identical(
    SpatialExperiment::imgData(map)$sample_id, c("a", "b")
  )
})

test_that("fields of view give centroids, of outlines as well", {
  x <- spots
  x[["fov"]] <- CreateFOV(as.data.frame(places),
    type = "centroids", assay = "Spatial", nsides = 6L, radius = 0.1
  )
  expect_equal(coordsOf(mapCells(cells, x)), places)
  square <- do.call(rbind, lapply(rownames(places), function(spot) {
    data.frame(
      x = places[spot, 1] + c(-1, 1, 1, -1) / 9,
      y = places[spot, 2] + c(-1, -1, 1, 1) / 9, cell = spot
    )
  }))
  x <- spots
  x[["fov"]] <- CreateFOV(square, type = "segmentation", assay = "Spatial")
  expect_equal(coordsOf(mapCells(cells, x)), places)
})

test_that("Slide-seq's images have places", {
  x <- spots
  x[["puck"]] <- new("SlideSeq",
    coordinates = as.data.frame(places), assay = "Spatial", key = "puck_"
  )
  expect_equal(coordsOf(mapCells(cells, x)), places)
})

test_that("several images are several sections", {
  x <- spots
  x[["left"]] <- visium(places[c(1, 2, 5), ], 1, "left_")
  x[["right"]] <- visium(places[3:8, ] + 1, 2, "right_")
  expected <- 100 * places
  # The fifth is in both.
  right <- c(3, 4, 6:8)
  expected[right, ] <- expected[right, ] + 100
  found <- warned(mapCells(cells, x))
  expect_match(found$said[1], "1 spot\\(s\\) lie in several images \\('spot-5'")
  expect_match(found$said[2], paste(
    "Found 2 sections in st\\$sample_id \\('left': 3, 'right': 5 spots\\)"
  ))
  expect_equal(coordsOf(found$value), expected)
  sample <- rep("left", 8)
  sample[right] <- "right"
  expect_identical(found$value$sample_id, sample)
  expect_identical(found$value$homespot_section, sample)
  # Samples of the metadata stay, and do not hide which spot is in which image.
  x$sample_id <- rep(c("one", "two"), 4)
  found <- warned(mapCells(cells, x))
  expect_identical(found$value$sample_id, rep(c("one", "two"), 4))
  expect_identical(found$value$homespot_section, sample)
  x$sample_id <- sub("t", "T", sample)
  found <- warned(mapCells(cells, x))$value
  expect_identical(found$homespot_section, sub("t", "T", sample))
})

test_that("spots outside all images are refused, none is a map without", {
  x <- spots
  x[["slice"]] <- visium(places[-3, ], 1)
  expectRefused(
    mapCells(cells, x),
    "finite coordinates spot | 1 'spot-3' | leave out st <- subset(st,",
    "cells = unique(unlist(lapply(Images(st), function(i) Cells(st[[i]]))))"
  )
  nowhere <- warned(mapCells(cells, spots))
  expect_identical(ncol(coordsOf(nowhere$value)), 0L)
  expect_match(nowhere$said, "has no coordinates", all = FALSE)
  x <- spots
  x[["spatial"]] <- CreateDimReducObject(
    `colnames<-`(100 * places, c("at_1", "at_2")), key = "at_",
    assay = "Spatial"
  )
  expect_equal(coordsOf(mapCells(cells, x)), coordsOf(map))
})

# --- back into it ------------------------------------------------------------

columns <- function(x) {
  x <- as.data.frame(x)
  x[startsWith(names(x), "homespot_")]
}

test_that("cells are placed in the metadata and, if asked, in a reduction", {
  before <- unserialize(serialize(cells, NULL))
  placed <- placeCells(map, cells, reduction = "tissue")
  expect_identical(cells, before)
  expected <- placeCells(map, sce, reduction = "tissue")
  expect_s4_class(placed, "Seurat")
  expect_identical(
    columns(placed[[]]), columns(SummarizedExperiment::colData(expected))
  )
  expect_identical(
    Misc(placed, "homespot"), S4Vectors::metadata(expected)$homespot
  )
  at <- SingleCellExperiment::reducedDim(expected, "tissue")
  expect_identical(unname(at[, "x"]), expected$homespot_x)
  found <- Embeddings(placed, "tissue")
  expect_identical(colnames(found), c("tissue_1", "tissue_2"))
  expect_identical(unname(found), unname(at))
  drawn <- DimPlot(placed, reduction = "tissue", group.by = "cell_type")
  expect_identical(drawn[[1]]$data$tissue_2, placed$homespot_y |> unname())
  expect_null(placeCells(map, cells)@reductions$tissue)
  for (as in c("SingleCellExperiment", "SpatialExperiment")) {
    tissue <- placeCells(map, cells, as = as)
    expect_identical(as.character(class(tissue)), as)
    expect_identical(tissue$homespot_x, expected$homespot_x)
    expect_identical(
      as.matrix(SummarizedExperiment::assay(tissue, "counts")), problem$sc
    )
  }
})

test_that("placed cells lie on the picture in SpatialDimPlot(), upright", {
  placed <- placeCells(sparse, cells)
  expect_identical(Images(placed), "slice")
  expect_s4_class(placed[["slice"]], "VisiumV2")
  expect_identical(Cells(placed[["slice"]]), colnames(cells))
  expect_identical(
    dim(placed[["slice"]]@image), dim(onSlice(2)[["slice"]]@image)
  )
  # Across the page by column, down by row, in pixels of the picture.
  drawn <- SpatialDimPlot(placed, group.by = "cell_type")[[1]]
  across <- drawn$data[[rlang::as_label(drawn$mapping$x)]]
  down <- drawn$data[[rlang::as_label(drawn$mapping$y)]]
  expect_equal(across, unname(placed$homespot_x) * 0.02)
  expect_equal(down, unname(placed$homespot_y) * 0.02)
  file <- withr::local_tempfile(fileext = ".png")
  grDevices::png(file)
  print(drawn)
  print(SpatialFeaturePlot(placed, "homespot_prob"))
  grDevices::dev.off()
  # The map's places are those that the result has, wherever it goes.
  expect_equal(
    unname(coordsOf(.seuratShell(placed))),
    unname(cbind(placed$homespot_x, placed$homespot_y))
  )
  expect_identical(Images(addMapping(cells, sparse)), "slice")
  expect_identical(Images(addMapping(onSlice(1), sparse)), "slice")
  # Another map replaces it; of three dimensions there is none.
  again <- placeCells(map, placed)
  expect_identical(Images(again), "sample01")
  expect_s4_class(again[["sample01"]], "FOV")
  deep <- mapCells(sce, problem$st, coords = cbind(places, z = 1))
  expect_null(Images(placeCells(deep, cells)))
})

test_that("images of another tissue go, and each section has one", {
  spatial <- cells
  spatial[["own"]] <- CreateFOV(
    data.frame(x = 1:12, y = 1, row.names = colnames(cells)),
    type = "centroids", assay = "RNA", radius = 0.1, key = "own_"
  )
  expect_identical(Images(placeCells(sparse, spatial)), "slice")
  expect_setequal(Images(addMapping(spatial, sparse)), c("own", "slice"))
  demo <- demoData()
  half <- rep(c("s 1", "RNA"), length.out = ncol(demo$st))
  both <- warned(mapCells(demo$sc[, 1:80], list(
    "s 1" = demo$st[, half == "s 1"], RNA = demo$st[, half == "RNA"]
  )))$value
  many <- CreateSeuratObject(
    SummarizedExperiment::assay(demo$sc, "counts")[, 1:80]
  )
  placed <- placeCells(both, many)
  # Names that are free, as Seurat has them.
  expect_identical(Images(placed), c("s.1", "homespot.RNA"))
  section <- stats::setNames(placed$homespot_section, colnames(placed))
  expect_setequal(
    Cells(placed[["s.1"]]), names(section)[which(section == "s 1")]
  )
  held <- lapply(Images(placed), function(name) Cells(placed[[name]]))
  expect_identical(sum(lengths(held)), sum(!is.na(section)))
  expect_equal(
    unname(coordsOf(.seuratShell(placed)))[!is.na(section), ],
    unname(cbind(placed$homespot_x, placed$homespot_y))[!is.na(section), ]
  )
  skip_if_not_installed("ggplot2")
  plot <- plotCells(placed, "orig.ident")
  expect_setequal(levels(plot$data$sample_id), c("s 1", "RNA"))
})

test_that("of some cells a map places those, in the object's order", {
  part <- map[c(9, 2, 4), ]
  # Without a warning of what Seurat does not validate.
  placed <- suppressMessages(
    placeCells(part, merge(cells, onSlice(1)), reduction = "tissue")
  )
  expect_identical(colnames(placed), colnames(cells)[c(2, 4, 9)])
  expect_identical(
    unname(placed$homespot_x), placeCells(part, sce)$homespot_x[c(2, 3, 1)]
  )
  expect_equal(
    unname(Embeddings(placed, "tissue")[, 1]), unname(placed$homespot_x)
  )
})

test_that("a reduction does not take another's name or key", {
  x <- cells
  x[["Protein"]] <- CreateAssay5Object(problem$sc[1:3, ], key = "protein_") |>
    suppressWarnings()
  for (name in c("Protein", "protein")) {
    expect_error(
      placeCells(map, x, reduction = name), paste(
        "to be free, found that 'Protein' has one of them. Choose another",
        "name, or rename what is there"
      ), class = "homespot_input_error"
    )
  }
  twice <- placeCells(map, cells, position = "mean", reduction = "tissue")
  twice <- placeCells(map, twice, reduction = "tissue")
  expect_identical(
    Embeddings(twice, "tissue"),
    Embeddings(placeCells(map, cells, reduction = "tissue"), "tissue")
  )
})

test_that("the map is an assay of cells and of spots, and stays in subsets", {
  dense <- mapCells(sce, spe)
  for (map in list(map, dense)) {
    p <- mappingMatrix(map)
    x <- addMapping(cells, map)
    expected <- addMapping(sce, map)
    expect_identical(
      columns(x[[]]), columns(SummarizedExperiment::colData(expected))
    )
    expect_identical(Misc(x, "homespot"), mappingInfo(map))
    expect_identical(LayerData(x[["homespot"]], "data"), Matrix::t(p))
    y <- addMapping(onSlice(2), map)
    expect_equal(unname(y$homespot_cells), unname(Matrix::colSums(p)))
    expect_identical(LayerData(y[["homespot"]], "data"), p)
    part <- subset(y, cells = colnames(y)[c(2, 5)]) |>
      suppressWarnings(classes = "validationWarning")
    file <- withr::local_tempfile(fileext = ".rds")
    saveRDS(part, file)
    part <- readRDS(file)
    expect_identical(LayerData(part[["homespot"]], "data"), p[, c(2, 5)])
    expect_identical(FetchData(part, "homespot_cell-3", layer = "data")[[1]], {
      unname(p[3, c(2, 5)])
    })
  }
  expect_identical(DefaultAssay(y), "Spatial")
})

test_that("spots that were not mapped are empty", {
  part <- map[, -3]
  y <- addMapping(onSlice(1), part)
  expect_identical(unname(is.na(y$homespot_cells)), 1:8 == 3)
  expect_equal(
    as.matrix(LayerData(y[["homespot"]], "data")),
    as.matrix(mappingMatrix(map)) * (col(mappingMatrix(map)) != 3)
  )
  imputed <- imputeGenes(part, cells)
  y <- addMapping(y, imputed)
  found <- LayerData(y[["imputed"]], "data")
  expect_true(all(is.na(found[, 3])))
  expect_identical(
    found[, -3], SummarizedExperiment::assay(imputed, "imputed")
  )
})

test_that("imputed genes are an assay that SpatialFeaturePlot draws", {
  imputed <- imputeGenes(map, cells)
  expect_identical(
    SummarizedExperiment::assay(imputed),
    SummarizedExperiment::assay(imputeGenes(map, sce))
  )
  for (version in 1:2) {
    y <- addMapping(onSlice(version), imputed)
    DefaultAssay(y) <- "imputed"
    drawn <- SpatialFeaturePlot(y, "gene07")[[1]]
    values <- SummarizedExperiment::assay(imputed)["gene07", ]
    expect_identical(drawn$data$gene07, unname(values))
    # Coloured by it, so the least and the largest differ in the picture.
    fill <- suppressWarnings(ggplot2::layer_data(drawn))$fill
    expect_identical(rank(values) |> unname(), {
      rank(match(fill, unique(fill[order(values)])))
    })
  }
  # Again, with other genes, replaces it.
  y <- addMapping(y, imputed[3:5, ])
  expect_identical(rownames(y[["imputed"]]), rownames(imputed)[3:5])
})

test_that("types are a prediction assay as TransferData() makes it", {
  demo <- demoData()
  sc <- CreateSeuratObject(SummarizedExperiment::assay(demo$sc)[, 1:120])
  sc$cell_type <- demo$sc$cell_type[1:120]
  st <- CreateSeuratObject(SummarizedExperiment::assay(demo$st)[, 1:60])
  both <- lapply(list(sc = sc, st = st), NormalizeData, verbose = FALSE)
  anchors <- FindTransferAnchors(both$sc, both$st,
    features = intersect(rownames(sc), rownames(st)), dims = 1:5,
    verbose = FALSE, approx.pca = FALSE
  ) |> suppressWarnings()
  theirs <- TransferData(anchors, sc$cell_type,
    prediction.assay = TRUE, dims = 1:5, k.weight = 5, verbose = FALSE
  )
  map <- suppressWarnings(mapCells(sc, st), classes = "homespot_data_warning")
  types <- deconvolveSpots(map, "cell_type")
  y <- addMapping(st, types)
  ours <- y[["types"]]
  expect_identical(class(ours), class(theirs))
  expect_identical(Layers(ours), Layers(theirs))
  expect_identical(class(ours$data), class(theirs$data))
  expect_identical(tail(rownames(ours), 1), tail(rownames(theirs), 1))
  expect_setequal(rownames(ours), rownames(theirs))
  expect_identical(colnames(ours), colnames(theirs))
  expect_match(Key(theirs), "^predictionscore[a-z]+_$")
  expect_identical(Key(ours), "predictionscoretypes_")
  # What makes the row max of either.
  for (data in list(ours$data, theirs$data)) {
    expect_equal(data["max", ], apply(data[rownames(data) != "max", ], 2, max))
  }
  expect_identical(
    ours$data[rownames(types), ],
    SummarizedExperiment::assay(types, "proportion")
  )
  expect_identical(unname(y$homespot_type), types$homespot_type)
  expect_error(
    plotTypes(st), "found the assays .*RNA", class = "homespot_input_error"
  )
  # Both are scored as proportions.
  suppressWarnings(y[["theirs"]] <- theirs)
  scores <- scoreProportions(y, y, "type", "types", "theirs")
  expect_identical(scores$type, rownames(types))
})

test_that("labels of cells are a prediction assay, too", {
  side <- ifelse(coordsOf(map)[, 1] < 450, "left", "right")
  labels <- annotateCells(map, side)
  x <- addMapping(cells, labels)
  expect_identical(unname(x$homespot_label), labels$homespot_label)
  expect_equal(x[["labels"]]$data[c("left", "right"), ], as.matrix(
    SummarizedExperiment::assay(labels)
  ))
})

test_that("a name that is taken, and genes on disk, are refused", {
  delayed <- imputeGenes(map, cells)
  SummarizedExperiment::assay(delayed) <- DelayedArray::DelayedArray(
    SummarizedExperiment::assay(delayed)
  )
  expect_error(
    addMapping(spots, delayed),
    "'imputed' in memory, for an assay of a Seurat object",
    class = "homespot_input_error"
  )
  x <- placeCells(map, cells, reduction = "homespot")
  expect_error(
    addMapping(x, map),
    "the name 'homespot' and the key 'homespot_' to be free",
    class = "homespot_input_error"
  )
  expect_error(
    addMapping(cells, mappingMatrix(map)),
    "a CellMapping, or what imputeGenes", class = "homespot_input_error"
  )
})

# --- the other verbs ---------------------------------------------------------

test_that("every other verb gives what it gives for Bioconductor's objects", {
  st <- onSlice(2)
  timeless <- function(x) x[setdiff(names(x), "seconds")]
  expect_identical(
    timeless(crossValidateGenes(cells, st, folds = 2)),
    timeless(crossValidateGenes(sce, spe, folds = 2))
  )
  grid <- list(regularisation = 0.1)
  tune <- function(sc, st) {
    tuned <- tuneMapping(sc, st, "ssa", grid, folds = 2, outer.folds = 2)
    timeless(tuned$outer)
  }
  expect_identical(tune(cells, st), tune(sce, spe))
  simulated <- simulateSpots(st, cells.per.spot = 2, n.parts = 2L)
  expected <- simulateSpots(spe, cells.per.spot = 2, n.parts = 2L)
  expect_equal(coordsOf(simulated$st), coordsOf(expected$st))
  expect_equal(
    as.matrix(SummarizedExperiment::assay(simulated$sc, "counts")),
    as.matrix(SummarizedExperiment::assay(expected$sc, "counts"))
  )
  of <- mapCells(simulated$sc, simulated$st)
  truth <- 100 * places
  expect_identical(calibrateMapping(of, st), calibrateMapping(of, truth))
  placed <- placeCells(map, cells, reduction = "spatial")
  own <- coordsOf(placeCells(map, sce, as = "SpatialExperiment")) + 1
  expect_identical(calibrateMapping(placed, own), calibrateMapping(
    placeCells(map, sce), own
  ))
  expect_equal(placeDistances(own, placed)[["manhattan"]], 2)
  expect_equal(kdeDivergence(placed, own, "cell_type"), kdeDivergence(
    `dimnames<-`(own - 1, list(rownames(own), NULL)), own, types
  ))
})

test_that("scores and reports take it", {
  st <- NormalizeData(onSlice(1), verbose = FALSE)
  imputed <- imputeGenes(map, sce)
  measured <- as.matrix(LayerData(st, "data"))
  expect_identical(scoreGenes(st, imputed), scoreGenes(measured, imputed))
  expect_identical(
    scoreGenes(measured, addMapping(st, imputed), NULL, "imputed"),
    scoreGenes(measured, imputed)
  )
  page <- withr::local_tempfile(fileext = ".html")
  expect_identical(
    mappingReport(sparse, page, cells, st, "cell_type", "gene07"), page
  )
  html <- readChar(page, file.size(page), useBytes = TRUE)
  expect_match(html, "gene07", fixed = TRUE)
})

test_that("plots take it", {
  skip_if_not_installed("ggplot2")
  st <- addMapping(onSlice(1), imputeGenes(map, cells))
  shares <- deconvolveSpots(map, "cell_type")
  expect_identical(
    plotTypes(addMapping(st, shares))$data$proportion,
    plotTypes(shares)$data$proportion
  )
  expect_equal(
    plotSpots(st, "gene07")$data$value, unname(problem$st["gene07", ])
  )
  expect_equal(plotSpots(st, "nCount_Spatial")$data$value, {
    unname(colSums(problem$st))
  })
  st$gene07 <- 0
  expect_equal(
    plotSpots(st, "gene07", assay.type = "imputed")$data$value,
    unname(st[["imputed"]]$data["gene07", ])
  )
  both <- plotGene(st, gene = "gene07")$data
  logs <- log1p(1e4 * problem$st["gene07", ] / colSums(problem$st))
  expect_equal(
    both$value, unname(c(logs, st[["imputed"]]$data["gene07", ]))
  )
  placed <- placeCells(map, cells)
  expected <- placeCells(map, sce)
  # The image of the placed cells has the name of the sample.
  drawn <- function(plot) plot$data[names(plot$data) != "sample_id"]
  expect_identical(
    drawn(plotCells(placed, "cell_type")),
    drawn(plotCells(expected, "cell_type"))
  )
  expect_identical(
    drawn(plotConfidence(placed)), drawn(plotConfidence(expected))
  )
})

# --- what can be wrong -------------------------------------------------------

test_that("labels are looked for in the metadata", {
  expectRefused(
    mapCells(cells, spots, method = "come", labels = "type"),
    "column 'type' metadata sc | 'orig.ident' 'nCount_RNA' 'nFeature_RNA'",
    "'cell_type' 'ident' |"
  )
})

test_that("without Seurat its objects are refused with what to install", {
  skip_if(nzchar(packagePath()), "the package is loaded from its sources")
  skip_if_not(
    all(c("Seurat", "SeuratObject") %in% basename(list.files(
      setdiff(.libPaths(), .Library)
    ))), "R's own library has Seurat, which cannot be hidden"
  )
  folder <- withr::local_tempdir()
  there <- unique(unlist(lapply(
    setdiff(.libPaths(), .Library), list.files, full.names = TRUE
  )))
  kept <- !grepl("^Seurat", basename(there)) & !duplicated(basename(there))
  expect_true(all(file.symlink(
    there[kept], file.path(folder, basename(there[kept]))
  )))
  files <- file.path(folder, c("cells.rds", "map.rds"))
  saveRDS(cells, files[1])
  saveRDS(map, files[2])
  found <- freshR(function(folder, files) {
    .libPaths(folder, include.site = FALSE)
    suppressPackageStartupMessages(library(homespot))
    cells <- readRDS(files[1])
    map <- readRDS(files[2])
    genes <- matrix(1, dimnames = list("a", "b"))
    calls <- list(
      function() mapCells(cells, genes), function() mapCells(genes, cells),
      function() placeCells(map, cells), function() addMapping(cells, map),
      function() imputeGenes(map, cells), function() plotSpots(cells, "a")
    )
    lapply(calls, function(call) {
      tryCatch(call(), homespot_dependency_error = identity)
    })
  }, folder = folder, files = files)
  text <- expectRefused(
    stop(found[[1L]]),
    "R package Seurat | not installed | install.packages(\"Seurat\")",
    class = "homespot_dependency_error"
  )
  expect_identical(vapply(found, conditionMessage, ""), rep(text, 6L))
})

test_that("pictures stay where the metadata names the samples", {
  x <- spots
  first <- seq_len(4)
  x[["one"]] <- visium(places[first, ], 2)
  x[["two"]] <- visium(places[-first, ], 2, "two_")
  x$sample_id <- ifelse(seq_len(ncol(x)) <= 4, "P1", "P2")
  images <- imgData(.fromSeurat(x))
  expect_identical(images$sample_id, c("P1", "P2"))
  expect_identical(images$image_id, c("lowres", "lowres"))
  x$sample_id <- "P"
  images <- imgData(.fromSeurat(x))
  expect_identical(images$sample_id, c("P", "P"))
  expect_identical(images$image_id, c("one", "two"))
})

test_that("an assay of the user's is not replaced", {
  counts <- SeuratObject::LayerData(spots, layer = "counts")
  x <- spots
  x[["types"]] <- SeuratObject::CreateAssay5Object(counts = counts)
  expect_error(
    .withSeuratAssay(x, "types", counts), "the name 'types'",
    class = "homespot_input_error"
  )
  x[["types"]] <- NULL
  x <- .withSeuratAssay(x, "types", counts)
  expect_s4_class(.withSeuratAssay(x, "types", counts)[["types"]], "Assay")
})
