#' AnnData files
#'
#' @description
#' `writeAnnData()` writes an experiment as an AnnData file (.h5ad), which
#' Python's anndata, scanpy and squidpy read, and `homespot` on the command
#' line.
#' `readAnnData()` reads such a file, written by it or by Python, and other
#' forms that Python's users have.
#' What was written comes back as it was.
#'
#' @param x A SummarizedExperiment, SingleCellExperiment or SpatialExperiment
#'   of genes by cells or spots.
#'   A map has a format of its own: see [saveMapping()].
#' @param path Path of the file; it ends in `.h5ad`.
#'   An existing file is replaced, and the new one appears whole or not at all.
#'   `readAnnData()` takes a zarr folder as well (of AnnData, or the table of a
#'   SpatialData), and, where the Python has scanpy, what Cell Ranger and Space
#'   Ranger write: the `.h5` file, the folder with `matrix.mtx`, the folder
#'   `outs`.
#'   The content decides, and not the ending.
#' @param assay.type Name of the assay that becomes X.
#'   `NULL`: `"X"`, as files of Python are read, else `"counts"` if there, else
#'   the first.
#'
#' @return `writeAnnData()`: `path`, invisibly.
#'   `readAnnData()`: a SpatialExperiment if the file has `obsm["spatial"]` or
#'   images in `uns["spatial"]`, else a SingleCellExperiment.
#'
#' @section What goes where:
#' Python has cells (or spots) in rows and genes in columns.
#'
#' | R | AnnData |
#' |---|---|
#' | one assay, the other assays | `X`, `layers` |
#' | colData with `sample_id`, rowData | `obs`, `var` |
#' | matrices in rowData | `varm` |
#' | reducedDims | `obsm` |
#' | spatialCoords | `obsm["spatial"]` |
#' | colPairs, rowPairs | `obsp`, `varp` |
#' | imgData | `uns["spatial"][sample_id]` |
#' | altExps | `uns["altExps"][name]`, the arguments of an AnnData |
#' | metadata | `uns` |
#'
#' Images are where scanpy has them: `images[image_id]`, and their scale factors
#' as `scalefactors["tissue_<image_id>_scalef"]`.
#' Names and order of all these, the names of the coordinates, and what was
#' text and not a factor stand in `uns["homespot_experiment"]`, from which
#' `readAnnData()` restores them; other readers need not know it.
#' A "/" in the name of an assay, a column and so on, which AnnData does not
#' allow, is "_" in the file, and the name "_index" is "index".
#' Factors keep their levels and order, logical values and whole numbers their
#' missing ones.
#' Matrices stay dense or sparse as they are; a DelayedMatrix is written block
#' by block and comes back in memory.
#' Images are written as pixels, also those that were kept as a path or a URL.
#' Of colPairs and rowPairs the first column of values is kept, as numbers.
#' An Rle comes back as a plain vector, a SummarizedExperiment as a
#' SingleCellExperiment.
#' What AnnData has no place for (lists without names, functions, dates,
#' genomic ranges, attributes of reducedDims) is left out with one warning that
#' names it.
#'
#' @section Files of Python:
#' X becomes the assay `"X"`, or there is none where X is None.
#' `raw` becomes the altExp `"raw"`.
#' Without a column `sample_id` the sample is the one that `uns["spatial"]` has,
#' or, of several, what the first column says that has all their names.
#' Metadata of the images (such as `spot_diameter_fullres`), and what stands
#' beside the samples (`is_single` of CELLxGENE), is in `metadata(x)$spatial`,
#' from where it goes back.
#'
#' @section Other ways to Python:
#' Other readers (zellkonverter, anndataR) open the file as well.
#' anndata2ri, which carries objects over in memory (rpy2), takes nothing but a
#' plain SingleCellExperiment, and of it leaves out altExps, colPairs and
#' rowPairs; spatialCoords and images have no place there, a DelayedMatrix and
#' a matrix in colData are errors.
#' Write a file for these.
#' Or put them where it finds them: coordinates as
#' `reducedDim(sce, "spatial")` of `sce <- as(spe, "SingleCellExperiment")`,
#' and an altExp as an object of its own.
#' In Python `ad.AnnData(**adata.uns["altExps"]["name"])` is the alternative
#' experiment.
#'
#' @section Errors and warnings:
#' Of class `homespot_input_error` if the path has another ending or its
#' folder is not there, `x` is no such object, or the file cannot be read.
#' Of class `homespot_data_warning` for what is left out.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' path <- tempfile(fileext = ".h5ad")
#' writeAnnData(demo$st, path)
#' readAnnData(path)
#'
#' @export
writeAnnData <- function(x, path, assay.type = NULL) {
  .requireExperiment(x)
  path <- path.expand(.checkString(path, "path"))
  .call("check_anndata_path", path, .filesOf(x))
  account <- .newAccount()
  .call("write_anndata", path, .experimentToPython(x, assay.type, account))
  .warnLeft(account, "the file")
  invisible(path)
}

# The files that matrices of experiments or maps are still in.
.filesOf <- function(...) {
  matrices <- unlist(lapply(list(...), function(x) {
    beside <- if (is(x, "SingleCellExperiment") && !is(x, "CellMapping")) {
      SingleCellExperiment::altExps(x)
    }
    inner <- lapply(c(list(x), as.list(beside)), function(one) {
      if (is(one, "SummarizedExperiment")) as.list(assays(one))
    })
    unlist(inner, recursive = FALSE)
  }), recursive = FALSE)
  delayed <- Filter(function(x) is(x, "DelayedArray"), matrices)
  as.list(unique(unlist(lapply(delayed, DelayedArray::seedApply, .fileOf))))
}

# None of a seed that is in memory.
.fileOf <- function(seed) {
  tryCatch(DelayedArray::path(seed), error = function(e) NULL)
}

.requireExperiment <- function(x) {
  .refuseIf(
    !is(x, "SummarizedExperiment") || is(x, "CellMapping"), paste(
      "a SummarizedExperiment, SingleCellExperiment or SpatialExperiment",
      "as `x`"
    ),
    .describe(x), if (is(x, "CellMapping")) {
      "Use saveMapping()."
    } else if (inherits(x, "Seurat")) {
      "Convert it first: Seurat::as.SingleCellExperiment()."
    } else {
      "Put it into one first."
    }
  )
}

.warnLeft <- function(account, of) {
  if (length(account$left)) {
    .warn(sprintf(
      "Left out of %s, which has no place for them: %s.", of,
      paste(account$left, collapse = ", ")
    ))
  }
}

# An experiment as what an AnnData is made of: Python object.
.experimentToPython <- function(x, assay.type, account) {
  if (!is(x, "SingleCellExperiment")) {
    x <- as(x, "SingleCellExperiment")
  }
  # The pieces are noted in this order.
  tables <- .tablesToPython(x, account)
  matrices <- .assaysToPython(x, assay.type, account)
  others <- list(
    obsm = .dict(.embeddingsToPython(x, account)),
    obsp = .dict(.pairsToPython(colPairs(x), "obsp", account)),
    varp = .dict(.pairsToPython(rowPairs(x), "varp", account)),
    alternatives = .dict(.altExpsToPython(x, account)),
    uns = .metadataToPython(x, account)
  )
  record <- .recordToPython(.recordOf(account, x))
  do.call(.call, c(
    list("anndata_parts"), matrices, tables, others, list(record = record)
  ))
}

.tablesToPython <- function(x, account) {
  allNames <- function(names, where, n) {
    if (is.null(names)) {
      .noteAll(account, where, "", "unnamed")
      names <- as.character(seq_len(n) - 1L)
    }
    as.list(names)
  }
  rows <- rowData(x)
  if (.hasRanges(x)) {
    .noteLeft(account, "rowRanges")
  }
  matrices <- vapply(as.list(rows), function(column) {
    length(dim(column)) == 2L && (is.numeric(column) || is.logical(column))
  }, NA)
  keys <- .noteAll(account, "varm", names(rows)[matrices])
  varm <- Map(function(column, key) {
    .noteColumns(account, "varm", key, colnames(column))
    .mapToPython(column)
  }, unname(as.list(rows[matrices])), keys)
  list(
    obs = .notedColumns(colData(x), account, "obs", "colData"),
    obs_names = allNames(colnames(x), "obs", ncol(x)),
    var = .notedColumns(rows[!matrices], account, "var", "rowData"),
    var_names = allNames(rownames(x), "var", nrow(x)),
    varm = .dict(stats::setNames(varm, keys))
  )
}

# Of a SingleCellExperiment's own making they are empty.
.hasRanges <- function(x) {
  ranges <- if (is(x, "RangedSummarizedExperiment")) {
    SummarizedExperiment::rowRanges(x)
  }
  is(ranges, "GenomicRanges") || sum(lengths(ranges)) > 0L
}

.assaysToPython <- function(x, assay.type, account) {
  names <- assayNames(x)
  if (is.null(names)) {
    names <- rep("", length(assays(x)))
  }
  if (length(names) == 0L) {
    return(list(x = NULL, layers = .dict(list())))
  }
  if (is.null(assay.type) && "X" %in% names) {
    assay.type <- "X"
  }
  first <- .assayName(x, assay.type, "x")
  first <- if (is.character(first)) match(first, names) else first
  keys <- replace(names, first, "X")
  keys[-first] <- make.unique(c("X", gsub("/", "_", names[-first])), "_")[-1L]
  .noteAll(account, "layers", names)
  account$key[account$where == "layers"] <- keys
  matrices <- lapply(seq_along(names), function(i) {
    values <- assay(x, i, withDimnames = FALSE)
    .checkNumbers(values, sprintf("assay %s", .describe(names[i])))
    .toPython(values)
  })
  list(
    x = matrices[[first]],
    layers = .dict(stats::setNames(matrices, keys)[-first])
  )
}

.embeddingsToPython <- function(x, account) {
  spatial <- is(x, "SpatialExperiment")
  found <- reducedDims(x, withDimnames = FALSE)
  keys <- .noteAll(
    account, "obsm", names(found),
    taken = if (spatial) .keys$SPATIAL else character()
  )
  out <- list()
  for (i in seq_along(keys)) {
    what <- sprintf("reducedDim '%s'", names(found)[i])
    values <- found[[i]]
    if (!is.matrix(values) && !is(values, "Matrix") || is.character(values)) {
      .noteLeft(account, what)
      next
    }
    beside <- if (is.matrix(values)) {
      setdiff(names(attributes(values)), c("dim", "dimnames"))
    }
    if (length(beside)) {
      .noteLeft(account, sprintf("attributes of %s (%s)", what, .some(beside)))
    }
    .noteColumns(account, "obsm", keys[i], colnames(values))
    out[[keys[i]]] <- .mapToPython(values)
  }
  if (spatial) {
    .noteColumns(account, "obsm", .keys$SPATIAL, spatialCoordsNames(x))
    out[[.keys$SPATIAL]] <- .mapToPython(unname(spatialCoords(x)))
  }
  out
}

# Pairs as a sparse matrix of from by to.
.pairsToPython <- function(pairs, where, account) {
  kinds <- vapply(as.list(pairs), function(hits) {
    if (length(mcols(hits))) "" else "pairs"
  }, "")
  keys <- .noteAll(account, where, names(pairs), kinds)
  out <- Map(function(hits, key, name) {
    columns <- mcols(hits)
    values <- if (length(columns)) columns[[1L]] else rep(1, length(hits))
    numeric <- is.numeric(values) || is.logical(values)
    other <- if (numeric) names(columns)[-1L] else names(columns)
    if (length(other)) {
      .noteLeft(account, sprintf(
        "values of the pairs '%s' (%s)", name, .some(other)
      ))
    }
    if (!numeric) {
      values <- rep(1, length(hits))
    }
    if (numeric && length(columns)) {
      .noteColumns(account, where, key, names(columns)[1L])
    }
    n <- nnode(hits)
    if (anyDuplicated(as.double(from(hits)) * n + to(hits))) {
      .noteLeft(account, sprintf(
        "which of the pairs '%s' stand there more than once: they are summed",
        name
      ))
    }
    # Its slots are those of the transpose in rows.
    .toPython(Matrix::sparseMatrix(
      i = to(hits), j = from(hits),
      x = as.double(values), dims = c(n, n)
    ))
  }, as.list(pairs), keys, names(pairs))
  stats::setNames(out, keys)
}

.altExpsToPython <- function(x, account) {
  main <- mainExpName(x)
  if (!is.null(main)) {
    .noteAll(account, "main", main)
  }
  names <- altExpNames(x)
  keys <- .noteAll(account, .keys$ALT_EXPS, names)
  out <- Map(function(name, key) {
    inner <- .newAccount(name)
    found <- .experimentToPython(
      altExp(x, name, withDimnames = TRUE), NULL, inner
    )
    account$left <- c(account$left, inner$left)
    found
  }, names, keys)
  stats::setNames(out, keys)
}

# metadata, and the images beside what it has of them.
.metadataToPython <- function(x, account) {
  content <- metadata(x)
  named <- !duplicated(names(content)) & nzchar(names(content))
  left <- length(content) - sum(named)
  if (left > 0L) {
    .noteLeft(account, sprintf("%d metadata without a name", left))
  }
  content <- content[named]
  if (is(x, "SpatialExperiment")) {
    beside <- content[[.keys$SPATIAL]]
    if (length(beside) && !is.list(beside)) {
      .noteLeft(account, sprintf("metadata$%s", .keys$SPATIAL))
      beside <- NULL
    }
    content[[.keys$SPATIAL]] <- .withImages(beside, imgData(x))
  }
  .listToPython(
    content, account, "uns", "metadata",
    taken = c(.keys$EXPERIMENT, .keys$ALT_EXPS)
  )
}

.withImages <- function(spatial, images) {
  for (row in seq_len(NROW(images))) {
    sample <- as.character(images$sample_id[row])
    id <- as.character(images$image_id[row])
    of <- spatial[[sample]]
    of <- if (is.list(of)) of else list()
    of$images <- as.list(of$images)
    of$images[[id]] <- SpatialExperiment::imgRaster(images$data[[row]])
    of$scalefactors <- as.list(of$scalefactors)
    if (!is.na(images$scaleFactor[row])) {
      of$scalefactors[[.scaleKey(id)]] <- images$scaleFactor[row]
    }
    spatial <- as.list(spatial)
    spatial[[sample]] <- of
  }
  spatial
}

.scaleKey <- function(id) {
  sprintf("tissue_%s_scalef", id)
}
