# What does a table on disk take? 50,000 cells x 2,000 genes, 10 % not 0, in
# an HDF5 file, sparse (10x) and dense, are mapped onto 500 spots where 300 of
# the genes were measured: from the file, in blocks of two sizes, and from
# memory, where the user reads the file first. Then all genes are imputed to
# disk, and "after" is what follows from the dense map of 50,000 x 500, homes,
# types, modes and a copy on disk, from a map in memory and from one on disk.
# Every row is a process of its own: memory is the peak above what it held
# before (Linux), after a small run of the same, and before it reads anything.
#
#   Rscript benchmarks/delayed.R [--small]
#
# homespot and HDF5Array have to be installed.

folder <- dirname(sub("^--file=", "", grep(
  "^--file=", commandArgs(),
  value = TRUE
)[1L]))
bridge <- new.env()
sys.source(file.path(folder, "bridge.R"), bridge)

suppressPackageStartupMessages(library(homespot))

size <- list(cells = 50000L, genes = 2000L, spots = 500L, measured = 300L)

onDisk <- function(kind, file) {
  if (kind == "sparse") {
    HDF5Array::TENxMatrix(file, "x")
  } else {
    HDF5Array::HDF5Array(file, "x")
  }
}

writeData <- function(size, kind, file) {
  x <- bridge$makeCounts(size$cells, size$genes, 0.1)
  if (kind == "sparse") {
    HDF5Array::writeTENxMatrix(x, file, "x")
  } else {
    HDF5Array::writeHDF5Array(as.matrix(x), file, "x", with.dimnames = TRUE)
  }
}

spots <- function(size) {
  set.seed(2)
  n <- seq_len(size$spots)
  x <- matrix(
    as.double(stats::rpois(size$spots * size$measured, 3)), size$measured,
    dimnames = list(
      paste0("Gene", seq_len(size$measured)), paste0("spot", n)
    )
  )
  SpatialExperiment::SpatialExperiment(
    assays = list(counts = x), spatialCoords = cbind(x = n %% 25, y = n %/% 25)
  )
}

inMemory <- function(x) {
  if (DelayedArray::is_sparse(x)) as(x, "dgCMatrix") else as.matrix(x)
}

read <- function(kind, way, file) {
  x <- onDisk(kind, file)
  if (way == "in memory") inMemory(x) else x
}

# What is measured: each from files, to a file or to little.
work <- list(
  map = function(kind, way, files, st) {
    mapCells(read(kind, way, files$x), st, k.best = 20L, progress = FALSE)
  },
  impute = function(kind, way, files, st) {
    map <- loadMapping(files$map)
    imputeGenes(map, read(kind, way, files$x), output = files$out)
  },
  after = function(kind, way, files, st) {
    map <- loadMapping(files$map, backed = way != "in memory")
    homeSpot(map)
    deconvolveSpots(map, rep(c("a", "b"), length.out = nrow(map)))
    cellModes(map)
    saveMapping(map, files$out)
  }
)

runOne <- function(what, kind, way, files, size) {
  small <- tempfile(c("x", "map", "out"), fileext = ".h5ad")
  small <- stats::setNames(as.list(small), c("x", "map", "out"))
  few <- utils::modifyList(size, list(cells = 200L))
  writeData(few, kind, small$x)
  saveMapping(mapCells(onDisk(kind, small$x), spots(few)), small$map)
  work[[what]](kind, way, small, spots(few))
  if (way != "in memory") {
    DelayedArray::setAutoBlockSize(as.numeric(way) * 1e6)
  }
  st <- spots(size)
  gc()
  bridge$resetPeak()
  before <- bridge$memory("VmRSS")
  seconds <- system.time(work[[what]](kind, way, files, st))[["elapsed"]]
  list(seconds = seconds, peak = bridge$memory("VmHWM") - before)
}

inProcess <- function(what, kind, way, files, size) {
  job <- tempfile(fileext = ".rds")
  saveRDS(list(what, kind, way, files, size), job)
  status <- system2(
    file.path(R.home("bin"), "Rscript"),
    shQuote(c(file.path(folder, "delayed.R"), "--one", job)),
    stdout = FALSE, stderr = FALSE
  )
  stopifnot(status == 0L)
  readRDS(job)
}

runAll <- function(size) {
  rows <- list()
  add <- function(what, kind, way, files) {
    found <- inProcess(what, kind, way, files, size)
    block <- if (way == "in memory") NA else as.numeric(way)
    row <- data.frame(
      what = what, data = kind,
      from = if (is.na(block)) "memory" else "disk", block_mb = block,
      seconds = round(found$seconds, 1), peak_mib = round(found$peak)
    )
    message(paste(format(row), collapse = "  "))
    rows[[length(rows) + 1L]] <<- row
  }
  for (kind in c("sparse", "dense")) {
    files <- stats::setNames(
      as.list(tempfile(c("x", "map", "out"), fileext = ".h5ad")),
      c("x", "map", "out")
    )
    writeData(size, kind, files$x)
    saveMapping(
      mapCells(onDisk(kind, files$x), spots(size), progress = FALSE), files$map
    )
    for (way in c("in memory", "100", "10")) {
      add("map", kind, way, files)
    }
  }
  for (what in c("impute", "after")) {
    for (way in c("in memory", "100")) {
      add(what, "dense", way, files)
    }
  }
  table <- do.call(rbind, rows)
  print(table, row.names = FALSE)
  utils::write.csv(
    cbind(table, as.data.frame(size), bridge$machine()),
    file.path(folder, "results", "delayed.csv"),
    row.names = FALSE, quote = FALSE
  )
}

arguments <- commandArgs(trailingOnly = TRUE)
if ("--one" %in% arguments) {
  job <- readRDS(arguments[2L])
  saveRDS(do.call(runOne, unname(job)), arguments[2L])
} else {
  if ("--small" %in% arguments) {
    size$cells <- 4000L
  }
  runAll(size)
}
