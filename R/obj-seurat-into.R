# What verbs find, put back into a Seurat object.

# The columns that begin with homespot_, and the record of the run.
.withSeuratColumns <- function(x, found) {
  table <- colData(found)
  own <- startsWith(names(table), paste0(.keys$HOMESPOT, "_"))
  # Of another map, which had several sections.
  for (name in setdiff(c(.keys$SECTION, .keys$SECTION_PROB), names(table))) {
    x@meta.data[[name]] <- NULL
  }
  x <- SeuratObject::AddMetaData(x, as.data.frame(table[own]))
  # Misc<- warns of a record that was there.
  x@misc[[.keys$HOMESPOT]] <- metadata(found)[[.keys$HOMESPOT]]
  x
}

# The map, and what follows from it, as assays whose features are spots, cells,
# genes or types.
.addToSeurat <- function(x, map) {
  found <- .seuratShell(x)
  found <- addMapping(found, map)
  out <- .withSeuratColumns(x, found)
  if (is(map, "CellMapping") && all(rownames(map) %in% colnames(x))) {
    out <- .withSeuratImages(out, map)
  }
  if (.keys$HOMESPOT %in% reducedDimNames(found)) {
    p <- reducedDim(found, .keys$HOMESPOT)
    out <- .withSeuratAssay(out, .keys$HOMESPOT, t(p))
  }
  for (name in SingleCellExperiment::altExpNames(found)) {
    result <- altExp(found, name)
    values <- assay(result, 1L)
    key <- name
    if (name %in% .predictions) {
      # As TransferData() makes it.
      values <- rbind(values, max = apply(values, 2L, max))
      key <- paste0("predictionscore", name)
    }
    out <- .withSeuratAssay(out, name, values, key)
  }
  out
}

.withSeuratAssay <- function(x, name, values, key = name) {
  key <- .seuratKey(key)
  own <- Filter(function(other) {
    isTRUE(SeuratObject::Misc(x[[other]], .keys$HOMESPOT))
  }, SeuratObject::Assays(x))
  .freeForSeurat(x, name, key, own)
  .refuseIf(
    is(values, "DelayedMatrix"),
    sprintf("'%s' in memory, for an assay of a Seurat object", name),
    .describe(values), "Bring it into memory first, or a part of it."
  )
  # Totals of counts, which there are none of, are not to be added.
  old <- options(Seurat.object.assay.calcn = FALSE)
  on.exit(options(old))
  # Seurat's own message names neither the features nor the assay.
  features <- rownames(values)
  rownames(values) <- gsub("_", "-", features, fixed = TRUE)
  assay <- SeuratObject::CreateAssayObject(
    data = values, key = key, check.matrix = FALSE
  )
  .tellFeatureNames(name, features, rownames(assay))
  # One of this name is replaced, whatever its size.
  SeuratObject::Misc(assay, .keys$HOMESPOT) <- TRUE
  suppressWarnings(x[[name]] <- assay, classes = "dimWarning")
  x
}

# Seurat has no "_" in the names of an assay's features.
.tellFeatureNames <- function(name, features, there) {
  other <- which(features != there)
  if (length(other)) {
    .warn(sprintf(
      paste(
        "%d feature(s) of assay '%s' are called with '-' in place of '_',",
        "which Seurat does not allow there ('%s' is '%s'). To find one, use",
        "gsub(\"_\", \"-\", name)."
      ), length(other), name, features[other[1L]], there[other[1L]]
    ))
  }
}

# A name in a Seurat object, and its key, is that of one thing only.
.freeForSeurat <- function(x, name, key, replaced) {
  keys <- SeuratObject::Key(x)
  taken <- setdiff(
    c(intersect(name, names(x)), names(keys)[keys == key]),
    intersect(name, replaced)
  )
  .refuseIf(
    length(taken),
    sprintf("the name '%s' and the key '%s' to be free", name, key),
    sprintf("that %s has one of them", .some(taken)),
    "Choose another name, or rename what is there."
  )
}

.seuratKey <- function(name) {
  SeuratObject::Key(name, quiet = TRUE)
}

# The mapped cells of a Seurat object, in its order, with their places.
.placeInSeurat <- function(
    map, x, position, k, level, max.radius, reduction) {
  if (!is.null(reduction)) {
    key <- .seuratKey(.checkString(reduction, "reduction"))
    .freeForSeurat(x, reduction, key, SeuratObject::Reductions(x))
  }
  placed <- .seuratShell(x)
  placed <- placeCells(
    map, placed, NULL, position, k, level, max.radius, reduction
  )
  # What it does not check between its steps it says.
  out <- suppressWarnings(
    subset(x, cells = colnames(placed)), classes = "validationWarning"
  )
  # Its images are of another tissue.
  out@images <- list()
  out <- .withSeuratImages(.withSeuratColumns(out, placed), map)
  if (!is.null(reduction)) {
    places <- reducedDim(placed, reduction)[colnames(out), , drop = FALSE]
    colnames(places) <- paste0(key, seq_len(ncol(places)))
    out[[reduction]] <- SeuratObject::CreateDimReducObject(
      places, key = key, assay = SeuratObject::DefaultAssay(out), global = TRUE
    )
  }
  out
}

# --- images ------------------------------------------------------------------

# Where the object says which images are homespot's.
.imagesKey <- "homespot_images"

# An image for every section of the map, with the cells that have their place in
# it, as SpatialDimPlot() and ImageDimPlot() want them: Visium's class where
# there is a picture of the tissue, else a field of view. It has two dimensions.
.withSeuratImages <- function(x, map) {
  x@images[intersect(x@misc[[.imagesKey]], names(x@images))] <- NULL
  x@misc[[.imagesKey]] <- NULL
  if (ncol(spatialCoords(map)) != 2L) {
    return(x)
  }
  home <- match(x[[.keys$SPOT]][[1L]], colnames(map))
  section <- .panelOf(colData(map))
  cells <- split(
    which(!is.na(home)), factor(section[home], unique(section))[!is.na(home)],
    drop = TRUE
  )
  added <- character()
  for (name in names(cells)) {
    at <- cells[[name]]
    places <- as.data.frame(x[[.keys$POSITIONS[seq_len(2L)]]])[at, ]
    dimnames(places) <- list(colnames(x)[at], c("x", "y"))
    own <- .freeImageName(x, name)
    image <- .seuratImage(
      places, map[0L, which(section == name)], SeuratObject::DefaultAssay(x),
      own$key
    )
    x[[own$name]] <- image
    added <- c(added, own$name)
  }
  x@misc[[.imagesKey]] <- added
  x
}

# A name and a key that nothing in the object has.
.freeImageName <- function(x, name) {
  name <- make.names(name)
  taken <- function(name) {
    name %in% names(x) || .seuratKey(name) %in% SeuratObject::Key(x)
  }
  for (free in c(name, paste0(.keys$HOMESPOT, ".", name))) {
    if (!taken(free)) {
      break
    }
  }
  list(name = free, key = .seuratKey(free))
}

# `spots` is the part of the map that lies in the section, without cells.
.seuratImage <- function(places, spots, assay, key) {
  where <- .ordered(spatialCoords(spots))
  # Several cells share a spot, so they are smaller.
  size <- 0.5 * .spacing(data.frame(
    drawn_x = where[, 1L], drawn_y = where[, 2L], sample_id = factor(1L)
  ))
  picture <- .pictureOf(spots)
  class <- methods::getClass("VisiumV2", where = asNamespace("Seurat"))
  horizontal <- .orientation %in% names(class@slots)
  if (!is.null(picture) && !horizontal) {
    # As this version of Seurat has them, the row first.
    places <- data.frame(x = places$y, y = places$x, row.names = row.names(
      places
    ))
  }
  fov <- SeuratObject::CreateFOV(
    places, type = "centroids", radius = size, assay = assay, key = key
  )
  if (is.null(picture)) {
    return(fov)
  }
  pixels <- .pixels(picture$raster)[, , seq_len(3L)] / 255
  image <- new(
    class, boundaries = fov@boundaries, molecules = fov@molecules,
    assay = assay, key = key, image = pixels,
    scale.factors = Seurat::scalefactors(
      spot = size, fiducial = size, hires = picture$scale,
      lowres = picture$scale
    )
  )
  if (horizontal) {
    attr(image, .orientation) <- "horizontal"
  }
  image
}
