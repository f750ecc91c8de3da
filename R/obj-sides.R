# The two sides of a mapping.

# What a verb needs of an object: values (genes by columns), the name of their
# assay, names of genes and columns, annotation of both (`rows` of the genes),
# coordinates of the columns, and other reductions in which they may be; images,
# and the size and scale of those that are there, by section; what a result of
# homespot says of its coordinates; whether it is a Seurat object, or a bare
# matrix.
setGeneric(
  ".side",
  function(x, assay.type, side) {
    .beforeMethod(x)
    standardGeneric(".side")
  },
  signature = "x"
)

.what <- list(
  sc = c(
    table = "single-cell data", column = "cell", assay = "sc.assay.type"
  ),
  st = c(table = "spatial data", column = "spot", assay = "st.assay.type"),
  # Of a verb that has but one of them.
  sce = c(table = "single-cell data", column = "cell", assay = "assay.type"),
  x = c(table = "experiment", column = "column", assay = "assay.type")
)

.bareSide <- function(x, assay.type, side) {
  what <- .what[[side]]
  .refuseIf(
    !is.null(assay.type), sprintf("no `%s` for a matrix", what[["assay"]]),
    .describe(assay.type), "Leave it out, or give an object that has assays."
  )
  .checkNumbers(x, what[["table"]])
  genes <- rownames(x)
  .refuseIf(
    is.null(genes) || anyNA(genes),
    sprintf("gene names as row names of the %s", what[["table"]]),
    if (is.null(genes)) "none" else "missing ones",
    "Set rownames(); rows are genes, columns are cells or spots."
  )
  names <- colnames(x)
  if (is.null(names)) {
    names <- .namesByPlace(ncol(x), what[["column"]])
  }
  .refuseIf(
    anyNA(names), sprintf("names of all %ss", what[["column"]]),
    sprintf("%d missing", sum(is.na(names))), "Set colnames()."
  )
  list(
    values = x, genes = genes, names = names, coords = NULL, images = NULL,
    data = make_zero_col_DFrame(ncol(x)), seurat = FALSE, bare = TRUE
  )
}

setMethod(".side", "matrix", .bareSide)
setMethod(".side", "Matrix", .bareSide)
setMethod(".side", "DelayedMatrix", .bareSide)
setMethod(".side", "SparseMatrix", .bareSide)

setMethod(".side", "ANY", function(x, assay.type, side) {
  if (.isSeurat(x)) {
    # First, or a refusal would come as an error in finding the method.
    found <- .fromSeurat(x, assay.type, side)
    return(.seuratTissue(.side(found, NULL, side), x, assay.type, side))
  }
  .refuse(
    sprintf(
      "a matrix, a SummarizedExperiment or a Seurat object as %s",
      .what[[side]][["table"]]
    ),
    .describe(x),
    if (is.data.frame(x)) {
      "Convert it first: as.matrix()."
    } else {
      "Give genes in rows, and cells or spots in columns."
    }
  )
})

setMethod(".side", "SummarizedExperiment", function(x, assay.type, side) {
  name <- .assayName(x, assay.type, side)
  values <- .onDisk(assay(x, name, withDimnames = TRUE))
  if (is.null(rownames(values)) && ncol(rowData(x)) > 0L) {
    # The names may be in a column; these match none of another data set.
    rownames(values) <- sprintf("%s row %d", side, seq_len(nrow(x)))
  }
  out <- .bareSide(values, NULL, side)
  out$bare <- FALSE
  out$assay <- name
  out$rows <- rowData(x)
  out$data <- colData(x)
  out$coords <- .ownCoordinates(x)
  if (is(x, "SpatialExperiment")) {
    out$images <- imgData(x)
    out$pictures <- .pictureSizes(out$images)
  } else {
    out$pictures <- .convertedPictures(metadata(x)[[.keys$SPATIAL]])
  }
  out$reductions <- .otherReductions(x)
  out$hints <- function() .otherValues(x, name, side, assay.type)
  record <- metadata(x)[[.keys$HOMESPOT]]
  if (is.list(record)) {
    out$record <- record[intersect(.ofCoordinates, names(record))]
  }
  out
})

# What the record of a run says of the spots' coordinates.
.ofCoordinates <- c("shared_frame", "y_direction", "y_down")

# "counts" if there, else the first assay.
.assayName <- function(x, assay.type, side) {
  known <- assayNames(x)
  if (length(known) == 0L) {
    if (length(assays(x)) && is.null(assay.type)) {
      return(1L)
    }
    .refuse(
      sprintf("an assay in the %s", .what[[side]][["table"]]), "none",
      "Add one, for example counts."
    )
  }
  if (is.null(assay.type)) {
    return(if ("counts" %in% known) "counts" else known[1L])
  }
  .refuseIf(
    !is.character(assay.type) || length(assay.type) != 1L ||
      !assay.type %in% known,
    sprintf("an assay %s in %s", .describe(assay.type), side),
    sprintf("the assays %s", .some(known, 10L)), sprintf(
      "Name one of these as %s, or leave it out to use %s.",
      .what[[side]][["assay"]],
      if ("counts" %in% known) "counts" else "the first"
    )
  )
  assay.type
}
