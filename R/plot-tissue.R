# What the plots share: the places of spots and cells, and how a tissue is
# drawn.

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
  .refuseIf(
    !is.numeric(size) || length(size) != 1L || !is.finite(size) || size <= 0,
    "`size` to be a number above 0, in mm", .describe(size),
    "Give such a number, or NULL."
  )
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
