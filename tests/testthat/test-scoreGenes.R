# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-scoreGenes.R",
# package = "homespot")'.
#
# Numbers against Python's: tests/interop/test_evaluate_in_r.py.

skipWithoutPython()

true <- log1p(smallProblem()$st)
found <- log1p(smallProblem(seed = 2L)$st)
refused <- function(expr, pattern) {
  expect_error(expr, pattern, class = "homespot_input_error")
}

test_that("scores are what their definition says", {
  scores <- scoreGenes(true, found)
  expect_identical(names(scores), c("gene", "pcc", "ssim", "rmse", "jsd"))
  expect_identical(scores$gene, rownames(true))
  expect_equal(scores$pcc, unname(diag(stats::cor(t(true), t(found)))))
  z <- function(x) {
    t((x - rowMeans(x)) / sqrt(rowMeans((x - rowMeans(x))^2)))
  }
  expect_equal(scores$rmse, unname(sqrt(colMeans((z(true) - z(found))^2))))
})

test_that("genes and spots are matched by name, in every class", {
  expected <- scoreGenes(true, found)
  shuffled <- found[30:1, 8:1]
  classes <- list(
    identity, function(x) as(x, "CsparseMatrix"), DelayedArray::DelayedArray,
    function(x) SummarizedExperiment::SummarizedExperiment(list(x)),
    function(x) {
      assays <- list(counts = x, logcounts = x)
      SummarizedExperiment::SummarizedExperiment(assays)
    }, as.data.frame
  )
  for (class in classes) {
    expect_equal(scoreGenes(true, class(shuffled)), expected, tolerance = 1e-12)
    expect_equal(
      scoreGenes(class(true), shuffled), expected,
      tolerance = 1e-12
    )
  }
  few <- scoreGenes(true, found[c("a.b", "nan"), ])
  expect_equal(few, expected[expected$gene %in% few$gene, ], ignore_attr = TRUE)
  some <- scoreGenes(true, found[, 3:1])
  expect_equal(some, scoreGenes(true[, 1:3], found[, 1:3]))
})

test_that("tables that cannot be compared are refused", {
  refused(scoreGenes(true[1:3, ], found[4:6, ]), "genes that are in both")
  refused(scoreGenes(true[, 1:4], found), "in `true` all spots of `found`")
  refused(scoreGenes(unname(true), found), "row names of `true`")
  refused(scoreGenes(true, found[c(1, 1), ]), "every name of genes once")
  refused(scoreGenes(true, withoutColnames(found)), "or in none")
  refused(scoreGenes(true, "x"), "`found` as a matrix")
  refused(scoreGenes(true / 0, found), "finite expression")
  two <- SummarizedExperiment::SummarizedExperiment(list(a = true, b = true))
  refused(scoreGenes(two, found), "Name the one to compare as true.assay.type")
  expect_identical(
    scoreGenes(two, found, true.assay.type = "b"), scoreGenes(true, found)
  )
})

test_that("proportions are scored by spot and by type", {
  share <- function(x) t(t(x) / colSums(x))
  a <- share(true[1:4, ] + 1)
  b <- share(found[rownames(a), ] + 1)
  spots <- scoreProportions(a, b[4:1, 8:1])
  expect_identical(names(spots)[1], "spot")
  expect_identical(spots$spot, colnames(a))
  expect_equal(spots$rmse, unname(sqrt(colMeans((a - b[, colnames(a)])^2))))
  types <- scoreProportions(a, b, by = "type")
  expect_identical(types$type, rownames(a))
  expect_equal(types$pcc, unname(diag(stats::cor(
    t(a), t(b[, colnames(a)])
  ))))
  refused(scoreProportions(a, b[1:3, ]), "the same types in both tables")
  refused(scoreProportions(a * 10, b), "proportions from 0 to 1")
  refused(scoreProportions(a, b, by = "gene"), "`by` to be one of")
})

test_that("methods are ranked by all scores at once", {
  good <- scoreGenes(true, true)
  bad <- scoreGenes(true, found)
  table <- accuracyScore(list(good = good, bad = bad))
  expect_identical(table$method, c("good", "bad"))
  expect_identical(table$accuracy, c(1, 0.5))
  expect_identical(table$rank.rmse, c(2, 1))
  tidy <- rbind(cbind(good, method = "good"), cbind(bad, method = "bad"))
  expect_identical(accuracyScore(tidy), table)
  refused(accuracyScore(list(good = good)), "2 methods or more")
  refused(accuracyScore(list(good, bad)), "named by method")
  refused(accuracyScore(good), "the columns 'method'")
  refused(
    accuracyScore(list(good = good, bad = bad[-1, ])), "the same genes"
  )
})

test_that("places are compared by name", {
  places <- cbind(x = c(0, 3, 1, 5), y = c(0, 1, 6, 2))
  rownames(places) <- paste0("c", 1:4)
  moved <- places + rep(c(3, 4), each = 4)
  expect_equal(placeDistances(places, moved), c(euclidean = 5, manhattan = 7))
  expect_equal(
    placeDistances(places, moved[4:2, ]), c(euclidean = 5, manhattan = 7)
  )
  expect_equal(
    placeDistances(as.data.frame(unname(places)), unname(moved)),
    c(euclidean = 5, manhattan = 7)
  )
  spe <- SpatialExperiment::SpatialExperiment(
    spatialCoords = places, assays = list(counts = t(places))
  )
  expect_equal(placeDistances(spe, moved), c(euclidean = 5, manhattan = 7))
  refused(placeDistances(places[1:2, ], moved), "all cells of `found`")
  refused(placeDistances(places, cbind(moved, 1)), "two tables of one shape")
  refused(placeDistances(places, NA), "places `found` as numbers")
})

test_that("densities are compared type by type", {
  places <- withr::with_seed(1, matrix(stats::rnorm(80), 40))
  rownames(places) <- paste0("c", 1:40)
  labels <- rep(c("b", "a"), 20)
  kl <- kdeDivergence(places, places + 1, labels)
  expect_named(kl, c("a", "b"))
  expect_true(all(kl > 0))
  expect_equal(unname(kdeDivergence(places, places, labels)), c(0, 0))
  named <- stats::setNames(factor(labels), rownames(places))
  expect_identical(kdeDivergence(places, places + 1, rev(named)), kl)
  expect_equal(
    kdeDivergence(places, (places + 1)[40:1, ], labels), kl,
    tolerance = 1e-10
  )
  expect_identical(
    kdeDivergence(places, places, c("few", "few", rep("a", 38)))[["few"]], NaN
  )
  refused(kdeDivergence(places, places, labels[-1]), "40 cells, found 39")
  refused(kdeDivergence(places, places), "labels of the cells")
})

test_that("R's arguments are Python's", {
  arguments <- function(f) {
    setdiff(names(formals(f)), c("true.assay.type", "found.assay.type"))
  }
  verbs <- list(
    gene_scores = scoreGenes, proportion_scores = scoreProportions,
    accuracy_score = accuracyScore, distances = placeDistances,
    kde_divergence = kdeDivergence
  )
  for (verb in names(verbs)) {
    # Genes have their names in R.
    python <- setdiff(names(.toR(.call("signature", verb))), "genes")
    expect_identical(arguments(verbs[[verb]]), python, label = verb)
  }
  by <- .toR(.call("signature", "proportion_scores"))$by
  expect_identical(eval(formals(scoreProportions)$by)[1], by)
})
