# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-delayed.R",
# package = "homespot")'.

skipWithoutPython()
skip_if_not_installed("HDF5Array")

library(SummarizedExperiment)

# Blocks of so many bytes at most, in this test.
localBlockSize <- function(bytes, env = parent.frame()) {
  suppressMessages({
    old <- DelayedArray::getAutoBlockSize()
    DelayedArray::setAutoBlockSize(bytes)
  })
  withr::defer(suppressMessages(DelayedArray::setAutoBlockSize(old)), env)
}

# A matrix that counts what is read of it: how many blocks, of which size.
setClass("CountedSeed", representation(x = "ANY", seen = "environment"))
setMethod("dim", "CountedSeed", function(x) dim(x@x))
setMethod("dimnames", "CountedSeed", function(x) dimnames(x@x))
counted <- function(x) {
  seen <- new.env()
  seen$columns <- integer()
  list(
    seen = seen,
    matrix = DelayedArray::DelayedArray(new("CountedSeed", x = x, seen = seen))
  )
}
setMethod(
  DelayedArray::extract_array, "CountedSeed",
  function(x, index) {
    columns <- if (is.null(index[[2L]])) ncol(x@x) else length(index[[2L]])
    # None are asked for to learn the type.
    x@seen$columns <- c(x@seen$columns, columns[columns > 0L])
    DelayedArray::extract_array(x@x, index)
  }
)

onDisk <- function(x) {
  HDF5Array::writeHDF5Array(x, with.dimnames = TRUE)
}

problem <- smallProblem(cells = 40L)
sparse <- lapply(problem[1:2], as, "dgCMatrix")

test_that("data on disk give the map of data in memory, whatever the blocks", {
  expected <- mapCells(problem$sc, problem$st)
  kinds <- list(
    HDF5Array = lapply(problem[1:2], onDisk),
    sparse = lapply(sparse, function(x) {
      HDF5Array::TENxMatrix(HDF5Array::writeTENxMatrix(
        x, withr::local_tempfile(.local_envir = parent.frame(4L)), "x"
      )@seed@filepath, "x")
    }),
    delayed = lapply(problem[1:2], function(x) {
      (onDisk(rbind(x, 0)) / 2)[rownames(x), ] * 2
    })
  )
  of <- list(sparse = mapCells(sparse$sc, sparse$st))
  for (size in c(2000, 1e8)) {
    localBlockSize(size)
    for (kind in names(kinds)) {
      wanted <- if (kind == "sparse") of$sparse else expected
      found <- mapCells(kinds[[kind]]$sc, kinds[[kind]]$st)
      expect_identical(mappingMatrix(found), mappingMatrix(wanted))
      expect_identical(
        mappingInfo(found)$sc_scale_evidence, "all values are whole numbers"
      )
    }
  }
  few <- mapCells(kinds$HDF5Array$sc, kinds$HDF5Array$st, n.genes = 12L)
  expect_identical(
    mappingMatrix(few),
    mappingMatrix(mapCells(problem$sc, problem$st, n.genes = 12L))
  )
})

test_that("every block is read once to check, and once for the genes used", {
  # 8 bytes x 30 genes x 7 cells
  localBlockSize(8 * 30 * 7 + 1)
  data <- counted(problem$sc)
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = data$matrix))
  data$seen$columns <- integer()
  map <- mapCells(sce, problem$st)
  once <- c(rep(7L, 5L), 5L)
  expect_identical(data$seen$columns, rep(once, 2L))
  data$seen$columns <- integer()
  mapCells(sce, problem$st, n.genes = 12L)
  expect_identical(data$seen$columns, rep(once, 3L))
  data$seen$columns <- integer()
  imputed <- imputeGenes(map, sce)
  expect_identical(data$seen$columns, rep(once, 2L))
  expect_identical(
    assay(imputed), assay(imputeGenes(map, problem$sc))
  )
})

test_that("imputed genes of data on disk go to disk", {
  localBlockSize(2000)
  map <- mapCells(problem$sc, problem$st)
  path <- withr::local_tempfile(fileext = ".h5ad")
  found <- imputeGenes(
    map, onDisk(problem$sc), output = path, block.size = 4L
  )
  expect_s4_class(assay(found), "DelayedMatrix")
  expect_identical(
    as.matrix(assay(found)), assay(imputeGenes(map, problem$sc))
  )
})

for (kind in c("dense", "sparse")) {
  test_that(sprintf("a %s map on disk gives what one in memory does", kind), {
    if (kind == "dense") {
      skipUnlessSlow()
    }
    k.best <- if (kind == "sparse") 3L
    st <- SpatialExperiment::SpatialExperiment(
      assays = list(counts = problem$st), spatialCoords = problem$coords
    )
    sce <- SingleCellExperiment::SingleCellExperiment(list(counts = problem$sc))
    sce$type <- rep(c("a", "b"), length.out = 40L)
    path <- withr::local_tempfile(fileext = ".h5ad")
    saveMapping(mapCells(sce, st, k.best = k.best), path)
    inMemory <- loadMapping(path)
    map <- loadMapping(path, backed = TRUE)
    expect_s4_class(mappingMatrix(map), "DelayedMatrix")
    expect_identical(
      DelayedArray::is_sparse(mappingMatrix(map)), !is.null(k.best)
    )
    localBlockSize(1000)
    verbs <- list(
      function(x) homeSpot(x),
      function(x) colData(placeCells(x, sce)),
      function(x) assay(imputeGenes(x, sce, read.out = "sum")),
      function(x) assays(suppressWarnings(deconvolveSpots(x, "type"))),
      function(x) assay(annotateCells(x, rep(c("l", "r"), 4L))),
      function(x) assignCells(x, 20L),
      function(x) suppressWarnings(colocateTypes(x, "type")),
      function(x) typeDistances(x, "type"),
      function(x) cellDistances(x, c("cell-7", "cell-2")),
      function(x) cellModes(x),
      function(x) colData(addMapping(st, x)),
      function(x) plotMapping(x, label = "a", labels = "type")$data,
      function(x) {
        calibrateMapping(x, matrix(0, 40L, 2L,
          dimnames = list(rownames(x), NULL)
        ))
      }
    )
    for (verb in verbs) {
      expect_equal(verb(map), verb(inMemory), tolerance = 1e-15)
    }
    changed <- list(
      function(x) mappingMatrix(x[40:3, 6:2]),
      function(x) mappingMatrix(renormalise(x[, 1:7])),
      function(x) mappingMatrix(rbind(x[1:3, ], x[7:9, ])),
      function(x) {
        y <- x
        colnames(y) <- paste0("other-", colnames(y))
        mappingMatrix(combineSections(x, y, weights = c(3, 1)))
      },
      function(x) {
        SingleCellExperiment::reducedDim(addMapping(sce, x[5:2, ]), "homespot")
      },
      function(x) {
        altExp <- SingleCellExperiment::altExp(addMapping(st, x), "homespot")
        assay(altExp)
      }
    )
    for (change in changed) {
      found <- change(map)
      expect_s4_class(found, "DelayedMatrix")
      # Weighted sections are doubles here, in memory they are float32.
      expect_equal(
        as.matrix(found), as.matrix(change(inMemory)),
        tolerance = 1e-7
      )
    }
    # Delayed operations are saved; the file that they read is not replaced.
    part <- map[40:1, ]
    expect_error(
      saveMapping(part, path), "a path that is no input",
      class = "homespot_input_error"
    )
    saved <- withr::local_tempfile(fileext = ".h5ad")
    saveMapping(part, saved)
    expect_identical(
      as.matrix(mappingMatrix(loadMapping(saved))),
      as.matrix(mappingMatrix(inMemory[40:1, ]))
    )
    expect_identical(
      class(mappingMatrix(loadMapping(saved))), class(mappingMatrix(inMemory))
    )
  })
}

test_that("cross-validation reads data on disk, and sends what they hold", {
  disk <- lapply(problem[1:2], onDisk)
  score <- function(x, ...) {
    crossValidateGenes(x$sc, x$st, folds = 2L, ...)[c("gene", "fold", "pcc")]
  }
  expected <- score(problem)
  expect_identical(score(disk), expected)
  pickle <- reticulate::import("pickle", convert = FALSE)
  for (x in list(disk$sc, DelayedArray::DelayedArray(sparse$sc))) {
    sent <- pickle$loads(pickle$dumps(.toPython(x)))
    if (DelayedArray::is_sparse(x)) {
      sent <- sent$toarray()
    }
    expect_identical(reticulate::py_to_r(sent), unname(t(problem$sc)))
  }
})

test_that("what cannot be read is said", {
  path <- withr::local_tempfile(fileext = ".h5")
  x <- HDF5Array::writeHDF5Array(problem$sc, path, "x", with.dimnames = TRUE)
  file.remove(path)
  expectRefused(
    mapCells(x, problem$st), "matrix read | no file | back load again",
    plain = function(text) gsub(path, "<path>", text, fixed = TRUE)
  )
  bad <- problem$sc
  bad[2:3, 5] <- c(NA, Inf)
  expect_error(
    mapCells(onDisk(bad), problem$st), "found 2 that are NaN or infinite",
    class = "homespot_input_error"
  )
  p <- mappingMatrix(smallMap())
  p[2, 1] <- NA
  expect_error(
    CellMapping(DelayedArray::DelayedArray(p), left.over = c(0, 0, 0)),
    "missing entries",
    class = "homespot_input_error"
  )
  p[2, 1] <- -1
  expect_error(
    CellMapping(DelayedArray::DelayedArray(p), left.over = c(0, 0, 0)),
    "not within \\[0, 1\\] \\(from -1 to 0.7\\)",
    class = "homespot_input_error"
  )
})
