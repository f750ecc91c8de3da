#' @rdname writeAnnData
#' @export
readAnnData <- function(path) {
  path <- path.expand(.checkString(path, "path"))
  account <- .newAccount()
  out <- .experimentFromPython(.call("read_anndata", path), account)
  .warnLeft(account, "the experiment")
  out
}

.experimentFromPython <- function(value, account) {
  uns <- value$get("uns")$get("value")
  record <- .takeRecord(uns)
  names <- lapply(c(obs = "obs", var = "var"), function(side) {
    .namesFromPython(value$get(side)$get("names"))
  })
  tables <- Map(function(side, rows) {
    columns <- .columnsAsNoted(value$get(side)$get("columns"), record, side)
    table <- .frame(columns, length(rows))
    if (.kindOf(record, side, "unnamed") != "unnamed") {
      rownames(table) <- rows
    }
    table
  }, c(obs = "obs", var = "var"), names)
  varm <- .asNoted(
    .uprightFromPython(value, "varm", record, account), record, "varm"
  )
  for (name in names(varm)) {
    tables$var[[name]] <- varm[[name]]
  }
  obsm <- .uprightFromPython(value, "obsm", record, account)
  content <- .listFromPython(uns, record, "uns", account, "uns")
  tissue <- .tissueOf(content[[.keys$SPATIAL]])
  spatial <- if (length(record$class)) {
    record$class == "SpatialExperiment"
  } else {
    .keys$SPATIAL %in% names(obsm) || NROW(tissue$images) > 0L
  }
  if (spatial) {
    content[[.keys$SPATIAL]] <- tissue$other
  }
  sce <- SingleCellExperiment(
    assays = .assaysFromPython(value, record), rowData = tables$var,
    colData = tables$obs, metadata = content,
    # Where they are the places, a reducedDim of that name has another key.
    reducedDims = .asNoted(
      obsm[setdiff(names(obsm), if (spatial) .keys$SPATIAL)], record, "obsm"
    ),
    altExps = .altExpsFromPython(value, record, names$obs, account),
    mainExpName = .mainOf(record)
  )
  colPairs(sce) <- .pairsFromPython(value, "obsp", record, account)
  rowPairs(sce) <- .pairsFromPython(value, "varp", record, account)
  if (spatial) {
    .tissueFromPython(sce, obsm[[.keys$SPATIAL]], tissue$images, account)
  } else {
    sce
  }
}

.assaysFromPython <- function(value, record) {
  found <- .eachItem(value$get("layers"), function(layer, key) {
    .turnedFromPython(layer)
  })
  x <- value$get("x")
  if (!.isNone(x)) {
    names(found) <- make.unique(c("X", names(found)), "_")[-1L]
    found <- c(list(X = .turnedFromPython(x)), found)
  }
  .asNoted(found, record, "layers")
}

# Matrices of obsm, varm, obsp or varp, by their keys.
.matricesFromPython <- function(value, slot, account) {
  .eachItem(value$get(slot), function(item, key) {
    if ("other" %in% names(item)) {
      .noteLeft(account, sprintf(
        "%s['%s'] (%s)", slot, key, .toR(item$get("other"))
      ))
      return(NULL)
    }
    matrix <- if (.isNone(item$get("csr"))) {
      .fetch(item$get("matrix"))
    } else {
      .fromPython(item)
    }
    if (!.isNone(item$get("names"))) {
      colnames(matrix) <- .namesFromPython(item$get("names"))
    }
    matrix
  })
}

.uprightFromPython <- function(value, slot, record, account) {
  found <- .matricesFromPython(value, slot, account)
  for (key in intersect(names(found), names(record$columns[[slot]]))) {
    colnames(found[[key]]) <- record$columns[[slot]][[key]]
  }
  found
}

.pairsFromPython <- function(value, slot, record, account) {
  found <- .matricesFromPython(value, slot, account)
  found <- Map(function(matrix, key) {
    rows <- as(t(as(unname(matrix), "CsparseMatrix")), "generalMatrix")
    from <- rep(seq_len(ncol(rows)), diff(rows@p))
    hits <- SelfHits(from, rows@i + 1L, nnode = ncol(rows))
    if (.kindOf(record, slot, key) != "pairs") {
      name <- record$columns[[slot]][[key]]
      mcols(hits)[[if (is.null(name)) "x" else name]] <- rows@x
    }
    hits
  }, found, names(found))
  .asNoted(found, record, slot)
}

.mainOf <- function(record) {
  main <- record$name[record$where == "main"]
  if (length(main)) main
}

# Other experiments of the same cells, matched by name where Python has taken
# or turned some of them.
.altExpsFromPython <- function(value, record, cells, account) {
  found <- .eachItem(value$get("alternatives"), function(item, key) {
    inner <- .newAccount(key)
    out <- .experimentFromPython(item, inner)
    account$left <- c(account$left, inner$left)
    own <- .namesFromPython(item$get("obs")$get("names"))
    if (identical(own, cells)) {
      return(out)
    }
    if (anyDuplicated(own) || !all(cells %in% own)) {
      .noteLeft(account, sprintf("altExp '%s', which is of other cells", key))
      return(NULL)
    }
    out[, match(cells, own)]
  })
  .asNoted(found, record, .keys$ALT_EXPS)
}

# --- tissue ------------------------------------------------------------------

# The images of uns["spatial"], and what else is there; beside the samples,
# which are lists, files of CELLxGENE have other entries.
.tissueOf <- function(spatial) {
  if (!is.list(spatial)) {
    return(list(images = NULL, other = spatial))
  }
  images <- list()
  for (sample in names(spatial)[vapply(spatial, is.list, NA)]) {
    of <- spatial[[sample]]
    for (id in names(of$images)) {
      if (!.isImage(of$images[[id]])) {
        next
      }
      scale <- of$scalefactors[[.scaleKey(id)]]
      images <- c(images, list(DataFrame(
        sample_id = sample, image_id = id,
        data = I(list(SpatialExperiment::SpatialImage(
          .asRaster(of$images[[id]])
        ))),
        scaleFactor = if (is.null(scale)) NA_real_ else as.numeric(scale)
      )))
      of$images[[id]] <- NULL
      of$scalefactors[[.scaleKey(id)]] <- NULL
    }
    spatial[[sample]] <- Filter(length, of)
  }
  other <- spatial[lengths(spatial) > 0L]
  list(
    images = do.call(rbind, images), other = if (length(other)) other
  )
}

.isImage <- function(x) {
  inherits(x, "raster") || (is.numeric(x) && (length(dim(x)) == 2L || (
    length(dim(x)) == 3L && dim(x)[3L] %in% c(1L, 3L, 4L)
  )))
}

.asRaster <- function(x) {
  if (inherits(x, "raster")) x else .raster(x)
}

.tissueFromPython <- function(sce, coords, images, account) {
  if (is.null(coords)) {
    coords <- matrix(numeric(), ncol(sce), 0L)
  } else if (is.null(colnames(coords))) {
    colnames(coords) <- .keys$COORDINATES[seq_len(ncol(coords))]
  }
  storage.mode(coords) <- "double"
  rownames(coords) <- colnames(sce)
  samples <- unique(images$sample_id)
  sce$sample_id <- as.character(.sampleColumn(colData(sce), samples))
  spe <- SpatialExperiment::toSpatialExperiment(sce, spatialCoords = coords)
  lost <- setdiff(samples, spe$sample_id)
  if (length(lost)) {
    .noteLeft(account, sprintf(
      "images of %s, which no column says", .some(lost)
    ))
    images <- images[!images$sample_id %in% lost, ]
  }
  if (NROW(images)) {
    imgData(spe) <- images
  }
  spe
}

# The sample of every spot: the column sample_id, or what the images tell.
.sampleColumn <- function(columns, samples) {
  if (!is.null(columns$sample_id)) {
    return(columns$sample_id)
  }
  if (length(samples) == 1L) {
    return(rep(samples, nrow(columns)))
  }
  for (column in as.list(columns)) {
    if (length(samples) && all(samples %in% as.character(column))) {
      return(column)
    }
  }
  rep("sample01", nrow(columns))
}
