# What the R processes of the interop suite share: the problem that Python
# wrote, one case of it mapped, and results in files that Python compares.

suppressPackageStartupMessages(library(homespot))

orElse <- function(x, y) if (is.null(x)) y else x

lines <- function(path) {
  readLines(path, encoding = "UTF-8")
}

readSide <- function(folder, side, columns) {
  counts <- as(
    Matrix::readMM(file.path(folder, sprintf("%s.mtx", side))), "CsparseMatrix"
  )
  dimnames(counts) <- list(
    lines(file.path(folder, sprintf("%s_genes.txt", side))),
    lines(file.path(folder, sprintf("%s_%s.txt", side, columns)))
  )
  counts
}

# The problem as R has it: genes by cells, and genes by spots with coordinates.
readProblem <- function(folder, dense = FALSE) {
  sc <- readSide(folder, "sc", "cells")
  st <- readSide(folder, "st", "spots")
  coords <- as.matrix(read.csv(file.path(folder, "coordinates.csv")))
  if (dense) {
    sc <- as.matrix(sc)
    st <- as.matrix(st)
  }
  list(
    sc = SingleCellExperiment::SingleCellExperiment(list(counts = sc)),
    st = SpatialExperiment::SpatialExperiment(
      assays = list(counts = st), spatialCoords = coords,
      colData = S4Vectors::DataFrame(
        lamina = lines(file.path(folder, "st_laminae.txt"))
      )
    )
  )
}

readCases <- function(folder) {
  jsonlite::fromJSON(file.path(folder, "cases.json"), simplifyVector = FALSE)
}

# Arguments by their Python names.
mapCase <- function(sc, st, arguments) {
  names(arguments) <- gsub("_", ".", names(arguments), fixed = TRUE)
  do.call(mapCells, c(list(sc, st), arguments))
}

# A value with its type; doubles in hexadecimal, which loses nothing.
encode <- function(x) {
  if (is(x, "Rle")) {
    x <- as.vector(x)
  }
  if (is.null(x)) {
    list(type = "null")
  } else if (is.factor(x)) {
    list(
      type = if (is.ordered(x)) "ordered" else "factor",
      levels = I(levels(x)), values = I(as.character(x))
    )
  } else if (is.list(x)) {
    list(type = "list", values = lapply(x, encode))
  } else if (is.double(x)) {
    list(
      type = "double", dim = I(as.integer(dim(x))),
      values = I(sprintf("%a", as.vector(x)))
    )
  } else {
    list(
      type = typeof(x), dim = I(as.integer(dim(x))), values = I(as.vector(x))
    )
  }
}

writeJson <- function(x, path) {
  text <- jsonlite::toJSON(
    x,
    auto_unbox = TRUE, null = "null", na = "null", digits = NA
  )
  writeLines(enc2utf8(text), path, useBytes = TRUE)
}

writeDoubles <- function(x, path) {
  writeBin(as.vector(x), path, size = 8L, endian = "little")
}

# P as doubles, cells by spots in rows, and all the rest as JSON.
writeMap <- function(map, stem) {
  p <- mappingMatrix(map)
  writeDoubles(t(as.matrix(p)), paste0(stem, ".f8"))
  writeJson(list(
    class = class(map), matrix = class(p)[1L],
    stored = if (is(p, "sparseMatrix")) length(p@x) else length(p),
    cells = I(rownames(map)), spots = I(colnames(map)),
    names = lapply(dimnames(p), I), home = encode(unname(homeSpot(map))),
    coordinates = encode(unname(SpatialExperiment::spatialCoords(map))),
    axes = I(orElse(
      colnames(SpatialExperiment::spatialCoords(map)), character()
    )),
    obs = lapply(as.list(SummarizedExperiment::rowData(map)), encode),
    var = lapply(as.list(SummarizedExperiment::colData(map)), encode),
    record = encode(mappingInfo(map))
  ), paste0(stem, ".json"))
}

# What R reads from a map for every cell, for each way to place them.
writePlaces <- function(map, sce, stem) {
  ways <- list(
    default = list(), median = list(position = "median"),
    mean = list(position = "mean"), argmax = list(position = "argmax"),
    few = list(position = "k_best", k = 3)
  )
  writeJson(lapply(ways, function(way) {
    placed <- do.call(placeCells, c(list(map, sce), way))
    columns <- SummarizedExperiment::colData(placed)
    columns <- columns[startsWith(names(columns), "homespot_")]
    c(list(cells = encode(colnames(placed))), lapply(as.list(columns), encode))
  }), paste0(stem, "_places.json"))
}

# Every case of the problem, mapped and placed.
writeCases <- function(folder, out) {
  cases <- readCases(folder)
  for (name in names(cases)) {
    arguments <- cases[[name]]
    problem <- readProblem(folder, dense = isTRUE(arguments$dense))
    arguments$dense <- NULL
    map <- mapCase(problem$sc, problem$st, arguments)
    writeMap(map, file.path(out, name))
    writePlaces(map, problem$sc, file.path(out, name))
    saveMapping(map, file.path(out, paste0(name, ".h5ad")))
  }
}

# Every variant of the data, mapped and placed; `read` gives one side by the
# folder and the file that Python wrote.
writeVariants <- function(folder, out, read) {
  variants <- jsonlite::fromJSON(
    file.path(folder, "variants.json"),
    simplifyVector = FALSE
  )
  for (name in names(variants)) {
    data <- paste0("data_", variants[[name]][[1L]])
    names <- jsonlite::fromJSON(file.path(folder, data, "st.json"))
    sc <- read(data, "sc")
    st <- lapply(seq_along(names) - 1L, function(i) {
      read(data, sprintf("st_%d", i))
    })
    st <- if (length(names) == 1L) st[[1L]] else stats::setNames(st, names)
    map <- suppressWarnings(
      mapCase(sc, st, variants[[name]][[2L]]),
      classes = "homespot_data_warning"
    )
    stem <- file.path(out, paste0("variant_", name))
    writeMap(map, stem)
    suppressWarnings(
      writePlaces(map, sc, stem), classes = "homespot_data_warning"
    )
  }
}

writePython <- function(path) {
  found <- unclass(homespotPython())
  found$pid <- Sys.getpid()
  found$prefix <- reticulate::py_eval("__import__('sys').prefix")
  writeJson(lapply(found, as.list), path)
}
