# What the plots share: the places of spots and cells, and how a tissue is
# drawn.

# Colours that colour-blind readers can tell apart, those of the Python core:
# Okabe and Ito's eight, and eight more.
.palette <- c(
  "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
  "#000000", "#591A0D", "#0D1A8C", "#8C4033", "#331AD9", "#A6BF99", "#9973F2",
  "#664073", "#736673"
)

# For what is not known, or not relied on.
.grey <- "grey80"

# From so many points on they are drawn as one image.
.rasteriseFrom <- 20000L

# Width and height in mm, about, of the panel of a plot at R's usual 7 inches.
.panelSize <- c(140, 115)

# Dots per mm of points drawn as an image.
.dotsPerMm <- 10

.methodOf <- function(map) {
  method <- mappingInfo(map)$method
  if (is.null(method)) "unknown" else method
}

.requirePackage <- function(package, purpose) {
  if (!requireNamespace(package, quietly = TRUE)) {
    .refuse(
      sprintf("the R package %s, for %s", package, purpose),
      "that it is not installed",
      sprintf("Install it: install.packages(\"%s\").", package),
      "homespot_dependency_error"
    )
  }
}

# Spots (or cells) with x and y, and the section or the sample of each.
.places <- function(x, name = "x") {
  if (!is(x, "SpatialExperiment")) {
    .refuse(
      sprintf(paste(
        "`%s` to be a SpatialExperiment, a CellMapping or a Seurat object with",
        "images"
      ), name),
      .describe(x), "Give an object with places."
    )
  }
  if (ncol(x) == 0L) {
    .refuse(
      sprintf("something to draw in `%s`", name), "no columns",
      "Keep at least one."
    )
  }
  coords <- .ordered(spatialCoords(x))
  if (ncol(coords) < 2L) {
    .refuse(
      sprintf("coordinates in spatialCoords(%s)", name), "none",
      "Set them: one row for each spot, two or three columns."
    )
  }
  .placesAt(coords, x)
}

.placesAt <- function(coords, x) {
  names <- colnames(x)
  if (is.null(names)) {
    names <- as.character(seq_len(ncol(x)))
  }
  rownames(coords) <- names
  bad <- which(rowSums(!is.finite(coords[, seq_len(2L), drop = FALSE])) > 0)
  if (length(bad)) {
    .refuse(
      "finite coordinates", sprintf(
        "missing or infinite ones of %d (%s)", length(bad), .some(names[bad])
      ), "Drop these first."
    )
  }
  panel <- .panelOf(colData(x))
  .inPanels(data.frame(
    name = names, x = unname(coords[, 1L]), y = unname(coords[, 2L]),
    sample_id = factor(panel, unique(panel))
  ), x)
}

# A value of every spot: given, or a column of colData, or a row of an assay.
.valuesOf <- function(x, values, assay.type = NULL) {
  if (is.character(values) && length(values) == 1L && ncol(x) != 1L) {
    return(.valuesNamed(x, values, assay.type))
  }
  if (length(values) != ncol(x) || !(is.atomic(values) || is.factor(values))) {
    .refuse(
      sprintf("one value for each of the %d spots, or one name", ncol(x)),
      .describe(values),
      "Give a vector, or name a column of colData(x) or a row of x."
    )
  }
  if (is.null(names(values)) || is.null(colnames(x))) {
    return(values)
  }
  lost <- setdiff(colnames(x), names(values))
  if (length(lost)) {
    .refuse(
      "values of all spots, by name",
      sprintf("none for %d spots (%s)", length(lost), .some(lost)),
      "Name each by its spot, as colnames(x) has it."
    )
  }
  values[colnames(x)]
}

.valuesNamed <- function(x, name, assay.type) {
  if (is.null(assay.type) && name %in% names(colData(x))) {
    return(.plainColumn(x, name))
  }
  if (!name %in% rownames(x)) {
    .refuse(
      sprintf("'%s' to be a column of colData(x) or a row of x", name),
      "neither", sprintf(
        "There are the columns %s and the rows %s.",
        .some(names(colData(x)), 5L), .some(rownames(x))
      )
    )
  }
  .rowOf(x, name, assay.type)
}

.assayOf <- function(x, assay.type, name = "x") {
  there <- assayNames(x)
  if (is.null(assay.type)) {
    return(assay(x, 1L, withDimnames = FALSE))
  }
  .checkString(assay.type, "assay.type")
  if (!assay.type %in% there) {
    .refuse(
      sprintf("an assay '%s' in `%s`", assay.type, name),
      if (length(there)) .some(there, 5L) else "none with a name",
      "Name one that is there."
    )
  }
  assay(x, assay.type, withDimnames = FALSE)
}

# Sparse and delayed matrices give a vector for a row as well.
.rowOf <- function(x, row, assay.type, name = "x") {
  as.vector(.assayOf(x, assay.type, name)[match(row, rownames(x)), ])
}

.plainColumn <- function(x, name) {
  column <- colData(x)[[name]]
  if (!is.atomic(column) && !is.factor(column) || !is.null(dim(column))) {
    .refuse(
      sprintf("plain values in column '%s' of colData", name),
      .describe(column), "Make it a vector or a factor first."
    )
  }
  column
}

.needColumns <- function(x, columns, what, remedy) {
  lost <- setdiff(columns, names(x))
  if (length(lost)) {
    .refuse(
      sprintf("%s with %s", what, .columns(columns)),
      sprintf("none of %s", .some(lost, length(lost))), remedy
    )
  }
}

.columns <- function(names) {
  sprintf(
    "%s %s", ngettext(length(names), "the column", "the columns"),
    .some(names, length(names))
  )
}

# Text and logical values as a factor, in the order of its levels, or sorted.
.asLabel <- function(values) {
  if (is.factor(values)) {
    droplevels(values)
  } else {
    values <- as.character(values)
    factor(values, sort(unique(values), method = "radix"))
  }
}

# How far apart n places lie that are spread evenly over the area which the
# points take up: that of the squares with a point in them, about two places to
# a square.
.spacing <- function(data, n = nrow(data)) {
  width <- diff(range(data$drawn_x))
  height <- diff(range(data$drawn_y))
  if (width == 0 || height == 0) {
    return(max(width, height, (width == 0 && height == 0)) / n)
  }
  side <- 1.5 * sqrt(nlevels(data$sample_id) * width * height / n)
  squares <- data.frame(
    floor((data$drawn_x - min(data$drawn_x)) / side),
    floor((data$drawn_y - min(data$drawn_y)) / side),
    as.integer(data$sample_id)
  )
  key <- squares[[1L]] + 1e5 * squares[[2L]] + 1e10 * squares[[3L]]
  sqrt(length(unique(key)) * side^2 / n)
}

.extent <- function(data) {
  c(diff(range(data$drawn_x)), diff(range(data$drawn_y)))
}

# Millimetres per unit of the coordinates, where panels stand in a grid.
.millimetres <- function(data, panels = 1L) {
  columns <- ceiling(sqrt(panels))
  extent <- .extent(data)
  scale <- min((.panelSize / columns / extent)[extent > 0], Inf)
  if (is.finite(scale)) scale else 1
}

# Points that just about touch each other, between 0.1 and 8 mm; over an image,
# of which something is to be seen, smaller ones.
.pointSize <- function(places, x, size, panels) {
  if (is.null(size)) {
    share <- if (.hasImages(x)) 0.6 else 0.95
    distance <- .spacing(places) * .millimetres(places, panels)
    return(min(max(share * distance, 0.1), 8))
  }
  if (!is.numeric(size) || length(size) != 1L || !is.finite(size) ||
        size <= 0) {
    .refuse(
      "`size` to be a number above 0, in mm", .describe(size),
      "Give such a number, or NULL."
    )
  }
  size
}

# Points of a diameter in mm, as large as fits the places; many of them as an
# image, where scattermore is there to make it.
.points <- function(
    aesthetics, places, x, size = NULL, data = places,
    panels = nlevels(places$sample_id)) {
  size <- .pointSize(places, x, size, panels)
  if (nrow(data) < .rasteriseFrom || !.hasScattermore()) {
    # R's filled circle is three quarters as wide as its size.
    return(ggplot2::geom_point(
      aesthetics, data, shape = 16, stroke = 0, size = size / 0.75
    ))
  }
  pixels <- .extent(places) * .millimetres(places, panels) * .dotsPerMm
  scattermore::geom_scattermore(
    aesthetics, data,
    pixels = pmax(round(pixels), 16), pointsize = size * .dotsPerMm
  )
}

.hasScattermore <- function() {
  requireNamespace("scattermore", quietly = TRUE)
}

# A plot of a tissue: its image, the layers, and a scale bar, on equal axes;
# one panel for each section, and each level of the column `panel`.
.tissue <- function(data, layers, x, unit = NULL, panel = NULL) {
  images <- .images(x, data)
  panels <- nlevels(data$sample_id) *
    (if (is.null(panel)) 1L else nlevels(data[[panel]]))
  reversed <- .isReversed(data, x)
  scale <- if (reversed) {
    ggplot2::scale_y_reverse
  } else {
    ggplot2::scale_y_continuous
  }
  ggplot2::ggplot(data, ggplot2::aes(.data$drawn_x, .data$drawn_y)) +
    images + layers + .scaleBar(data, unit, panels, reversed) +
    .panels(data, panel) + scale() +
    ggplot2::coord_fixed(clip = if (length(images)) "on" else "off") +
    ggplot2::theme_bw() +
    ggplot2::theme(
      axis.text = ggplot2::element_blank(),
      axis.ticks = ggplot2::element_blank(),
      axis.title = ggplot2::element_blank(),
      panel.border = ggplot2::element_blank(),
      panel.grid = ggplot2::element_blank(),
      strip.background = ggplot2::element_blank()
    )
}

.panels <- function(data, panel) {
  several <- nlevels(data$sample_id) > 1L
  if (several && !is.null(panel)) {
    ggplot2::facet_grid(stats::reformulate(panel, "sample_id"))
  } else if (several) {
    ggplot2::facet_wrap("sample_id")
  } else if (!is.null(panel)) {
    ggplot2::facet_wrap(panel)
  }
}

.hasImages <- function(x) {
  is(x, "SpatialExperiment") && !is.null(imgData(x)) && nrow(imgData(x)) > 0L
}

# The image of every section that has one, where the coordinates, times its
# scale factor, are its pixels, counted from the top.
.images <- function(x, data) {
  images <- lapply(levels(data$sample_id), function(section) {
    row <- .imageOf(x, section)
    if (is.null(row)) {
      return(NULL)
    }
    raster <- SpatialExperiment::imgRaster(imgData(x)$data[[row]])
    size <- dim(raster) / imgData(x)$scaleFactor[row]
    # Image and points are in one panel. What the layer takes is on the scale,
    # which is reversed where there is one section.
    first <- data[match(section, data$sample_id), ]
    left <- first$drawn_x - first$x
    top <- if (.isReversed(data, x)) 0 else first$y + first$drawn_y
    ggplot2::layer(
      data = data.frame(sample_id = first$sample_id),
      mapping = NULL, stat = "identity", position = "identity",
      geom = ggplot2::GeomRasterAnn, inherit.aes = FALSE,
      params = list(
        raster = raster, xmin = left, xmax = left + size[2L],
        ymin = top - size[1L], ymax = top, interpolate = TRUE
      )
    )
  })
  Filter(Negate(is.null), images)
}

# A bar of a round length, up to a third of the tissue's width, below it.
.scaleBar <- function(data, unit, panels, reversed) {
  width <- .extent(data)[1L]
  if (is.null(unit) || width == 0) {
    return(NULL)
  }
  .checkString(unit, "unit")
  magnitude <- 10^floor(log10(width / 3))
  steps <- c(1, 2, 5) * magnitude
  length <- max(steps[steps <= width / 3 * (1 + 1e-9)])
  # In mm on paper, whatever the tissue.
  mm <- 1 / .millimetres(data, panels)
  down <- if (reversed) mm else -mm
  edge <- if (reversed) max(data$drawn_y) else min(data$drawn_y)
  right <- max(data$drawn_x)
  at <- edge + 5 * down
  list(
    # The space that the bar and its text take.
    ggplot2::annotate(
      "rect", xmin = right - length - mm, xmax = right + mm,
      ymin = at - down, ymax = at + 6 * down, fill = "white"
    ),
    ggplot2::annotate(
      "segment", x = right - length, xend = right, y = at, yend = at,
      linewidth = 0.8
    ),
    ggplot2::annotate(
      "text", x = right - length / 2, y = at + 1 * down, vjust = 1, size = 3,
      label = paste(format(length, big.mark = ",", scientific = FALSE), unit)
    )
  )
}

# The largest labels have the colours, in the order of the levels; the others
# are grey, and stand together in the legend.
.labelScale <- function(
    labels, name, aesthetic = "colour", sizes = tabulate(labels)) {
  large <- sort(utils::head(
    order(-sizes, method = "radix"), length(.palette)
  ))
  own <- levels(labels)[large]
  others <- setdiff(levels(labels), own)
  values <- c(
    stats::setNames(.palette[seq_along(own)], own),
    stats::setNames(rep(.grey, length(others)), others)
  )
  text <- if (length(others)) sprintf("other (%d labels)", length(others))
  ggplot2::scale_colour_manual(
    name = name, values = values, breaks = c(own, utils::head(others, 1L)),
    labels = c(own, text), limits = levels(labels), na.value = .grey,
    aesthetics = aesthetic, guide = if (aesthetic == "colour") {
      # Points that can be seen.
      ggplot2::guide_legend(override.aes = list(size = 4))
    } else {
      "legend"
    }
  )
}

.valueScale <- function(name, ...) {
  ggplot2::scale_colour_viridis_c(name = name, na.value = .grey, ...)
}

# Colours that fit the values: labels, or numbers.
.scaleOf <- function(values, name) {
  if (is.numeric(values)) {
    .valueScale(name)
  } else {
    .labelScale(values, name)
  }
}

# An order that mixes what lies together, the same each time, and leaves R's
# random numbers alone: multiples of the golden ratio.
.mixed <- function(n) {
  order((seq_len(n) * 0.6180339887498949) %% 1)
}
