# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-plots.R",
# package = "homespot")'.

skip_if_not_installed("ggplot2")

# 12 spots on a grid, in one sample or two.
grid <- function(samples = "one", ...) {
  coords <- as.matrix(expand.grid(x = c(0, 10, 20, 30), y = c(0, 10, 20)))
  names <- sprintf("spot%02d", 1:12)
  SpatialExperiment::SpatialExperiment(
    assays = list(
      counts = matrix(1:24, 2, dimnames = list(c("g1", "g2"), names)),
      imputed = matrix(
        seq(0, 1, length.out = 24), 2, dimnames = list(c("g1", "g2"), names)
      )
    ),
    colData = S4Vectors::DataFrame(
      area = (12:1) / 2, layer = rep(c("b", "a", NA), 4),
      sample_id = rep(samples, each = 12 / length(samples))
    ),
    spatialCoords = coords, ...
  )
}

withImage <- function(spe, sample = "one", scale = 0.5) {
  # Light on top, dark below.
  pixels <- matrix(rep(c("#FFFFFF", "#222222"), each = 8 * 20), 16, 20,
    byrow = TRUE
  )
  file <- withr::local_tempfile(fileext = ".png")
  grDevices::png(file, 20, 16)
  grid::grid.raster(pixels, width = 1, height = 1, interpolate = FALSE)
  grDevices::dev.off()
  SpatialExperiment::addImg(spe,
    sample_id = sample, image_id = "low", imageSource = file,
    scaleFactor = scale, load = TRUE
  )
}

smallTypes <- function(n = 12) {
  share <- rbind(glia = seq(0, 1, length.out = n), neuron = 0, other = 0)
  share["neuron", ] <- 1 - share["glia", ]
  colnames(share) <- sprintf("spot%02d", seq_len(n))
  SpatialExperiment::SpatialExperiment(
    assays = list(proportion = share), spatialCoords = cbind(
      x = seq_len(n) %% 100, y = seq_len(n) %/% 100
    )
  )
}

placed <- function(...) {
  SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix(0, 1, 6, dimnames = list("g", paste0("c", 1:6)))),
    colData = S4Vectors::DataFrame(
      homespot_x = c(0, 0, 0, 10, 10, 20), homespot_y = c(0, 0, 0, 0, 0, 10),
      homespot_spot = c("s1", "s1", "s1", "s2", "s2", "s3"),
      type = c("B", "A", "B", "A", "A", "B"), ...
    )
  )
}

layer <- function(plot, i) ggplot2::layer_data(plot, i)

geoms <- function(plot) {
  vapply(plot$layers, function(one) class(one$geom)[1L], "")
}

# Draws for good, which is when many errors come; warnings are errors.
expectDraws <- function(plot) {
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  withr::defer(grDevices::dev.off())
  expect_no_warning(print(plot))
  expect_s3_class(plot, "ggplot")
}

test_that("plotSpots() draws each value at its spot, on equal axes", {
  spe <- grid()
  plot <- plotSpots(spe, "area")
  expectDraws(plot)
  coords <- SpatialExperiment::spatialCoords(spe)
  expect_identical(layer(plot, 1)$x, coords[, "x"])
  expect_identical(layer(plot, 1)$y, coords[, "y"])
  expect_identical(plot$data$value, spe$area)
  expect_identical(plot$data$name, colnames(spe))
  # The colours are viridis, from the least to the largest value.
  colours <- layer(plot, 1)$colour[order(spe$area)]
  expect_identical(colours[c(1, 12)], c("#440154", "#FDE725"))
  expect_s3_class(plot$coordinates, "CoordFixed")
  expect_identical(plot$coordinates$ratio, 1)
})

test_that("plotSpots() takes rows, columns and vectors, by name", {
  spe <- grid()
  expect_identical(plotSpots(spe, "g2")$data$value, 2L * 1:12)
  expect_equal(
    plotSpots(spe, "g1", assay.type = "imputed")$data$value,
    unname(SummarizedExperiment::assay(spe, "imputed")["g1", ])
  )
  named <- stats::setNames(12:1, rev(colnames(spe)))
  expect_identical(plotSpots(spe, named)$data$value, 1:12)
  expect_identical(plotSpots(spe, unname(named))$data$value, 12:1)
  SummarizedExperiment::assay(spe, "counts") <- as(
    SummarizedExperiment::assay(spe, "counts") * 1, "CsparseMatrix"
  )
  expect_identical(plotSpots(spe, "g2")$data$value, 2 * 1:12)
  # A column comes before a row of the same name, unless an assay is named.
  spe$g1 <- 12:1
  expect_identical(plotSpots(spe, "g1")$data$value, 12:1)
  expect_identical(
    plotSpots(spe, "g1", assay.type = "counts")$data$value, 2 * 1:12 - 1
  )
})

test_that("labels have colours of their own, in order; none is grey", {
  plot <- plotSpots(grid(), "layer")
  expectDraws(plot)
  expect_identical(levels(plot$data$value), c("a", "b"))
  expect_identical(
    layer(plot, 1)$colour, rep(c("#E69F00", "#0072B2", "grey80"), 4)
  )
  spe <- smallTypes(40)
  spe$type <- sprintf("t%02d", c(1:20, 1:20))
  spe$type[1:3] <- "t20"
  plot <- plotSpots(spe, "type")
  expectDraws(plot)
  colours <- tapply(layer(plot, 1)$colour, spe$type, unique)
  # t01 to t03 are rarer than the others.
  expect_identical(unname(colours[1:3]), rep("grey80", 3), ignore_attr = TRUE)
  expect_identical(anyDuplicated(colours[colours != "grey80"]), 0L)
  expect_identical(sum(colours != "grey80"), 16L)
  scale <- plot$scales$get_scales("colour")
  expect_identical(utils::tail(scale$get_labels(), 1L), "other (4 labels)")
})

test_that("the scale bar has a round length, in the unit", {
  bar <- plotSpots(grid(), "area", unit = "um")
  expectDraws(bar)
  expect_identical(geoms(bar)[3:4], c("GeomSegment", "GeomText"))
  segment <- layer(bar, 3)
  expect_identical(segment$xend - segment$x, 10)
  expect_identical(layer(bar, 4)$label, "10 um")
  # Below the tissue, and within it.
  expect_lt(segment$y, 0)
  expect_identical(segment$xend, 30)
  expect_false("GeomSegment" %in% geoms(plotSpots(grid(), "area")))
  row <- grid()
  SpatialExperiment::spatialCoords(row)[, "x"] <- 5
  expectDraws(plotSpots(row, "area", unit = "um"))
})

test_that("an image lies under the spots, the right way up", {
  spe <- withImage(grid())
  plot <- plotSpots(spe, "area", unit = "px")
  expectDraws(plot)
  expect_identical(geoms(plot)[1:2], c("GeomRasterAnn", "GeomPoint"))
  # 20 x 16 pixels at half the resolution; y points down.
  image <- plot$layers[[1L]]$geom_params
  expect_equal(
    unlist(image[c("xmin", "xmax", "ymin", "ymax")]),
    c(xmin = 0, xmax = 40, ymin = -32, ymax = 0)
  )
  coords <- SpatialExperiment::spatialCoords(spe)
  expect_identical(layer(plot, 2)$y, -coords[, "y"])
  expect_identical(layer(plot, 2)$x, coords[, "x"])
  expect_gt(plot$layers[[4L]]$data$y, 20)
})

test_that("an image without a scale factor is not drawn", {
  spe <- withImage(grid(), scale = NA_real_)
  plot <- plotSpots(spe, "area", unit = "px")
  expectDraws(plot)
  expect_false("GeomRasterAnn" %in% geoms(plot))
})

test_that("samples have panels, each with its own image", {
  spe <- withImage(grid(c("one", "two")), "two")
  plot <- plotSpots(spe, "area", unit = "px")
  expectDraws(plot)
  expect_identical(
    as.integer(layer(plot, 2)$PANEL), rep(1:2, each = 6)
  )
  expect_identical(as.integer(layer(plot, 1)$PANEL), 2L)
  both <- plotGene(grid(c("one", "two")), gene = "g1")
  expect_identical(nrow(ggplot2::ggplot_build(both)$layout$layout), 4L)
})

# Two sections in frames of their own, far apart; the second has an image.
framed <- function() {
  spe <- grid(c("one", "two"))
  second <- spe$sample_id == "two"
  coords <- SpatialExperiment::spatialCoords(spe)
  coords[second, ] <- coords[second, ] + 7000
  coords[!second, ] <- -9000 - 2 * coords[!second, ]
  SpatialExperiment::spatialCoords(spe) <- coords
  withImage(spe, "two", scale = 0.002)
}

test_that("each section is drawn in a frame of its own, upright", {
  spe <- framed()
  plot <- plotSpots(spe, "area", unit = "um")
  expectDraws(plot)
  coords <- SpatialExperiment::spatialCoords(spe)
  # The data has the places as they are, and the drawn ones lie about 0.
  expect_identical(plot$data$x, unname(coords[, "x"]))
  expect_identical(plot$data$y, unname(coords[, "y"]))
  points <- layer(plot, 2)
  expect_lt(max(abs(points$x), abs(points$y)), 50)
  first <- spe$sample_id == "one"
  middle <- function(v) v - mean(range(v))
  expect_equal(points$x[first], middle(unname(coords[first, "x"])))
  expect_equal(points$y[first], middle(unname(coords[first, "y"])))
  # An image has y downwards.
  expect_equal(points$x[!first], middle(unname(coords[!first, "x"])))
  expect_equal(points$y[!first], -middle(unname(coords[!first, "y"])))
  image <- plot$layers[[1L]]$geom_params
  at <- coords[!first, ][1L, ]
  shown <- points[!first, ][1L, ]
  expect_equal(shown$x - image$xmin, at[["x"]])
  expect_equal(image$ymax - shown$y, at[["y"]])
  expect_equal(image$xmax - image$xmin, 20 / 0.002)
  expect_equal(image$ymax - image$ymin, 16 / 0.002)
  # Cells that are spread over their spot stay where it is.
  spe$homespot_spot <- rep(colnames(spe)[c(1, 12)], each = 6)
  moved <- plotCells(spe, "layer", jitter = 1)$data
  moved <- moved[match(colnames(spe), moved$name), ]
  up <- ifelse(first, 1, -1)
  expect_equal(
    up * (moved$y - coords[, "y"]), moved$drawn_y - points$y,
    ignore_attr = TRUE
  )
  expectDraws(plotGene(spe, gene = "g1", unit = "um"))
})

test_that("the record and the names of coordinates say where y points", {
  direction <- function(spe, ...) {
    plot <- plotSpots(spe, "area")
    expectDraws(plot)
    y <- SpatialExperiment::spatialCoords(spe)[, ncol(
      SpatialExperiment::spatialCoords(spe)
    )]
    sign(stats::cor(layer(plot, 1)$y, plot$data$y))
  }
  spe <- grid()
  expect_identical(direction(spe), 1)
  S4Vectors::metadata(spe)$homespot <- list(y_direction = "down")
  expect_identical(direction(spe), -1)
  S4Vectors::metadata(spe)$homespot <- list(y_direction = "up")
  expect_identical(direction(spe), 1)
  pixels <- grid()
  SpatialExperiment::spatialCoordsNames(pixels) <-
    c("pxl_row_in_fullres", "pxl_col_in_fullres")
  plot <- plotSpots(pixels, "area")
  coords <- SpatialExperiment::spatialCoords(pixels)
  expect_identical(plot$data$x, unname(coords[, 2]))
  expect_identical(layer(plot, 1)$y, -unname(coords[, 1]), ignore_attr = TRUE)
  # Of placed cells, which are no SpatialExperiment, the record alone.
  cells <- placed()
  S4Vectors::metadata(cells)$homespot <- list(y_direction = "down")
  plot <- plotCells(cells, "type", jitter = 0)
  expect_identical(layer(plot, 1)$y, -plot$data$y)
  mixed <- placed(homespot_section = rep(c("a", "b"), 3))
  S4Vectors::metadata(mixed)$homespot <- list(
    y_direction = "mixed", y_down = "b"
  )
  plot <- plotCells(mixed, "type", jitter = 0)
  expect_identical(levels(plot$data$sample_id), c("a", "b"))
  down <- plot$data$sample_id == "b"
  expect_equal(diff(plot$data$drawn_y[down]), -diff(plot$data$y[down]))
  expect_equal(diff(plot$data$drawn_y[!down]), diff(plot$data$y[!down]))
})

test_that("sections are panels where the sample is one, with its images", {
  spe <- grid()
  spe$homespot_section <- rep(c("left", "right"), 6)
  plot <- plotSpots(spe, "area")
  expect_identical(levels(plot$data$sample_id), c("left", "right"))
  raster <- function(colour) {
    SpatialExperiment::SpatialImage(grDevices::as.raster(matrix(colour, 2, 2)))
  }
  SpatialExperiment::imgData(spe) <- S4Vectors::DataFrame(
    sample_id = "one", image_id = c("left", "right"),
    data = I(list(raster("#111111"), raster("#222222"))), scaleFactor = 0.1
  )
  plot <- plotSpots(spe, "area")
  colours <- vapply(plot$layers[1:2], function(one) {
    one$geom_params$raster[1, 1]
  }, "")
  expect_identical(colours, c("#111111", "#222222"))
})

test_that("cells without a place are left out, and counted", {
  cells <- placed(
    homespot_radius = 1:6, homespot_confident = TRUE
  )
  cells$homespot_x[2:3] <- cells$homespot_y[2:3] <- NA
  for (draw in list(
    function() plotCells(cells, "type"), function() plotConfidence(cells)
  )) {
    expect_warning(plot <- draw(), paste(
      "Left out 2 of 6 cells, which have no place \\(homespot_x is NA\\)"
    ))
    expect_setequal(plot$data$name, c("c1", "c4", "c5", "c6"))
  }
})

test_that("points fill the page: size follows density", {
  size <- function(side) {
    spe <- smallTypes(side^2)
    SpatialExperiment::spatialCoords(spe) <- as.matrix(
      expand.grid(x = seq_len(side), y = seq_len(side))
    )
    layer(plotSpots(spe, seq_len(side^2)), 1)$size[1L]
  }
  expect_equal(size(30) / size(90), 3, tolerance = 0.05)
  expect_identical(
    layer(plotSpots(grid(), "area", size = 3), 1)$size[1L], 3 / 0.75
  )
})

test_that("many points are drawn as one image, of the same values", {
  skip_if_not_installed("scattermore")
  n <- 20000
  spe <- smallTypes(n)
  plot <- plotSpots(spe, seq_len(n), unit = "um")
  expect_identical(geoms(plot)[1L], "GeomScattermore")
  expect_identical(
    layer(plot, 1)[c("x", "y")], data.frame(
      SpatialExperiment::spatialCoords(spe), row.names = NULL
    ), ignore_attr = TRUE
  )
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  print(plot)
  grDevices::dev.off()
  expect_lt(file.size(file), 5e5)
  local_mocked_bindings(.hasScattermore = function() FALSE)
  expect_identical(
    geoms(plotSpots(spe, seq_len(n)))[1L], "GeomPoint"
  )
})

test_that("plotCells() spreads the cells of a spot, within the jitter", {
  cells <- placed()
  still <- plotCells(cells, "type", jitter = 0)
  expectDraws(still)
  at <- match(colnames(cells), still$data$name)
  expect_identical(still$data$x[at], cells$homespot_x)
  expect_identical(still$data$y[at], cells$homespot_y)
  expect_identical(as.character(still$data$label[at]), cells$type)
  moved <- plotCells(cells, "type", jitter = 2)$data
  moved <- moved[match(colnames(cells), moved$name), ]
  far <- sqrt(
    (moved$x - cells$homespot_x)^2 + (moved$y - cells$homespot_y)^2
  )
  expect_true(all(far <= 2))
  expect_identical(far[6], 0)
  expect_identical(anyDuplicated(moved[c("x", "y")]), 0L)
  # The same each time, and without R's random numbers.
  withr::local_seed(1)
  before <- .Random.seed
  expect_identical(
    plotCells(cells, "type")$data, plotCells(cells, "type")$data
  )
  expect_identical(.Random.seed, before)
  expect_identical(plotCells(cells, "type")$coordinates$ratio, 1)
})

test_that("plotCells() takes a tissue of either class", {
  skipWithoutPython()
  map <- smallMap()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix(1, 1, 3, dimnames = list("g", rownames(map)))),
    colData = S4Vectors::DataFrame(type = c("A", "B", "A"))
  )
  one <- plotCells(placeCells(map, sce), "type", jitter = 0)$data
  two <- plotCells(
    placeCells(map, sce, as = "SpatialExperiment"), "type", jitter = 0
  )
  expectDraws(two)
  expect_identical(one[c("name", "x", "y")], two$data[c("name", "x", "y")])
})

test_that("plotMapping() draws a cell's row, and the sum of a label's", {
  for (map in list(
    smallMap(), smallMap(as(mappingMatrix(smallMap()), "CsparseMatrix")),
    smallMap(DelayedArray::DelayedArray(mappingMatrix(smallMap())))
  )) {
    p <- as.matrix(mappingMatrix(map))
    expect_equal(
      plotMapping(map, cell = "cell2")$data$value, unname(p["cell2", ])
    )
    a <- plotMapping(map, label = "A", labels = "cell_type")
    expect_equal(a$data$value, unname(colSums(p[c(1, 3), ])))
    expect_equal(sum(a$data$value), 2)
    given <- c(cell3 = "x", cell1 = "y", cell2 = "x")
    expect_equal(
      plotMapping(map, label = "y", labels = given)$data$value,
      unname(p["cell1", ])
    )
  }
  expectDraws(a)
})

# The log scale by hand.
inLogs <- function(counts) {
  unname(log1p(1e4 * t(t(counts) / colSums(counts))))
}

test_that("plotGene() shows both sides, each over its own range", {
  skipWithoutPython()
  spe <- grid()
  imputed <- spe[, 12:1]
  plot <- plotGene(spe, imputed, "g2")
  expectDraws(plot)
  logs <- inLogs(SummarizedExperiment::assay(spe, "counts"))[2L, ]
  guess <- unname(SummarizedExperiment::assay(spe, "imputed")["g2", ])
  data <- split(plot$data, plot$data$panel)
  expect_named(data, c(
    sprintf(
      "measured\n%s to %s\nlog(1 + 10,000 x / total)", signif(min(logs), 3),
      signif(max(logs), 3)
    ),
    sprintf("imputed, PCC %.2f\n0.0435 to 1\nlog scale", cor(logs, guess))
  ))
  expect_equal(data[[1L]]$value, logs)
  expect_equal(data[[2L]]$value, guess)
  for (part in data) {
    expect_identical(range(part$share), c(0, 1))
  }
  expect_identical(plot$coordinates$ratio, 1)
  expect_identical(plot$scales$get_scales("colour")$name, "g2")
})

panels <- function(plot) {
  sub("\n.*", "", levels(plot$data$panel))
}

test_that("plotGene() gives the correlation, and that held out", {
  skipWithoutPython()
  spe <- grid()
  logs <- inLogs(SummarizedExperiment::assay(spe, "counts"))[1L, ]
  guess <- rev(logs)^2
  SummarizedExperiment::assay(spe, "imputed")["g1", ] <- guess
  SummarizedExperiment::rowData(spe)$homespot_pcc <- c(0.5512, NaN)
  pcc <- sprintf("imputed, PCC %.2f", cor(logs, guess))
  expect_identical(
    panels(plotGene(spe, gene = "g1")),
    c("measured", paste(pcc, "(0.55 held out)"))
  )
  expect_match(panels(plotGene(spe, gene = "g2"))[2L], "^imputed, PCC .{4,5}$")
  # A spot without cells has nothing imputed.
  SummarizedExperiment::assay(spe, "imputed")["g1", c(2, 7)] <- NaN
  gaps <- plotGene(spe, gene = "g1")
  expectDraws(gaps)
  expect_identical(panels(gaps)[2L], sprintf(
    "imputed, PCC %.2f (0.55 held out)", cor(logs[-c(2, 7)], guess[-c(2, 7)])
  ))
  for (flat in list(0.5, NaN)) {
    SummarizedExperiment::assay(spe, "imputed")["g1", ] <- flat
    plot <- plotGene(spe, gene = "g1")
    expectDraws(plot)
    expect_identical(
      panels(plot)[2L], "imputed, PCC not defined (0.55 held out)"
    )
  }
  expect_identical(plot$data$share[13:24], rep(NaN, 12))
})

test_that("plotGene() draws a gene that was not measured by itself", {
  spe <- grid()
  lacking <- spe["g2", ]
  plot <- plotGene(lacking, spe, "g1")
  expectDraws(plot)
  expect_identical(levels(plot$data$panel), "imputed\n0 to 0.957\nlog scale")
  expect_identical(plot$data$name, colnames(spe))
  SummarizedExperiment::rowData(spe)$homespot_pcc <- c(0.5512, NaN)
  expect_identical(
    panels(plotGene(lacking, spe, "g1")), "imputed (PCC 0.55 held out)"
  )
  SummarizedExperiment::rowData(spe)$homespot_mapped <- c(TRUE, FALSE)
  S4Vectors::metadata(spe)$homespot <- list(imputed_scale = "mean of counts")
  expect_identical(
    levels(plotGene(lacking, spe, "g1")$data$panel),
    paste0(
      "imputed, gene of the map (PCC 0.55 held out)\n0 to 0.957\n",
      "mean of counts"
    )
  )
  for (end in c("lower", "upper")) {
    SummarizedExperiment::assay(spe, end) <-
      SummarizedExperiment::assay(spe, "imputed") + (end == "upper")
  }
  S4Vectors::metadata(spe)$homespot$intervals <- list(level = 0.8)
  plot <- plotGene(lacking, spe, "g1")
  expectDraws(plot)
  expect_identical(panels(plot)[2L], "width of the interval, level 0.8")
  expect_equal(plot$data$value[13:24], rep(1, 12))
})

test_that("plotGene() brings counts to the log scale, and only these", {
  skipWithoutPython()
  spe <- grid()
  counts <- SummarizedExperiment::assay(spe, "counts") * 1
  counts[, 3L] <- 0
  logs <- inLogs(counts)
  logs[, 3L] <- 0
  drawn <- function(values, ..., gene = "g1") {
    SummarizedExperiment::assay(spe, "counts") <- values
    plotGene(spe, gene = gene, ...)$data$value[seq_len(12L)]
  }
  for (kind in c("matrix", "CsparseMatrix", "SVT_SparseMatrix")) {
    expect_equal(drawn(as(counts, kind)), logs[1L, ])
  }
  expect_equal(drawn(DelayedArray::DelayedArray(counts)), logs[1L, ])
  expect_equal(drawn(counts, gene = "g2"), logs[2L, ])
  named <- logs
  dimnames(named) <- dimnames(counts)
  expect_equal(drawn(named), logs[1L, ])
  expect_equal(drawn(counts, scale = "log"), unname(counts["g1", ]))
  expect_equal(
    drawn(named, scale = "counts"), replace(inLogs(logs)[1L, ], 3L, 0)
  )
  expectRefused(
    drawn(counts - 3), "negative spatial | -3 | log-normalised instead"
  )
  expectRefused(
    drawn(counts, scale = "raw"), "scale 'auto' 'counts' 'log' | 'raw' |",
    "Use"
  )
})

test_that("plotGene() looks at the numbers as the core does", {
  skipWithoutPython()
  problem <- smallProblem()
  counts <- problem$st
  total <- colSums(counts)
  tables <- list(
    counts = counts, logs = log1p(1e4 * t(t(counts) / total)),
    small = t(t(counts) / total), halves = counts / 2, large = counts * 7.3,
    odd = sqrt(counts), oddLarge = exp(counts) * sqrt(2 + row(counts)),
    log2 = log2(1 + 1e4 * t(t(counts) / total))
  )
  found <- vapply(tables, function(table) {
    info <- mappingInfo(mapCells(problem$sc, table, method = "correlation"))
    spe <- SpatialExperiment::SpatialExperiment(
      list(x = table, imputed = table), spatialCoords = problem$coords
    )
    shown <- function(scale) {
      plotGene(spe, gene = "gene07", scale = scale)$data$value
    }
    expect_identical(shown("auto"), shown(info$st_scale))
    info$st_scale
  }, "")
  expect_setequal(found, c("counts", "log"))
})

test_that("plotGene() gives the picture of Python", {
  skipWithoutPython()
  problem <- smallProblem()
  spe <- SpatialExperiment::SpatialExperiment(
    list(counts = problem$st), spatialCoords = problem$coords
  )
  logs <- inLogs(problem$st)
  dimnames(logs) <- dimnames(problem$st)
  imputed <- imputeGenes(mapCells(problem$sc, spe), problem$sc)
  plot <- plotGene(spe, imputed, "gene07")
  expect_equal(plot$data$value[1:8], unname(logs["gene07", ]))
  scores <- scoreGenes(logs, imputed)
  expect_identical(panels(plot), c("measured", sprintf(
    "imputed, gene of the map, PCC %.2f", scores$pcc[scores$gene == "gene07"]
  )))
})

test_that("plotTypes() draws pies whose slices are the proportions", {
  types <- smallTypes(5)
  plot <- plotTypes(types, unit = "um")
  expectDraws(plot)
  slices <- layer(plot, 1)
  area <- vapply(split(slices, slices$group), function(s) {
    abs(sum(s$x * c(s$y[-1], s$y[1]) - c(s$x[-1], s$x[1]) * s$y)) / 2
  }, 0)
  share <- as.vector(SummarizedExperiment::assay(types, "proportion"))
  share <- share[share > 0]
  expect_identical(length(area), length(share))
  # The arcs are polygons.
  expect_equal(unname(area / max(area)), share, tolerance = 0.01)
  expect_identical(plot$coordinates$ratio, 1)
  expect_equal(plot$data$proportion, as.vector(
    SummarizedExperiment::assay(types, "proportion")
  ))
  # Pies do not touch, and an empty spot has none.
  expect_lt(diff(range(slices$x[slices$group == 1])), 1)
  SummarizedExperiment::assay(types, "proportion")[, 2] <- NA
  expectDraws(plotTypes(types))
})

test_that("plotTypes() draws a panel for each type", {
  types <- smallTypes(12)
  plot <- plotTypes(types, "panels")
  expectDraws(plot)
  expect_identical(tabulate(layer(plot, 1)$PANEL), rep(12L, 3))
  expect_identical(levels(plot$data$type), c("glia", "neuron", "other"))
  glia <- plot$data[plot$data$type == "glia", ]
  expect_equal(glia$proportion, seq(0, 1, length.out = 12))
})

test_that("plotAgreement() draws a curve for every section", {
  demo <- demoData()
  map <- mapCells(demo$sc, demo$st, gene.weights = "spatial")
  sharpness <- mappingInfo(map)$sharpness
  plot <- plotAgreement(map)
  expect_identical(plot$data$power, as.vector(sharpness$powers))
  expect_identical(plot$data$agreement, as.vector(sharpness$agreement))
  expect_identical(unique(plot$data$best), sharpness$power)
  expect_equal(unique(rowData(map)$homespot_sharpness), sharpness$power)
  x <- SpatialExperiment::spatialCoords(demo$st)[, 1L]
  sides <- ifelse(x < stats::median(x), "left", "right")
  map <- mapCells(
    demo$sc, demo$st, gene.weights = "spatial", sections = sides
  )
  plot <- plotAgreement(map)
  expect_identical(unique(plot$data$part), c("left", "right"))
  expect_silent(ggplot2::ggplot_build(plot))
  expectRefused(
    plotAgreement(smallMap()), "agreement genes | 'by hand' | gene.weights",
    "\"spatial\""
  )
})

test_that("plotMarginals() draws the checks of the solver", {
  skipWithoutPython()
  problem <- smallProblem()
  map <- mapCells(problem$sc, problem$st, coords = problem$coords)
  plot <- plotMarginals(map)
  expectDraws(plot)
  solver <- mappingInfo(map)$solver
  expect_equal(
    unname(as.matrix(plot$data)), solver$errors, ignore_attr = TRUE
  )
  expect_match(plot$labels$subtitle, "^Converged after [0-9]+ iteration")
  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(map, path)
  expect_equal(plotMarginals(loadMapping(path))$data, plot$data)
  expectRefused(
    plotMarginals(smallMap()), "errors transport | 'by hand' | mapCells",
    "plotLosses()"
  )
})

scoreTable <- function(n = 60) {
  withr::with_seed(3, data.frame(
    gene = rep(paste0("g", seq_len(n)), 3), fold = 1L,
    method = rep(c("come", "ssa", "argmax"), each = n),
    pcc = stats::rnorm(3 * n, rep(c(0.6, 0.5, 0.5), each = n), 0.2),
    rmse = stats::rexp(3 * n)
  ))
}

test_that("plotScores() has the p-values of the paired one-sided test", {
  skipWithoutPython()
  table <- scoreTable()
  table <- table[sample(nrow(table)), ]
  table$pcc[table$gene == "g5" & table$method == "ssa"] <- NaN
  plot <- plotScores(table, c("pcc", "rmse"), reference = "come")
  expectDraws(plot)
  tests <- plot$layers[[3L]]$data
  wide <- function(metric, method) {
    part <- table[table$method == method, ]
    part[[metric]][match(paste0("g", 1:60), part$gene)]
  }
  for (metric in c("pcc", "rmse")) {
    for (method in c("ssa", "argmax")) {
      expected <- stats::wilcox.test(
        wide(metric, "come"), wide(metric, method), paired = TRUE,
        alternative = if (metric == "pcc") "greater" else "less",
        correct = FALSE
      )$p.value
      row <- tests[tests$metric == metric & tests$method == method, ]
      expect_equal(row$p, expected)
      expect_identical(row$label, sprintf("p = %.2g", expected))
      expect_equal(row$genes, 60 - (metric == "pcc" && method == "ssa"))
    }
  }
  expect_identical(
    tests$label[tests$method == "come"], c("reference", "reference")
  )
  expect_identical(sum(plot$data$metric == "pcc"), 179L)
})

test_that("plotScores() shows the table's scores, methods in its order", {
  skipWithoutPython()
  table <- scoreTable(30)
  plot <- plotScores(table)
  expectDraws(plot)
  expect_identical(levels(plot$data$method), c("come", "ssa", "argmax"))
  expect_identical(plot$data$score, table$pcc)
  box <- layer(plot, 2)
  expect_equal(
    box$middle, unname(c(tapply(table$pcc, plot$data$method, median)))
  )
  expectDraws(plotScores(table[table$method == "ssa", ]))
  same <- table
  same$pcc <- rep(table$pcc[1:30], 3)
  expect_identical(
    plotScores(same)$layers[[3L]]$data$label,
    c("reference", "no difference", "no difference")
  )
})

test_that("plotScores() agrees with SciPy", {
  skipWithoutPython()
  table <- scoreTable(70)
  ours <- plotScores(table)$layers[[3L]]$data$p[2L]
  out <- runPython(c(
    "from scipy.stats import wilcoxon",
    "a, b = (list(map(float, x.split())) for x in sys.argv[1:])",
    "print(repr(float(wilcoxon(a, b, alternative='greater').pvalue)))"
  ), paste(format(table$pcc[1:70], digits = 17), collapse = " "),
  paste(format(table$pcc[71:140], digits = 17), collapse = " "))
  expect_equal(ours, as.numeric(utils::tail(out, 1L)), tolerance = 1e-9)
})

test_that("plotConfidence() colours confident cells by their radius", {
  cells <- placed(
    homespot_radius = c(1, 2, 3, 4, 5, 6),
    homespot_confident = c(TRUE, FALSE, TRUE, TRUE, NA, TRUE)
  )
  plot <- plotConfidence(cells, jitter = 0, unit = "um")
  expectDraws(plot)
  data <- plot$data[match(colnames(cells), plot$data$name), ]
  expect_identical(data$radius, cells$homespot_radius)
  colour <- stats::setNames(layer(plot, 1)$colour, plot$data$name)
  expect_identical(
    colnames(cells) %in% names(colour)[colour == "grey80"],
    c(FALSE, TRUE, FALSE, FALSE, TRUE, FALSE)
  )
  # The others lie below.
  expect_identical(plot$data$confident, rep(c(FALSE, TRUE), c(2, 4)))
  expect_identical(
    plot$labels$subtitle, "4 of 6 cells are confident; the others are grey"
  )
})

test_that("plotCalibration() draws shares against levels, with intervals", {
  table <- data.frame(
    level = c(0.5, 0.8, 1), share = c(0.4, 0.9, 1), cells = 100
  )
  plot <- plotCalibration(table)
  expectDraws(plot)
  points <- layer(plot, 4)
  expect_identical(points$x, table$level)
  expect_identical(points$y, table$share)
  for (i in 1:3) {
    expect_equal(c(plot$data$low[i], plot$data$high[i]), as.vector(
      stats::prop.test(table$share[i] * 100, 100, correct = FALSE)$conf.int
    ))
  }
  expect_identical(layer(plot, 1)$slope, 1)
  expect_identical(plot$coordinates$ratio, 1)
  expect_identical(plot$coordinates$limits, list(x = c(0, 1), y = c(0, 1)))
})

test_that("plotColocation() draws the matrix as it stands", {
  types <- c("B", "A", "C")
  m <- matrix(c(1, 0.5, -0.2, 0.5, 1, NA, -0.2, NA, 1), 3,
    dimnames = list(types, types)
  )
  plot <- plotColocation(m)
  expectDraws(plot)
  expect_identical(plot$data$value, as.vector(m))
  expect_identical(levels(plot$data$to), types)
  expect_identical(levels(plot$data$from), rev(types))
  scale <- plot$scales$get_scales("fill")
  expect_identical(scale$limits, c(-1, 1))
  expect_identical(scale$name, "correlation")
  far <- plotColocation(abs(m) * 1000)
  expectDraws(far)
  expect_identical(far$scales$get_scales("fill")$name, "distance")
  expectDraws(plotColocation(as.data.frame(m)))
})

test_that("plots refuse what they cannot draw, and say why", {
  spe <- grid()
  expectRefused(
    plotSpots(spe, "g9"), "'g9' colData(x) | neither | 'area' 'layer'",
    "'sample_id' 'g1'"
  )
  expectRefused(
    plotSpots(spe, 1:3), "12 | 3 | colData(x)"
  )
  expectRefused(
    plotSpots(spe, stats::setNames(1:12, letters[1:12])),
    "values spots | 12 spot01 'spot02' 'spot03' | spot"
  )
  expectRefused(
    plotSpots(spe, "g1", assay.type = "logcounts"),
    "'logcounts' `x` | 'counts' 'imputed' | Name"
  )
  expectRefused(
    plotSpots(matrix(1, 2, 2), 1:2), "x SpatialExperiment CellMapping | 2 |",
    "object places"
  )
  expectRefused(
    plotSpots(CellMapping(mappingMatrix(smallMap())), 1:4),
    "spatialCoords(x) | none | three columns"
  )
  nowhere <- spe
  SpatialExperiment::spatialCoords(nowhere)[2, 1] <- NA
  expectRefused(
    plotSpots(nowhere, "area"), "finite coordinates | 1 ('spot02') | Drop"
  )
  expectRefused(
    plotSpots(spe, "area", size = 0), "size 0 | 0 | NULL"
  )
  expectRefused(
    plotSpots(spe, "area", unit = 1),
    "unit | 1 | Give"
  )
  expectRefused(
    plotSpots(spe[, 0], numeric()), "`x` | columns | Keep least"
  )
})

test_that("plots of cells and maps refuse what they cannot draw", {
  cells <- placed()
  expectRefused(
    plotCells(cells, "layer"), "'layer' | 'layer' | colData(tissue)"
  )
  cells$homespot_x <- NULL
  expectRefused(
    plotCells(cells, "type"), "'homespot_x' 'homespot_y' | none |",
    "placeCells()"
  )
  expectRefused(
    plotCells(placed(), "type", jitter = -1), "jitter 0 | -1 | NULL"
  )
  expectRefused(
    plotConfidence(placed()), "'homespot_radius' 'homespot_confident' |",
    "'homespot_radius' 'homespot_confident' | placeCells()"
  )
  map <- smallMap()
  expectRefused(
    plotMapping(map),
    "`cell` `label` | neither | Give"
  )
  expectRefused(
    plotMapping(map, cell = "c9"), "cell map | 'c9' | 'cell1' 'cell2'",
    "'cell3'"
  )
  expectRefused(
    plotMapping(map, label = "Z", labels = "cell_type"),
    "label cells | 'Z' | 'A' 'B'"
  )
  expectRefused(
    plotMapping(map, label = "A"), "labels cells | none | column label"
  )
})

test_that("plots of genes, types and tables refuse what they cannot draw", {
  spe <- grid()
  expectRefused(
    plotGene(spe, gene = "g9"), "'g9' `imputed` | 2 g1 'g2' | Impute check"
  )
  expectRefused(
    plotGene(spe[, 1], spe[, -1], "g1"), "`spe` `imputed` | 'spot01'",
    "'spot02' 'spot03' 'spot04' | Impute spots"
  )
  expectRefused(
    plotTypes(spe), "'proportion' `types` | 'counts' 'imputed' | Name"
  )
  expectRefused(
    plotTypes(smallTypes(10001)), "10000 | 10001 | kind panels"
  )
  negative <- smallTypes(3)
  SummarizedExperiment::assay(negative, "proportion")[1, 1] <- -0.5
  expectRefused(
    plotTypes(negative), "0 | -0.5 | deconvolveSpots()"
  )
  table <- scoreTable(5)
  expectRefused(
    plotScores(table, "r2"), "`metric` 'pcc' 'ssim' 'rmse' | 'r2' | several"
  )
  expectRefused(
    plotScores(table, "ssim"), "'gene' 'method' 'ssim' | 'ssim' | Add",
    "missing"
  )
  expectRefused(
    plotScores(table, reference = "x"), "reference 'come' 'ssa' 'argmax' |",
    "'x' | Use"
  )
  expectRefused(
    plotScores(rbind(table, table[1, ])), "gene method | 1 e.g 'g1' |",
    "Average repeated"
  )
  expectRefused(
    plotCalibration(data.frame(level = 50, share = 0.4, cells = 10)),
    "[0 1] | 1 | shares percentages"
  )
  expectRefused(
    plotColocation(diag(2)), "numeric matrix | 2 | dimnames"
  )
})
