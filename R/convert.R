# Matrices across the bridge: never made dense, never sorted again, and with
# their names beside them.

# A matrix of genes by cells, as its transpose, to Python: cells by genes.
.toPython <- function(x) {
  .there(".transposed", x)
}

setGeneric(".transposed", function(x) standardGeneric(".transposed"))

# R's columns are NumPy's rows: a view, without a copy. NA of a whole number
# or of a logical value is an ordinary value in Python; of a double it is NaN.
setMethod(".transposed", "matrix", function(x) {
  if (!is.double(x) && anyNA(x)) {
    storage.mode(x) <- "double"
  }
  reticulate::r_to_py(unname(x), convert = FALSE)$transpose()
})

# The slots of genes by cells in columns are those of cells by genes in rows.
setMethod(".transposed", "dgCMatrix", function(x) {
  .core()$csr(
    reticulate::np_array(x@x), reticulate::np_array(x@i),
    reticulate::np_array(x@p), ncol(x), nrow(x)
  )
})

# Sparse classes other than dgCMatrix become it; dense ones a matrix.
setMethod(".transposed", "Matrix", function(x) {
  if (is(x, "sparseMatrix")) {
    x <- as(as(as(x, "dMatrix"), "generalMatrix"), "CsparseMatrix")
    .transposed(x)
  } else {
    .transposed(as.matrix(x))
  }
})

setMethod(".transposed", "SparseMatrix", function(x) {
  .transposed(as(x, "dgCMatrix"))
})

# Not the numbers, but how to read them: in blocks of columns, as large as
# getAutoBlockSize() says, one at a time, when they are needed.
setMethod(".transposed", "DelayedMatrix", function(x) {
  grid <- colAutoGrid(x)
  sparse <- DelayedArray::is_sparse(x)
  widths <- vapply(seq_along(grid), function(i) ncol(grid[[i]]), 0L)
  read <- function(k) {
    k <- .fetch(k) + 1L
    tryCatch(
      .transposed(read_block(x, grid[[k]], as.sparse = sparse)),
      # Python would make another error of it on the way.
      error = function(e) conditionMessage(e)
    )
  }
  .core()$streamed(read, as.array(cumsum(widths)), rev(dim(x)), sparse = sparse)
})

# P from Python, cells by spots: float32 becomes double, exactly.
.fromPython <- function(result) {
  if (.isNone(result$get("csr"))) {
    return(.denseFromPython(result))
  }
  t(.turnedFromPython(result))
}

# Cells by genes of Python as genes by cells: the slots of the rows of the one
# are those of the columns of the other. A dense matrix comes turned already.
.turnedFromPython <- function(result) {
  csr <- result$get("csr")
  if (.isNone(csr)) {
    return(.denseFromPython(result))
  }
  part <- function(name) {
    values <- .fetch(csr$get(name))
    dim(values) <- NULL
    values
  }
  new("dgCMatrix",
    x = as.double(part("data")), i = as.integer(part("indices")),
    p = as.integer(part("indptr")), Dim = rev(as.integer(part("shape")))
  )
}

# Block of columns by block: never a whole copy between the two.
.denseFromPython <- function(result) {
  shape <- as.integer(.toR(result$get("shape")))
  none <- .fetch(.core()$columns(result, 0L, 0L))
  p <- matrix(vector(typeof(none), 1L), shape[1L], shape[2L])
  step <- max(1L, as.integer(2^21 / max(shape[1L], 1L)))
  for (start in seq.int(0L, by = step, length.out = ceiling(
    shape[2L] / step
  ))) {
    stop <- min(start + step, shape[2L])
    p[, (start + 1L):stop] <-
      .fetch(.core()$columns(result, start, stop))
  }
  .core()$release(result)
  p
}

# The way back, for verbs that read a map: cells by spots stay cells by spots.
.mapToPython <- function(p) {
  if (is(p, "DelayedMatrix")) {
    .toPython(.onDisk(t(p)))
  } else if (is.matrix(p)) {
    .arrayToPython(unname(p))
  } else {
    .toPython(t(as(p, "Matrix")))
  }
}

# As it is, for what is no table of genes.
.arrayToPython <- function(x) {
  .there(".asArray", x)
}

.asArray <- function(x) {
  reticulate::r_to_py(x, convert = FALSE)
}

# Named values of R as a dict, also where there are none.
.dict <- function(x) {
  .there(".newDict", x)
}

.newDict <- function(x) {
  do.call(reticulate::dict, c(x, list(convert = FALSE)))
}

# --- the two sides of a mapping ----------------------------------------------

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
  if (!is.null(assay.type)) {
    .refuse(
      sprintf("no `%s` for a matrix", what[["assay"]]),
      .describe(assay.type),
      "Leave it out, or give an object that has assays."
    )
  }
  .checkNumbers(x, what[["table"]])
  genes <- rownames(x)
  if (is.null(genes) || anyNA(genes)) {
    .refuse(
      sprintf("gene names as row names of the %s", what[["table"]]),
      if (is.null(genes)) "none" else "missing ones",
      "Set rownames(); rows are genes, columns are cells or spots."
    )
  }
  names <- colnames(x)
  if (is.null(names)) {
    names <- .namesByPlace(ncol(x), what[["column"]])
  }
  if (anyNA(names)) {
    .refuse(
      sprintf("names of all %ss", what[["column"]]),
      sprintf("%d missing", sum(is.na(names))), "Set colnames()."
    )
  }
  list(
    values = x, genes = genes, names = names, coords = NULL, images = NULL,
    data = make_zero_col_DFrame(ncol(x)), seurat = FALSE, bare = TRUE
  )
}

# A matrix on disk may have lost its file. Every package says so in its own
# words.
.onDisk <- function(expr) {
  tryCatch(expr, error = function(e) {
    said <- conditionMessage(e)
    file <- regmatches(said, regexec("['\"]([^'\"]*[/\\\\][^'\"]*)['\"]", said))
    file <- c(file[[1L]], NA, NA)[2L]
    gone <- !is.na(file) && !file.exists(file)
    .refuse(
      "a matrix that can be read", if (gone) {
        sprintf("no file '%s', in which it was", file)
      } else {
        sprintf("one that cannot be read (%s)", said)
      },
      if (gone) {
        "Put the file back to this place, or load the data again."
      } else {
        "Check the file that it is in."
      }
    )
  })
}

.checkNumbers <- function(x, table) {
  kind <- if (is(x, "sparseMatrix")) {
    "double"
  } else {
    .onDisk(DelayedArray::type(x))
  }
  if (!kind %in% c("double", "integer", "logical")) {
    .refuse(
      sprintf("numbers in the %s", table), sprintf("values of type %s", kind),
      "Convert them to numbers."
    )
  }
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

# What converters make of the tissue images in Python's uns["spatial"]: that
# they are there. Other entries are no images.
.convertedPictures <- function(x) {
  if (!is.list(x)) {
    return(NULL)
  }
  found <- Filter(function(one) {
    is.list(one) && any(vapply(
      one[intersect(names(one), c("images", "scalefactors"))], is.list, NA
    ))
  }, x)
  lapply(found[nzchar(names(found))], function(one) list())
}

# What the record of a run says of the spots' coordinates.
.ofCoordinates <- c("shared_frame", "y_direction", "y_down")

# Height, width and scale factor of the first image of every sample; nothing
# where it is not in memory, or has no scale.
.pictureSizes <- function(images) {
  if (NROW(images) == 0L) {
    return(NULL)
  }
  first <- !duplicated(images$sample_id)
  sizes <- Map(function(image, scale) {
    if (is(image, "LoadedSpatialImage") && isTRUE(is.finite(scale))) {
      as.list(c(as.double(dim(image)[1:2]), scale))
    } else {
      list()
    }
  }, as.list(images$data[first]), images$scaleFactor[first])
  stats::setNames(sizes, images$sample_id[first])
}

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
  if (!is.character(assay.type) || length(assay.type) != 1L ||
        !assay.type %in% known) {
    .refuse(
      sprintf("an assay %s in %s", .describe(assay.type), side),
      sprintf("the assays %s", .some(known, 10L)),
      sprintf(
        "Name one of these as %s, or leave it out to use %s.",
        .what[[side]][["assay"]],
        if ("counts" %in% known) "counts" else "the first"
      )
    )
  }
  assay.type
}

# Coordinates that the object has: spatialCoords, or what a converter makes of
# Python's obsm["spatial"].
.ownCoordinates <- function(x) {
  if (is(x, "SpatialExperiment") && ncol(spatialCoords(x)) > 0L) {
    # Their rows go by position: renaming the spots leaves the old names here.
    coords <- spatialCoords(x)
    rownames(coords) <- NULL
    return(coords)
  }
  if (is(x, "SingleCellExperiment") &&
        .keys$SPATIAL %in% reducedDimNames(x)) {
    coords <- as.matrix(reducedDim(x, .keys$SPATIAL))
    named <- !is.null(colnames(coords)) && !is.null(.axes(colnames(coords)))
    return(if (named) `rownames<-`(coords, NULL) else unname(coords))
  }
  NULL
}

# Other matrices that may hold coordinates.
.otherReductions <- function(x) {
  if (!is(x, "SingleCellExperiment")) {
    return(NULL)
  }
  names <- setdiff(reducedDimNames(x), c(.keys$SPATIAL, ""))
  .fewColumns(stats::setNames(
    lapply(names, function(name) reducedDim(x, name)), names
  ))
}

.fewColumns <- function(reductions) {
  few <- Filter(function(x) {
    length(dim(x)) == 2L && ncol(x) %in% 2:3 && is.numeric(x[0L, ])
  }, reductions)
  lapply(few, function(x) unname(as.matrix(x)))
}

# --- a side as Python's verbs take it ----------------------------------------

# With annotation of both sides, places, and what else says where spots lie.
# The numbers are R's own, or copied to fewer bytes where that loses nothing.
.experiment <- function(side, narrow = TRUE) {
  # Before anything is converted: reticulate would start a Python of its own
  # choice.
  .core()
  coords <- side$coords
  found <- length(coords) > 0L
  axes <- colnames(coords)
  # Which everybody writes, whatever they are.
  plain <- identical(axes, .keys$COORDINATES[seq_along(axes)])
  rows <- side$rows
  .call(
    "experiment", .toPython(side$values), side$names, side$genes,
    .columnsToPython(side$data, "table", identity),
    if (found) unname(coords),
    axes = if (found && !plain) as.list(axes),
    of_genes = if (length(rows)) .columnsToPython(rows, "genes", identity),
    reductions = if (!found) .dict(lapply(side$reductions, .arrayToPython)),
    images = .dict(side$pictures), record = .recordToPython(side$record),
    narrow = narrow
  )
}
