# Alone: Rscript -e 'testthat::test_file("tests/testthat/
# test-crossValidateGenes.R", package = "homespot")'.
#
# Numbers against Python's: tests/interop/test_evaluate_in_r.py.

skipWithoutPython()

problem <- smallProblem(spots = 10L)
sce <- SingleCellExperiment::SingleCellExperiment(
  list(counts = problem$sc),
  colData = S4Vectors::DataFrame(type = rep(c("a", "b"), 6))
)
spe <- SpatialExperiment::SpatialExperiment(
  assays = list(counts = problem$st), spatialCoords = problem$coords
)

withoutSeconds <- function(x) x[setdiff(names(x), "seconds")]

uniform <- function(sc, st) {
  matrix(1 / ncol(st), ncol(sc), ncol(st))
}

test_that("the table is tidy: one row a gene and method", {
  table <- crossValidateGenes(sce, spe, c("ssa", "correlation"), folds = 3)
  expect_identical(class(table), "data.frame")
  expect_identical(
    names(table),
    c(
      "gene", "fold", "method", "pcc", "ssim", "rmse", "jsd", "seconds",
      "read_out", "residuals"
    )
  )
  expect_identical(unique(table$method), c("ssa", "correlation"))
  for (part in split(table, table$method)) {
    expect_setequal(part$gene, rownames(problem$st))
    expect_identical(sort(unique(part$fold)), 1:3)
  }
  one <- crossValidateGenes(problem$sc, spe, folds = 3)
  expect_identical(
    withoutSeconds(one), withoutSeconds(table[table$method == "ssa", ])
  )
})

test_that("folds can be given by gene", {
  fold <- stats::setNames(c(2, 1, 2), c("nan", "a.b", "1"))
  table <- crossValidateGenes(sce, spe, folds = fold)
  expect_identical(table$gene, c("a.b", "1", "nan"))
  expect_identical(table$fold, c(1L, 2L, 2L))
})

test_that("a function gets log values and counts, without what is held out", {
  seen <- list()
  look <- function(sc, st) {
    seen[[length(seen) + 1L]] <<- rownames(st)
    expect_s4_class(sc, "SingleCellExperiment")
    expect_s4_class(st, "SpatialExperiment")
    expect_identical(dim(sc), dim(sce))
    expect_identical(sc$type, sce$type)
    expect_equal(
      unname(SpatialExperiment::spatialCoords(st)), unname(problem$coords)
    )
    counts <- SummarizedExperiment::assay(st, "counts")
    expect_equal(counts, problem$st[rownames(st), ])
    expect_equal(
      SummarizedExperiment::assay(st, "logcounts"),
      log1p(1e4 * t(t(counts) / colSums(problem$st))),
      tolerance = 1e-6
    )
    uniform(sc, st)
  }
  table <- crossValidateGenes(sce, spe, look, folds = 3, read.out = "mean")
  expect_identical(unique(table$method), "look")
  expect_identical(table$pcc, rep(0, nrow(table)))
  for (i in 1:3) {
    expect_setequal(
      seen[[i]], setdiff(rownames(problem$st), table$gene[table$fold == i])
    )
  }
})

test_that("a function returns P in any form", {
  # The map of a fold is made once.
  maps <- list()
  made <- function(sc, st) {
    fold <- paste(rownames(st), collapse = " ")
    if (is.null(maps[[fold]])) {
      maps[[fold]] <<- mapCells(sc, st, progress = FALSE)
    }
    maps[[fold]]
  }
  dense <- function(sc, st) mappingMatrix(made(sc, st))
  forms <- list(
    map = made, dense = dense,
    bare = function(sc, st) unname(dense(sc, st)),
    sparse = function(sc, st) as(dense(sc, st), "CsparseMatrix"),
    delayed = function(sc, st) DelayedArray::DelayedArray(dense(sc, st)),
    reversed = function(sc, st) {
      dense(sc, st)[rev(seq_len(ncol(sc))), rev(seq_len(ncol(st)))]
    }
  )
  table <- crossValidateGenes(sce, spe, forms, folds = 2)
  expect_length(maps, 2L)
  parts <- split(table[c("pcc", "ssim", "rmse", "jsd")], table$method)
  for (name in names(forms)) {
    expect_equal(
      parts[[name]], parts$map,
      tolerance = 1e-6, ignore_attr = TRUE, label = name
    )
  }
})

test_that("an error of a function is passed on as it is", {
  condition <- structure(
    class = c("mine", "error", "condition"),
    list(message = "that one", call = NULL)
  )
  expect_error(
    crossValidateGenes(sce, spe, function(sc, st) stop(condition)),
    "^that one$",
    class = "mine"
  )
})

test_that("finished folds are kept, and not done again", {
  output <- withr::local_tempfile(fileext = ".csv")
  calls <- 0
  counted <- function(sc, st) {
    calls <<- calls + 1
    if (calls == 3) {
      stop("no more")
    }
    uniform(sc, st)
  }
  again <- function() {
    crossValidateGenes(sce, spe, counted, folds = 4, output = output)
  }
  expect_error(again(), "no more")
  expect_identical(length(unique(read.csv(output)$fold)), 2L)
  table <- again()
  expect_identical(calls, 5)
  expect_identical(again(), table)
  expect_identical(calls, 5)
  expect_error(
    crossValidateGenes(sce, spe, uniform, folds = 4, output = output),
    "other methods",
    class = "homespot_input_error"
  )
})

test_that("progress is told fold by fold", {
  steps <- NULL
  crossValidateGenes(
    sce, spe,
    folds = 3, progress = function(done, total, note) {
      steps <<- rbind(steps, c(done, total))
    }
  )
  expect_equal(steps, cbind(0:3, 3))
})

test_that("fresh processes give the same, and say what went wrong", {
  testthat::skip_if_not_installed("BiocParallel")
  testthat::skip_if(nzchar(packagePath()), "workers need it installed")
  withr::local_envvar(OMP_NUM_THREADS = "1")
  set.seed(1)
  before <- .Random.seed
  # From here, as a script's function would be; this file's hold all of it.
  methods <- list(ssa = "ssa", uniform = uniform)
  environment(methods$uniform) <- globalenv()
  workers <- BiocParallel::SnowParam(2L)
  BiocParallel::bpstart(workers)
  withr::defer(BiocParallel::bpstop(workers))
  steps <- 0
  table <- crossValidateGenes(
    sce, spe, methods,
    folds = 2, BPPARAM = workers,
    progress = function(done, total, note) steps <<- done
  )
  expect_identical(
    withoutSeconds(table),
    withoutSeconds(crossValidateGenes(sce, spe, methods, folds = 2))
  )
  expect_identical(as.integer(steps), 4L)
  expect_identical(.Random.seed, before)
  methods$bad <- function(sc, st) matrix(2, ncol(sc), ncol(st))
  environment(methods$bad) <- globalenv()
  expect_error(
    crossValidateGenes(sce, spe, methods["bad"], folds = 2, BPPARAM = workers),
    "rows of probabilities that sum to 1",
    class = "homespot_input_error"
  )
})

test_that("what is not as described is refused, with the reason", {
  refused <- function(expr, pattern) {
    expect_error(expr, pattern, class = "homespot_input_error")
  }
  refused(crossValidateGenes(sce, spe, folds = 1), "from 2 to the 30 shared")
  refused(crossValidateGenes(sce, spe, folds = NA), "named by gene")
  refused(crossValidateGenes(sce, spe, folds = c("a", "b")), "named by gene")
  refused(crossValidateGenes(sce, spe, folds = c(x = 1)), "found 1 that are")
  refused(crossValidateGenes(sce, spe, read.out = "max"), "read.out to be one")
  refused(crossValidateGenes(sce, spe, "no"), "method to be one of")
  refused(crossValidateGenes(sce, spe, 3), "by names, each once")
  refused(crossValidateGenes(sce, spe, list("ssa", uniform)), "by names, each")
  refused(crossValidateGenes(sce, spe, list(a = 3)), "a list of its name and")
  refused(crossValidateGenes(sce, spe, uniform, n.genes = 3), "by name only")
  refused(crossValidateGenes(sce, spe, nope = 3), "parameters of method 'ssa'")
  refused(crossValidateGenes(sce, spe, output = "a.txt"), "ends in .csv")
  refused(crossValidateGenes(sce), "spatial data as `st`")
  refused(
    crossValidateGenes(sce, spe, "come", labels = "kind"),
    "a column 'kind' in colData\\(sc\\)"
  )
  refused(
    crossValidateGenes(sce, spe, function(sc, st) 1), "a map of cells x spots"
  )
  refused(
    crossValidateGenes(sce, spe, function(sc, st) t(uniform(sc, st))),
    "a map of 12 cells x 10 spots"
  )
  testthat::skip_if_not_installed("BiocParallel")
  refused(
    crossValidateGenes(sce, spe, BPPARAM = BiocParallel::MulticoreParam(2L)),
    "forked, which hang once Python was loaded"
  )
  refused(crossValidateGenes(sce, spe, BPPARAM = 2), "BPPARAM of BiocParallel")
})

test_that("tuning chooses, and says what that brings", {
  tuned <- tuneMapping(
    sce, spe, "ssa", list(regularisation = c(0.05, 0.5), n.genes = 25),
    folds = 2, outer.folds = 2
  )
  expect_s3_class(tuned, "homespotTuning")
  expect_named(tuned, c(
    "method", "settings", "read.out", "tried", "outer", "seconds"
  ))
  expect_named(tuned$settings, c("regularisation", "n.genes"))
  expect_named(tuned$tried, c(
    "outer", "regularisation", "n.genes", "read.out", "pcc", "seconds", "chosen"
  ))
  expect_identical(
    as.vector(table(tuned$tried$outer[tuned$tried$chosen])), c(1L, 1L, 1L)
  )
  expect_setequal(tuned$outer$method, c("tuned", "defaults"))
  expect_setequal(tuned$outer$gene, rownames(problem$st))
  map <- do.call(mapCells, c(list(sce, spe, tuned$method), tuned$settings))
  expect_s4_class(map, "CellMapping")
  expect_output(print(tuned), "3 settings were tried")
  expect_error(
    tuneMapping(sce, spe, "ssa", list(nope = 1)), "or read.out in grid",
    class = "homespot_input_error"
  )
  expect_error(
    tuneMapping(sce, spe, "ssa", list(1)), "named by parameter",
    class = "homespot_input_error"
  )
})

test_that("R's arguments are Python's", {
  cases <- list(
    list(
      "cross_validate", homespot::crossValidateGenes, c("progress", "BPPARAM")
    ),
    list("tune", homespot::tuneMapping, "progress")
  )
  for (case in cases) {
    signature <- .toR(.call("signature", case[[1L]]))
    found <- formals(case[[2L]])
    # R: assay for layer, and processes by BPPARAM.
    expect_setequal(
      setdiff(names(found), c("...", "BPPARAM")),
      .dotted(sub("_layer", "_assay_type", setdiff(names(signature), "n_jobs")))
    )
    both <- intersect(names(found), .dotted(names(signature)))
    for (name in setdiff(both, c("sc", "st"))) {
      expect_identical(
        eval(found[[name]]), signature[[.snake(name)]],
        label = paste(case[[1L]], name)
      )
    }
  }
})
