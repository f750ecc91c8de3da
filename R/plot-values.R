# What plots draw: places, and a value for each.

# Spots (or cells) with x and y, and the section or the sample of each.
.places <- function(x, name = "x") {
  .refuseIf(
    !is(x, "SpatialExperiment"), sprintf(paste(
      "`%s` to be a SpatialExperiment, a CellMapping or a Seurat object with",
      "images"
    ), name),
    .describe(x), "Give an object with places."
  )
  .refuseIf(
    ncol(x) == 0L, sprintf("something to draw in `%s`", name), "no columns",
    "Keep at least one."
  )
  coords <- .ordered(spatialCoords(x))
  .refuseIf(
    ncol(coords) < 2L, sprintf("coordinates in spatialCoords(%s)", name),
    "none", "Set them: one row for each spot, two or three columns."
  )
  .placesAt(coords, x)
}

.placesAt <- function(coords, x) {
  names <- colnames(x)
  if (is.null(names)) {
    names <- as.character(seq_len(ncol(x)))
  }
  rownames(coords) <- names
  bad <- which(rowSums(!is.finite(coords[, seq_len(2L), drop = FALSE])) > 0)
  .refuseIf(
    length(bad), "finite coordinates", sprintf(
      "missing or infinite ones of %d (%s)", length(bad), .some(names[bad])
    ),
    "Drop these first."
  )
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
  .refuseIf(
    length(values) != ncol(x) || !(is.atomic(values) || is.factor(values)),
    sprintf("one value for each of the %d spots, or one name", ncol(x)),
    .describe(values),
    "Give a vector, or name a column of colData(x) or a row of x."
  )
  if (is.null(names(values)) || is.null(colnames(x))) {
    return(values)
  }
  lost <- setdiff(colnames(x), names(values))
  .refuseIf(
    length(lost), "values of all spots, by name",
    sprintf("none for %d spots (%s)", length(lost), .some(lost)),
    "Name each by its spot, as colnames(x) has it."
  )
  values[colnames(x)]
}

.valuesNamed <- function(x, name, assay.type) {
  if (is.null(assay.type) && name %in% names(colData(x))) {
    return(.plainColumn(x, name))
  }
  .refuseIf(
    !name %in% rownames(x),
    sprintf("'%s' to be a column of colData(x) or a row of x", name), "neither",
    sprintf(
      "There are the columns %s and the rows %s.",
      .some(names(colData(x)), 5L), .some(rownames(x))
    )
  )
  .rowOf(x, name, assay.type)
}

.assayOf <- function(x, assay.type, name = "x") {
  there <- assayNames(x)
  if (is.null(assay.type)) {
    return(assay(x, 1L, withDimnames = FALSE))
  }
  .checkString(assay.type, "assay.type")
  .refuseIf(
    !assay.type %in% there, sprintf("an assay '%s' in `%s`", assay.type, name),
    if (length(there)) .some(there, 5L) else "none with a name",
    "Name one that is there."
  )
  assay(x, assay.type, withDimnames = FALSE)
}

# Sparse and delayed matrices give a vector for a row as well.
.rowOf <- function(x, row, assay.type, name = "x") {
  as.vector(.assayOf(x, assay.type, name)[match(row, rownames(x)), ])
}

.plainColumn <- function(x, name) {
  column <- colData(x)[[name]]
  .refuseIf(
    !is.atomic(column) && !is.factor(column) || !is.null(dim(column)),
    sprintf("plain values in column '%s' of colData", name), .describe(column),
    "Make it a vector or a factor first."
  )
  column
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
