# The images of a Seurat object: places of cells, and pictures of the tissue.

# Coordinates of the cells, x to the right, the image they are from, the first
# that has the cell, and what that says of the tissue (1, or 0 off it). Without
# images a reduction "spatial" is looked for.
.seuratPlaces <- function(x, cells) {
  image <- rep(NA_character_, length(cells))
  tissue <- rep(NA_integer_, length(cells))
  coords <- matrix(
    NA_real_, length(cells), 2L,
    dimnames = list(NULL, .keys$COORDINATES[seq_len(2L)])
  )
  times <- integer(length(cells))
  for (name in SeuratObject::Images(x)) {
    found <- .imagePlaces(x[[name]])
    at <- match(cells, rownames(found$coords))
    times <- times + !is.na(at)
    new <- is.na(image) & !is.na(at)
    coords[new, ] <- found$coords[at[new], ]
    image[new] <- name
    if (!is.null(found$tissue)) {
      tissue[new] <- found$tissue[at[new]]
    }
  }
  if (!all(is.na(image))) {
    return(list(
      coords = coords, image = image, tissue = tissue, times = times
    ))
  }
  if (.keys$SPATIAL %in% SeuratObject::Reductions(x)) {
    found <- SeuratObject::Embeddings(x, .keys$SPATIAL)
    coords <- unname(found[match(cells, rownames(found)), , drop = FALSE])
    list(coords = .coordinates(coords, NULL, length(cells))$values)
  }
}

# Cells by x and y, and whether they are on the tissue where the image says so.
.imagePlaces <- function(image) {
  tissue <- NULL
  if (is(image, "FOV")) {
    outlines <- SeuratObject::Boundaries(image)
    which <- if ("centroids" %in% outlines) {
      "centroids"
    } else {
      SeuratObject::DefaultBoundary(image)
    }
    places <- SeuratObject::GetTissueCoordinates(
      as(image[[which]], "Centroids"), full = FALSE
    )
    rownames(places) <- places$cell
    axes <- if (is(image, "VisiumV2") && !.isHorizontal(image)) {
      c("y", "x")
    } else {
      c("x", "y")
    }
  } else if (is(image, "VisiumV1")) {
    places <- image@coordinates
    axes <- c("imagecol", "imagerow")
    tissue <- places$tissue
  } else {
    places <- SeuratObject::GetTissueCoordinates(image, scale = NULL)
    axes <- c("x", "y")
  }
  list(coords = as.matrix(places[axes]), tissue = tissue)
}

# Whether x of a Visium's centroids is the column of the picture. It was the
# row, until Seurat 5.4, in which the image says what it is.
.isHorizontal <- function(image) {
  said <- attr(image, .orientation, exact = TRUE)
  if (length(said) == 0L) {
    said <- attr(image@scale.factors, .orientation, exact = TRUE)
  }
  length(said) == 1L && identical(as.character(said), "horizontal")
}

.orientation <- "coords_x_orientation"

# Before Seurat 5.4 the class has no such slot. Putting an image into an object
# sets its key, which makes it anew from the slots that there are, and so does
# UpdateSeuratObject(): what it said would be forgotten, and the tissue
# mirrored. What a slot holds stays.
#' @rawNamespace S3method(SeuratObject::"Key<-", VisiumV2)
`Key<-.VisiumV2` <- function(object, ..., value) { # nolint: object_name.
  said <- attr(object, .orientation, exact = TRUE)
  object <- NextMethod()
  if (length(said) && !.orientation %in% slotNames(object)) {
    attr(object, .orientation) <- said
    attr(object@scale.factors, .orientation) <- said
  }
  object
}

# Visium's pictures of the tissue, as imgData.
.seuratImages <- function(x) {
  tables <- lapply(SeuratObject::Images(x), function(name) {
    image <- x[[name]]
    if (.isVisium(image) && length(image@image)) {
      raster <- grDevices::as.raster(image@image)
      DataFrame(
        sample_id = name, image_id = "lowres",
        data = I(list(SpatialExperiment::SpatialImage(raster))),
        scaleFactor = Seurat::ScaleFactors(image)[["lowres"]]
      )
    }
  })
  .bindTables(tables)
}

.isVisium <- function(image) {
  inherits(image, c("VisiumV1", "VisiumV2"))
}

# Images have the samples of the cells that are in them; of several in one
# sample each keeps its name.
.ofSamples <- function(images, image, sample) {
  if (is.null(images)) {
    return(NULL)
  }
  pairs <- unique(data.frame(image = image, sample = as.character(sample)))
  pairs <- pairs[pairs$image %in% images$sample_id, ]
  if (nrow(pairs) == 0L) {
    return(NULL)
  }
  images <- images[match(pairs$image, images$sample_id), ]
  images$sample_id <- pairs$sample
  several <- pairs$sample %in% pairs$sample[duplicated(pairs$sample)]
  images$image_id[several] <- pairs$image[several]
  images
}

# --- as spatial data ---------------------------------------------------------

# What .side() has of a Seurat object beside its experiment: the Visium images
# by section, also those without a picture, and where else places and values may
# be.
.seuratTissue <- function(side, x, assay.type, which) {
  side$seurat <- TRUE
  side$seuratAssay <- .chosenAssay(x, assay.type)$name
  side$fixed <- is(x[[side$seuratAssay]], "Assay")
  side$hints <- function() .seuratHints(x, side$seuratAssay, side$assay, which)
  places <- .seuratPlaces(x, side$names)
  if (is.null(places)) {
    names <- setdiff(SeuratObject::Reductions(x), .keys$SPATIAL)
    side$reductions <- .fewColumns(lapply(
      stats::setNames(nm = names), function(name) {
        found <- SeuratObject::Embeddings(x, name)
        found[match(side$names, rownames(found)), , drop = FALSE]
      }
    ))
    return(side)
  }
  if (is.null(places$image)) {
    return(side)
  }
  side$inImages <-
    "unique(unlist(lapply(Images(%s), function(i) Cells(%s[[i]]))))"
  side$pictures <- .visiumSizes(x, places$image, side$data)
  side$twice <- side$names[which(places$times > 1L)]
  side
}

# Height, width and scale factor of Visium's pictures, or nothing of those that
# are not there, by the section or the sample of the cells that are in them.
.visiumSizes <- function(x, image, data) {
  section <- data[[.keys$SECTION]]
  if (is.null(section)) {
    section <- data$sample_id
  }
  pairs <- unique(data.frame(image = image, section = as.character(section)))
  pairs <- pairs[!is.na(pairs$image) & !is.na(pairs$section), ]
  pairs <- pairs[!duplicated(pairs$section), ]
  visium <- vapply(pairs$image, function(name) .isVisium(x[[name]]), NA)
  pairs <- pairs[visium, ]
  sizes <- lapply(pairs$image, function(name) {
    picture <- x[[name]]
    if (length(picture@image)) {
      as.list(as.double(c(
        dim(picture@image)[1:2], Seurat::ScaleFactors(picture)[["lowres"]]
      )))
    } else {
      list()
    }
  })
  stats::setNames(sizes, pairs$section)
}

# Of the spots of a map: a spot has one place.
.tellTwice <- function(side) {
  if (length(side$twice)) {
    .warn(sprintf(
      paste(
        "%d spot(s) lie in several images (%s); each is taken from the first",
        "of them. To use another, remove the first: st[[\"image\"]] <- NULL."
      ), length(side$twice), .some(side$twice)
    ))
  }
}
