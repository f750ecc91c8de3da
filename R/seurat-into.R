# What verbs find, put back into a Seurat object.

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
