# Seurat objects: what homespot knows of them. Verbs see one as the
# SpatialExperiment or SingleCellExperiment that is made of it here, and what
# they find is put back here. Seurat is suggested only: nothing is imported.

# Whether x is one, and then Seurat is loaded.
.isSeurat <- function(x) {
  # inherits() fails where the package of the class is missing.
  if (!identical(class(x)[1L], "Seurat")) {
    return(FALSE)
  }
  # It brings SeuratObject with it.
  .requirePackage("Seurat", "Seurat objects")
  TRUE
}

# Before R looks for the method of an object: without its class, which is in
# SeuratObject, it would fail with an error of its own.
.beforeMethod <- function(x) {
  if (!missing(x)) {
    .isSeurat(x)
  }
}

# --- out of a Seurat object --------------------------------------------------

# The cells of one layer with their expression, metadata and places; the assay
# has the name of the layer. Others than Seurat objects stay as they are.
.fromSeurat <- function(x, assay.type = NULL, side = "sce") {
  if (!.isSeurat(x)) {
    return(x)
  }
  layer <- .seuratLayer(x, assay.type, side)
  .seuratExperiment(
    x, colnames(layer$values),
    assays = stats::setNames(list(layer$values), layer$name),
    rowData = layer$genes
  )
}

# The same for verbs that look for an assay by its name later on.
.withAssay <- function(x, assay.type) {
  if (.isSeurat(x)) {
    x <- .fromSeurat(x, assay.type)
    # A column of this name does not stand in for a row then.
    assay.type <- if (!is.null(assay.type)) assayNames(x)
  }
  list(x = x, assay.type = assay.type)
}

# Proportions of types, of the assay that addMapping() made.
.seuratTypes <- function(x) {
  if (!.isSeurat(x)) {
    return(x)
  }
  x <- .fromSeurat(x, c("types", "data"))
  assayNames(x) <- "proportion"
  x[rownames(x) != "max", ]
}

# All cells, without any gene.
.seuratShell <- function(x) {
  if (.isSeurat(x)) .seuratExperiment(x, colnames(x)) else x
}

.seuratExperiment <- function(x, cells, ...) {
  data <- DataFrame(x[[]][cells, , drop = FALSE], check.names = FALSE)
  if (is.null(data$ident)) {
    data$ident <- unname(SeuratObject::Idents(x)[cells])
  }
  places <- .seuratPlaces(x, cells)
  if (is.null(places)) {
    return(SingleCellExperiment(..., colData = data))
  }
  if (is.null(data$sample_id)) {
    data$sample_id <- places$image
  }
  out <- SpatialExperiment(
    ..., colData = data, spatialCoords = places$coords
  )
  imgData(out) <- .ofSamples(.seuratImages(x), places$image, out$sample_id)
  out
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

# --- expression --------------------------------------------------------------

# Values (genes by cells, in the object's order) of the layer that `assay.type`
# names, by itself, by its assay, or by both.
.seuratLayer <- function(x, assay.type, side) {
  assays <- SeuratObject::Assays(x)
  name <- SeuratObject::DefaultAssay(x)
  layer <- assay.type
  if (length(layer) && layer[1L] %in% assays) {
    name <- layer[1L]
    layer <- layer[-1L]
  }
  assay <- x[[name]]
  there <- SeuratObject::Layers(assay)
  found <- if (length(layer) < 2L) .seuratLayers(there, layer)
  if (is.null(found)) {
    .refuse(
      sprintf("an assay or a layer %s in the Seurat object", .some(
        if (is.null(assay.type)) c("counts", "data") else assay.type
      )),
      sprintf(
        "the assays %s, and the layers %s of '%s'", .some(assays, 10L),
        .some(there, 10L), name
      ),
      sprintf(
        "Name an assay, a layer of '%s', or both, c(assay, layer), as %s.",
        SeuratObject::DefaultAssay(x), .what[[side]][["assay"]]
      )
    )
  }
  parts <- lapply(found$layers, function(part) {
    .readable(SeuratObject::LayerData(assay, layer = part), name, part)
  })
  values <- .joined(parts, rownames(assay))
  cells <- intersect(colnames(x), colnames(values))
  if (!identical(cells, colnames(values))) {
    values <- values[, cells, drop = FALSE]
  }
  genes <- DataFrame(assay[[]], check.names = FALSE)
  list(
    values = values, name = found$name,
    genes = genes[rownames(values), , drop = FALSE]
  )
}

# The layer of a name, or those that it is split into: counts.1, counts.2.
.seuratLayers <- function(there, layer) {
  for (name in if (length(layer)) layer else c("counts", "data")) {
    found <- if (name %in% there) {
      name
    } else {
      there[startsWith(there, paste0(name, "."))]
    }
    if (length(found)) {
      return(list(name = name, layers = found))
    }
  }
}

.readable <- function(values, assay, layer) {
  if (!is.matrix(values) && !is(values, "Matrix") &&
        !is(values, "DelayedMatrix")) {
    place <- sprintf("x[[\"%s\"]]$%s", assay, layer)
    .refuse(
      sprintf("%s as a matrix, sparse matrix or DelayedMatrix", place),
      .describe(values),
      sprintf(
        "Convert it first: %s <- as(%s, \"dgCMatrix\").", place, place
      )
    )
  }
  values
}

# Side by side; a gene that a part lacks is 0 there, as for JoinLayers().
.joined <- function(parts, genes) {
  if (length(parts) == 1L) {
    return(parts[[1L]])
  }
  names <- lapply(parts, rownames)
  if (length(unique(names)) > 1L) {
    genes <- intersect(genes, unlist(names))
    parts <- lapply(parts, function(part) {
      .spreadRows(part, match(genes, rownames(part)), genes)
    })
  }
  do.call(cbind, parts)
}

# --- places ------------------------------------------------------------------

# Coordinates of the cells, x to the right, and the image they are from: the
# first that has the cell. Without images a reduction "spatial" is looked for.
.seuratPlaces <- function(x, cells) {
  image <- rep(NA_character_, length(cells))
  coords <- matrix(
    NA_real_, length(cells), 2L,
    dimnames = list(NULL, .keys$COORDINATES[seq_len(2L)])
  )
  for (name in SeuratObject::Images(x)) {
    found <- .imagePlaces(x[[name]])
    at <- match(cells, rownames(found))
    new <- is.na(image) & !is.na(at)
    coords[new, ] <- found[at[new], ]
    image[new] <- name
  }
  if (!all(is.na(image))) {
    return(list(coords = coords, image = image))
  }
  if (.keys$SPATIAL %in% SeuratObject::Reductions(x)) {
    found <- SeuratObject::Embeddings(x, .keys$SPATIAL)
    coords <- unname(found[match(cells, rownames(found)), , drop = FALSE])
    list(coords = .coordinates(coords, NULL, length(cells)))
  }
}

# Cells by x and y. Visium's are pixels of the full image, the row first.
.imagePlaces <- function(image) {
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
    axes <- if (is(image, "VisiumV2")) c("y", "x") else c("x", "y")
  } else {
    places <- SeuratObject::GetTissueCoordinates(image, scale = NULL)
    axes <- if (is(image, "VisiumV1")) {
      c("imagecol", "imagerow")
    } else {
      c("x", "y")
    }
  }
  as.matrix(places[axes])
}

# Visium's pictures of the tissue, as imgData.
.seuratImages <- function(x) {
  tables <- lapply(SeuratObject::Images(x), function(name) {
    image <- x[[name]]
    if (inherits(image, c("VisiumV1", "VisiumV2")) && length(image@image)) {
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

# --- into a Seurat object ----------------------------------------------------

# The columns that begin with homespot_, and the record of the run.
.withSeuratColumns <- function(x, found) {
  table <- colData(found)
  own <- startsWith(names(table), paste0(.keys$HOMESPOT, "_"))
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
  if (is(values, "DelayedMatrix")) {
    .refuse(
      sprintf("'%s' in memory, for an assay of a Seurat object", name),
      .describe(values), "Bring it into memory first, or a part of it."
    )
  }
  # Totals of counts, which there are none of, are not to be added.
  old <- options(Seurat.object.assay.calcn = FALSE)
  on.exit(options(old))
  assay <- SeuratObject::CreateAssayObject(
    data = values, key = key, check.matrix = FALSE
  )
  # One of this name is replaced, whatever its size.
  SeuratObject::Misc(assay, .keys$HOMESPOT) <- TRUE
  suppressWarnings(x[[name]] <- assay, classes = "dimWarning")
  x
}

# A name in a Seurat object, and its key, is that of one thing only.
.freeForSeurat <- function(x, name, key, replaced) {
  keys <- SeuratObject::Key(x)
  taken <- setdiff(
    c(intersect(name, names(x)), names(keys)[keys == key]),
    intersect(name, replaced)
  )
  if (length(taken)) {
    .refuse(
      sprintf("the name '%s' and the key '%s' to be free", name, key),
      sprintf("that %s has one of them", .some(taken)),
      "Choose another name, or rename what is there."
    )
  }
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
  out <- .withSeuratColumns(out, placed)
  if (!is.null(reduction)) {
    places <- reducedDim(placed, reduction)[colnames(out), , drop = FALSE]
    colnames(places) <- paste0(key, seq_len(ncol(places)))
    out[[reduction]] <- SeuratObject::CreateDimReducObject(
      places, key = key, assay = SeuratObject::DefaultAssay(out), global = TRUE
    )
  }
  out
}
