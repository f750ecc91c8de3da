# Seurat objects: what homespot knows of them. Verbs see one as the
# SpatialExperiment or SingleCellExperiment that is made of it here; its images
# are read in seurat-images.R, and what verbs find is put back in seurat-into.R.
# Seurat is suggested only: nothing is imported.

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
  data <- .withImageColumns(data, places)
  out <- SpatialExperiment(
    ..., colData = data, spatialCoords = places$coords
  )
  imgData(out) <- .ofSamples(.seuratImages(x), places$image, out$sample_id)
  out
}

# The image of every cell as its sample, or as its section where the metadata
# has samples that do not tell the images apart.
.withImageColumns <- function(data, places) {
  image <- places$image
  if (is.null(image)) {
    return(data)
  }
  if (is.null(data$sample_id)) {
    data$sample_id <- image
  }
  known <- !is.na(image)
  pairs <- unique(data.frame(image, as.character(data$sample_id))[known, ])
  section <- data[[.keys$SECTION]]
  told <- !is.null(section) &&
    !anyDuplicated(unique(data.frame(image, section)[known, ])$section)
  if (length(unique(pairs$image)) > 1L && anyDuplicated(pairs[[2L]]) &&
        !told) {
    data[[.keys$SECTION]] <- image
  }
  if (is.null(data$in_tissue) && any(places$tissue == 0, na.rm = TRUE)) {
    data$in_tissue <- places$tissue
  }
  data
}

# --- expression --------------------------------------------------------------

# The assay and the layer that `assay.type` names, by the layer itself, by its
# assay, or by both.
.chosenAssay <- function(x, assay.type) {
  name <- SeuratObject::DefaultAssay(x)
  if (length(assay.type) && assay.type[1L] %in% SeuratObject::Assays(x)) {
    return(list(name = assay.type[1L], layer = assay.type[-1L]))
  }
  if (length(assay.type) < 2L) {
    name <- .wholeAssay(x, name, assay.type)
  }
  list(name = name, layer = assay.type)
}

# Values (genes by cells, in the object's order) of that layer.
.seuratLayer <- function(x, assay.type, side) {
  assays <- SeuratObject::Assays(x)
  chosen <- .chosenAssay(x, assay.type)
  name <- chosen$name
  layer <- chosen$layer
  assay <- x[[name]]
  there <- SeuratObject::Layers(assay)
  found <- if (length(layer) < 2L) .seuratLayers(there, layer)
  .refuseIf(
    is.null(found),
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
  .tellAssay(x, assay.type, name, side)
  parts <- lapply(found$layers, function(part) {
    .readable(SeuratObject::LayerData(assay, layer = part), name, part)
  })
  values <- .joined(parts, rownames(assay))
  cells <- intersect(colnames(x), colnames(values))
  .tellLostCells(x, cells, name, found$name, side)
  if (!identical(cells, colnames(values))) {
    values <- values[, cells, drop = FALSE]
  }
  genes <- DataFrame(assay[[]], check.names = FALSE)
  list(
    values = values, name = found$name,
    genes = genes[rownames(values), , drop = FALSE]
  )
}

# The default assay; or, where that has a part of the cells only, as a sketch
# has, one that has all cells, these genes, and the same layer.
.wholeAssay <- function(x, name, layer) {
  if (ncol(x[[name]]) == ncol(x)) {
    return(name)
  }
  wanted <- .seuratLayers(SeuratObject::Layers(x[[name]]), layer)$name
  whole <- Filter(function(other) {
    assay <- x[[other]]
    found <- .seuratLayers(SeuratObject::Layers(assay), layer)
    ncol(assay) == ncol(x) && identical(found$name, wanted) &&
      all(rownames(x[[name]]) %in% rownames(assay))
  }, setdiff(SeuratObject::Assays(x), name))
  if (length(whole) && !is.null(wanted)) whole[1L] else name
}

# That it is not the default assay which is used.
.tellAssay <- function(x, assay.type, name, side) {
  default <- SeuratObject::DefaultAssay(x)
  if (name == default || name %in% assay.type[1L]) {
    return(invisible())
  }
  .warn(sprintf(
    paste(
      "The default assay '%s' has %d of %d cells, so the assay '%s' is used,",
      "which has all of them. To use '%s', pass %s = \"%s\"."
    ), default, ncol(x[[default]]), ncol(x), name, default,
    .what[[side]][["assay"]], default
  ))
}

# Cells of the object that the layer does not have.
.tellLostCells <- function(x, cells, name, layer, side) {
  lost <- setdiff(colnames(x), cells)
  if (length(lost) == 0L) {
    return(invisible())
  }
  whole <- Filter(function(other) {
    found <- .seuratLayers(SeuratObject::Layers(x[[other]]), NULL)
    ncol(x[[other]]) == ncol(x) && !is.null(found)
  }, setdiff(SeuratObject::Assays(x), name))
  .warn(sprintf(
    "Left out %d of %d cells, which layer '%s' of assay '%s' lacks (%s). %s",
    length(lost), ncol(x), layer, name, .some(lost), if (length(whole)) {
      sprintf(
        "%s = \"%s\" has all of them.", .what[[side]][["assay"]], whole[1L]
      )
    } else {
      sprintf(
        "To keep them, choose another assay or layer as %s.",
        .what[[side]][["assay"]]
      )
    }
  ))
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

# Of a Seurat object the normalised values, or the prediction assay without its
# row of maxima.
.scoredSeurat <- function(x, assay.type, usual) {
  ofTypes <- usual == "proportion"
  if (is.null(assay.type)) {
    assay.type <- if (ofTypes) "types" else "data"
  }
  x <- .fromSeurat(x, assay.type)
  if (ofTypes) x[rownames(x) != "max", ] else x
}
