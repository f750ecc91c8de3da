# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-mapCells.R",
# package = "homespot")'.

skipWithoutPython()

bare <- function(map) {
  mappingMatrix(map)
}

asHdf5 <- function(x) {
  HDF5Array::writeHDF5Array(x, with.dimnames = TRUE)
}

# Every way in which the same numbers can come.
classes <- list(
  matrix = identity,
  integer = function(x) {
    storage.mode(x) <- "integer"
    x
  },
  dgCMatrix = function(x) as(x, "CsparseMatrix"),
  dgRMatrix = function(x) as(as(x, "CsparseMatrix"), "RsparseMatrix"),
  dgTMatrix = function(x) as(as(x, "CsparseMatrix"), "TsparseMatrix"),
  dgeMatrix = function(x) as(x, "unpackedMatrix"),
  SVT_SparseMatrix = function(x) as(x, "SVT_SparseMatrix"),
  DelayedMatrix = DelayedArray::DelayedArray,
  "sparse DelayedMatrix" = function(x) {
    DelayedArray::DelayedArray(as(x, "CsparseMatrix"))
  },
  HDF5Matrix = asHdf5,
  "delayed operations" = function(x) (asHdf5(x) * 2) / 2,
  SummarizedExperiment = function(x) {
    SummarizedExperiment::SummarizedExperiment(list(counts = x))
  },
  SingleCellExperiment = function(x) {
    SingleCellExperiment::SingleCellExperiment(list(
      other = x + 1, counts = as(x, "CsparseMatrix")
    ))
  },
  SpatialExperiment = function(x) {
    SpatialExperiment::SpatialExperiment(
      assays = list(counts = asHdf5(x)),
      spatialCoords = cbind(x = seq_len(ncol(x)), y = 0)
    )
  }
)

for (method in c("ssa", "correlation")) {
  for (class in names(classes)) {
    test_that(sprintf("%s gives the same map from %s", method, class), {
      skip_if_not_installed("HDF5Array")
      problem <- smallProblem()
      # A SpatialExperiment has coordinates, with which genes would be weighed.
      mapped <- function(sc, st) {
        mapCells(sc, st, method = method, gene.weights = "equal")
      }
      expected <- mapped(problem$sc, problem$st)
      convert <- classes[[class]]
      map <- mapped(convert(problem$sc), convert(problem$st))
      expect_s4_class(map, "CellMapping")
      expect_identical(dimnames(bare(map)), dimnames(bare(expected)))
      # Sparse against dense to 1e-6: sums run in another order.
      expect_equal(bare(map), bare(expected), tolerance = 1e-6)
      if (class %in% c(
        "matrix", "integer", "dgeMatrix", "DelayedMatrix", "HDF5Matrix",
        "delayed operations", "SummarizedExperiment"
      )) {
        expect_identical(bare(map), bare(expected))
      }
      mixed <- mapped(problem$sc, convert(problem$st))
      expect_equal(bare(mixed), bare(expected), tolerance = 1e-6)
    })
  }
}

test_that("a DelayedMatrix is read in blocks, with the same result", {
  problem <- smallProblem()
  expected <- mapCells(problem$sc, problem$st)
  sparse <- as(problem$sc, "CsparseMatrix")
  expectedSparse <- mapCells(sparse, problem$st)
  old <- DelayedArray::getAutoBlockSize()
  on.exit(suppressMessages(DelayedArray::setAutoBlockSize(old)))
  suppressMessages(
    DelayedArray::setAutoBlockSize(nrow(problem$sc) * 8 * 5)
  )
  blocked <- DelayedArray::DelayedArray(problem$sc)
  expect_gt(length(DelayedArray::colAutoGrid(blocked)), 2L)
  expect_identical(bare(mapCells(blocked, problem$st)), bare(expected))
  blocked <- DelayedArray::DelayedArray(sparse)
  expect_identical(bare(mapCells(blocked, problem$st)), bare(expectedSparse))
})

test_that("rows sum to 1, names and their order stay", {
  problem <- smallProblem()
  map <- mapCells(problem$sc, problem$st, coords = problem$coords)
  expect_equal(unname(rowSums(bare(map))), rep(1, 12), tolerance = 1e-6)
  expect_identical(rownames(map), colnames(problem$sc))
  expect_identical(colnames(map), colnames(problem$st))
  genes <- as.vector(mappingInfo(map)$genes)
  expect_identical(genes, rownames(problem$st))
  expect_true(all(oddGenes %in% genes))
  expect_equal(
    unname(SpatialExperiment::spatialCoords(map)), unname(problem$coords)
  )
})

test_that("columns without names are numbered", {
  problem <- smallProblem()
  map <- mapCells(withoutColnames(problem$sc), withoutColnames(problem$st))
  expect_identical(rownames(map), paste0("cell", 1:12))
  expect_identical(colnames(map), paste0("spot", 1:8))
})

test_that("annotation, coordinates, samples and order are those of the input", {
  problem <- smallProblem()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = problem$sc),
    colData = S4Vectors::DataFrame(
      type = factor(rep(c("a", "b"), 6)), n = 1:12
    )
  )
  spe <- SpatialExperiment::SpatialExperiment(
    assays = list(counts = problem$st), sample_id = rep(c("s", "t"), each = 4),
    spatialCoords = problem$coords
  )
  map <- mapCells(sce, spe, shared.frame = TRUE)
  expect_identical(SummarizedExperiment::rowData(map)$type, sce$type)
  expect_identical(map$sample_id, spe$sample_id)
  expect_equal(
    SpatialExperiment::spatialCoords(map), problem$coords,
    ignore_attr = "dimnames"
  )
  expect_identical(
    colnames(SpatialExperiment::spatialCoords(map)), c("x", "y")
  )
})

test_that("inputs are not changed", {
  problem <- smallProblem()
  sparse <- as(problem$sc, "CsparseMatrix")
  problem$sparse <- sparse
  before <- unserialize(serialize(problem, NULL))
  mapCells(problem$sc, problem$st)
  mapCells(sparse, problem$st, sc.scale = "log")
  expect_identical(problem, before)
})

test_that("the random numbers of R are left alone", {
  problem <- smallProblem()
  set.seed(1)
  before <- .Random.seed
  mapCells(problem$sc, problem$st)
  expect_identical(.Random.seed, before)
})

test_that("the limit of threads is that of R's environment at the call", {
  problem <- smallProblem()
  for (limit in c("1", "3", "2")) {
    map <- withr::with_envvar(
      c(OMP_NUM_THREADS = limit), mapCells(problem$sc, problem$st)
    )
    expect_identical(mappingInfo(map)$threads, as.integer(limit))
  }
})

test_that("dropped cells and spots are warned of, and leave the others", {
  problem <- smallProblem()
  problem$sc[, 3] <- 0
  problem$st[, "spot-2"] <- 0
  expect_warning(
    expect_warning(
      map <- mapCells(problem$sc, problem$st, coords = problem$coords),
      "spot-2",
      class = "homespot_data_warning"
    ),
    "cell-3",
    class = "homespot_data_warning"
  )
  expect_identical(rownames(map), colnames(problem$sc)[-3])
  expect_identical(colnames(map), colnames(problem$st)[-2])
  expect_equal(
    unname(SpatialExperiment::spatialCoords(map)),
    unname(problem$coords[-2, ])
  )
})

test_that("k.best keeps a sparse map with its left-over", {
  problem <- smallProblem()
  whole <- bare(mapCells(problem$sc, problem$st))
  map <- mapCells(problem$sc, problem$st, k.best = 3)
  expect_s4_class(bare(map), "dgCMatrix")
  expect_identical(dimnames(bare(map)), dimnames(whole))
  kept <- as.matrix(bare(map))
  expect_true(all(kept == 0 | kept == whole))
  expect_equal(unname(rowSums(kept > 0)), rep(3, 12))
  expect_equal(
    unname(1 - rowSums(kept)),
    SummarizedExperiment::rowData(map)$homespot_left_over,
    tolerance = 1e-5
  )
})

test_that("the method's own parameters arrive, in dotted names", {
  problem <- smallProblem()
  map <- mapCells(
    problem$sc, problem$st,
    regularisation = 0.2, n.genes = 20, relax.spots = 1L, preset = "paper"
  )
  parameters <- mappingInfo(map)$parameters
  expect_identical(parameters$regularisation, 0.2)
  expect_identical(parameters$n_genes, 20L)
  expect_equal(parameters$relax_spots, 1)
  expect_identical(parameters$correlation, "absolute")
  expect_identical(mappingInfo(map)$preset, "paper")
  # The record leaves out what is None.
  expect_identical(
    setdiff(
      names(methodParameters("ssa")), c("storage", "n.components", "backend")
    ),
    gsub("_", ".", names(parameters))
  )
  expect_true(all(c("ssa", "correlation") %in% names(methodParameters())))
  # A whole number, also where the default is "auto".
  fewer <- mapCells(problem$sc, problem$st, n.components = 4, k.best = 3)
  expect_identical(mappingInfo(fewer)$parameters$n_components, 4L)
})

test_that("progress is reported to a function", {
  problem <- smallProblem()
  steps <- NULL
  mapCells(problem$sc, problem$st, progress = function(done, total, note) {
    steps <<- c(steps, done)
  })
  expect_gt(length(steps), 0L)
  expect_true(all(diff(steps) >= 0))
  expect_no_error(mapCells(problem$sc, problem$st, progress = TRUE))
})

test_that("R's arguments are Python's", {
  signature <- .toR(.call("signature", "map_cells"))
  python <- names(signature)
  # R: assay for layer, and coords, which Python has in obsm.
  expected <- sub("_layer", "_assay_type", python)
  found <- gsub(".", "_", setdiff(
    names(formals(homespot::mapCells)), c("...", "coords")
  ), fixed = TRUE)
  expect_setequal(found, expected)
  for (name in setdiff(python, c("sc", "st", "sc_layer", "st_layer"))) {
    argument <- gsub("_", ".", name, fixed = TRUE)
    expect_equal(
      eval(formals(homespot::mapCells)[[argument]]), signature[[name]],
      label = argument
    )
  }
  place <- .toR(.call("signature", "place_cells"))
  expect_identical(formals(homespot::placeCells)$position, place$position)
  expect_identical(formals(homespot::placeCells)$k, place$k)
  expect_identical(formals(homespot::placeCells)$level, place$level)
  expect_null(formals(homespot::placeCells)$max.radius)
  expect_setequal(
    names(place), c("mapping", "sc", "position", "k", "level", "max_radius")
  )
  expect_setequal(
    names(.toR(.call("signature", "add_mapping"))), c("adata", "mapping")
  )
})

test_that("the names in the user's objects are Python's", {
  python <- .toR(.call("key_names"))
  for (name in names(.keys)) {
    expect_identical(.keys[[name]], unlist(python[[name]]), label = name)
  }
})

test_that("an error of the user's progress function is passed on as it is", {
  problem <- smallProblem()
  own <- structure(
    class = c("mine", "error", "condition"),
    list(message = "my own text", call = NULL)
  )
  fail <- function(done, total, note) stop(own)
  before <- mappingMatrix(mapCells(problem$sc, problem$st))
  expect_identical(
    tryCatch(
      mapCells(problem$sc, problem$st, progress = fail),
      error = identity
    ), own
  )
  expect_identical(
    tryCatch(
      crossValidateGenes(problem$sc, problem$st, folds = 2, progress = fail),
      error = identity
    ), own
  )
  expect_identical(mappingMatrix(mapCells(problem$sc, problem$st)), before)
  for (wrong in list(function() 1, function(a, b) 1, function(a, b, c, d) 1)) {
    expect_error(
      mapCells(problem$sc, problem$st, progress = wrong), "of three values",
      class = "homespot_input_error"
    )
  }
  for (right in list(function(...) 1, function(a, b, c, d = 1) 1)) {
    expect_no_error(mapCells(problem$sc, problem$st, progress = right))
  }
})

# --- maps that say nothing ----------------------------------------------------

uninformative <- list(
  ssa = list(), correlation = list(),
  come = list(hidden = 6, latent = 3, pretrain.epochs = 2, epochs = 2)
)
for (method in names(uninformative)) {
  test_that(paste("one warning says that a map says nothing:", method), {
    problem <- smallProblem()
    alike <- problem$st
    alike[] <- alike[, 1L]
    said <- list()
    map <- withCallingHandlers(
      do.call(mapCells, c(
        list(problem$sc, alike, method = method), uninformative[[method]]
      )),
      warning = function(w) {
        said <<- c(said, list(w))
        invokeRestart("muffleWarning")
      }
    )
    expect_length(said, 1L)
    expect_s3_class(said[[1L]], "homespot_convergence_warning")
    expect_match(conditionMessage(said[[1L]]), paste(
      "^The map says next to nothing of where a cell sits: the mean entropy of",
      "its rows is (1\\.0000|0\\.99\\d\\d) of log N"
    ))
    p <- bare(map)
    # COME's steps amplify the rounding, which differs among processors.
    expect_lt(max(p) - min(p), 0.2 / ncol(p))
    expect_no_warning(do.call(mapCells, c(
      list(problem$sc, problem$st, method = method), uninformative[[method]]
    )))
  })
}

test_that("weights of genes that neither data set has are counted", {
  demo <- demoData()
  sc <- demo$sc[, 1:60]
  sc <- sc[rowSums(SummarizedExperiment::assay(sc)) > 0, ]
  own <- stats::setNames(rep(1, nrow(demo$st)), rownames(demo$st))
  given <- c(own, nowhere = 2, none = 0)
  expect_warning(
    found <- mapCells(sc, demo$st, gene.weights = given),
    paste(
      "2 of [0-9]+ gene\\(s\\) with a weight are in neither data set",
      "\\('nowhere', 'none'\\)"
    ),
    class = "homespot_data_warning"
  )
  expect_identical(
    mappingMatrix(found),
    mappingMatrix(mapCells(sc, demo$st, gene.weights = own))
  )
})
