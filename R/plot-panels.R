# Which spots or cells are drawn together, each section in a frame of its own.

# The section of every row of colData where there are several, else the sample.
.panelOf <- function(data) {
  section <- data[[.keys$SECTION]]
  if (is.null(section)) {
    section <- data$sample_id
  }
  if (is.null(section)) rep("1", nrow(data)) else as.character(section)
}

# The image of a section, or of its sample, as a row of imgData: of those with
# a scale, without which nobody knows where one lies; NULL where there is none.
.imageRow <- function(images, section, samples) {
  if (NROW(images) == 0L) {
    return(NULL)
  }
  known <- which(is.finite(images$scaleFactor))
  of <- images[known, c("sample_id", "image_id")]
  inSample <- of$sample_id %in% samples
  choices <- c(
    known[of$sample_id == section], known[inSample & of$image_id == section],
    known[inSample]
  )
  if (length(choices)) choices[1L]
}

# The picture of the tissue on which all spots of x lie, with its scale.
.pictureOf <- function(x) {
  row <- .imageRow(imgData(x), .panelOf(colData(x))[1L], unique(x$sample_id))
  if (!is.null(row)) {
    list(
      raster = SpatialExperiment::imgRaster(imgData(x)$data[[row]]),
      scale = imgData(x)$scaleFactor[row]
    )
  }
}

# Adds where every place is drawn, and whether y goes upwards there (1 or -1).
# Of several sections each lies about the origin of a panel, as their frames may
# be anywhere. The places of one are drawn as they are.
.inPanels <- function(data, x) {
  data$drawn_x <- data$x
  data$drawn_y <- data$y
  data$upwards <- 1
  if (nlevels(data$sample_id) > 1L) {
    middle <- function(values) {
      stats::ave(values, data$sample_id, FUN = function(v) mean(range(v)))
    }
    down <- vapply(levels(data$sample_id), function(section) {
      .isDown(x, section)
    }, NA)
    data$drawn_x <- data$x - middle(data$x)
    data$upwards <- ifelse(down[as.integer(data$sample_id)], -1, 1)
    data$drawn_y <- data$upwards * (data$y - middle(data$y))
  }
  data
}

# Whether the scale of y is: where there is one section, whose y points down.
.isReversed <- function(data, x) {
  nlevels(data$sample_id) == 1L && .isDown(x, levels(data$sample_id))
}

# Whether y points down in a section: the record of a run says so, or a tissue
# image, or names of coordinates that count rows.
.isDown <- function(x, section) {
  if (!is.null(.imageOf(x, section))) {
    return(TRUE)
  }
  record <- metadata(x)[[.keys$HOMESPOT]]
  if (is.list(record) && !is.null(record$y_direction)) {
    return(switch(as.character(record$y_direction),
      down = TRUE, mixed = section %in% as.character(record$y_down), FALSE
    ))
  }
  spatial <- is(x, "SpatialExperiment")
  names <- if (spatial) spatialCoordsNames(x)
  axes <- if (length(names)) .axes(names)
  (!is.null(axes) && axes$rows) ||
    (spatial && section %in% imgData(x)$sample_id)
}

# Row of imgData with the image of a section.
.imageOf <- function(x, section) {
  if (!.hasImages(x)) {
    return(NULL)
  }
  of <- .panelOf(colData(x)) == section
  .imageRow(imgData(x), section, unique(x$sample_id[of]))
}
