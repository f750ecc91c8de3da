# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-convert.R",
# package = "homespot")'.

skipWithoutPython()

sparseMatrixOf <- function(genes = 40L, cells = 15L) {
  withr::with_seed(2L, {
    x <- Matrix::rsparsematrix(genes, cells, 0.2)
    rownames(x) <- paste0("g", seq_len(genes))
    colnames(x) <- paste0("c", seq_len(cells))
    x
  })
}

# A delayed matrix is read when Python asks for it; here for all of it.
whole <- function(x) {
  streamed <- reticulate::import("homespot.matrix.streamed", convert = FALSE)
  streamed$in_memory(x)
}

test_that("a dgCMatrix crosses slot by slot", {
  x <- sparseMatrixOf()
  crossed <- .toPython(x)
  expect_s3_class(crossed, "scipy.sparse._csr.csr_matrix")
  slot <- function(name) {
    as.vector(reticulate::py_to_r(reticulate::py_get_attr(crossed, name)))
  }
  expect_identical(slot("data"), x@x)
  expect_identical(slot("indices"), x@i)
  expect_identical(slot("indptr"), x@p)
  expect_identical(
    unlist(reticulate::py_to_r(crossed$shape)), rev(dim(x))
  )
  expect_identical(reticulate::py_to_r(crossed$dtype$name), "float64")
})

test_that("a matrix crosses as a view that cannot be written to", {
  x <- matrix(stats::runif(12), 3)
  crossed <- .toPython(x)
  expect_false(reticulate::py_to_r(crossed$flags$owndata))
  expect_false(reticulate::py_to_r(crossed$flags$writeable))
  expect_true(reticulate::py_to_r(crossed$flags$c_contiguous))
  expect_identical(reticulate::py_to_r(crossed), t(x))
})

test_that("sparse classes stay sparse, all others keep their numbers", {
  x <- sparseMatrixOf()
  sparse <- list(
    x, as(x, "RsparseMatrix"), as(x, "TsparseMatrix"), as(x != 0, "lMatrix"),
    as(x, "SVT_SparseMatrix"), DelayedArray::DelayedArray(x),
    Matrix::crossprod(x)
  )
  for (y in sparse) {
    crossed <- whole(.toPython(y))
    expect_s3_class(crossed, "scipy.sparse._csr.csr_matrix")
    dense <- reticulate::py_to_r(crossed$toarray())
    expect_equal(dense + 0, unname(t(as.matrix(y))) + 0, tolerance = 1e-7)
  }
  for (y in list(as.matrix(x), DelayedArray::DelayedArray(as.matrix(x)))) {
    expect_equal(
      reticulate::py_to_r(whole(.toPython(y))), unname(t(as.matrix(x)))
    )
  }
})

test_that("a sparse array too large for a dgCMatrix is read in blocks", {
  x <- as(sparseMatrixOf(), "SVT_SparseMatrix")
  at.once <- reticulate::py_to_r(.toPython(x)$toarray())
  local_mocked_bindings(.mostEntries = 3L)
  streamed <- .toPython(x)
  expect_s3_class(streamed, "homespot.matrix.streamed.Streamed")
  expect_identical(reticulate::py_to_r(whole(streamed)$toarray()), at.once)
})

test_that("blocks keep what float32 cannot hold", {
  x <- matrix(c(1, 1 + 1e-12, 2, 3), 2)
  expect_identical(
    reticulate::py_to_r(whole(.toPython(DelayedArray::DelayedArray(x)))), t(x)
  )
})

test_that("a sparse map crosses both ways unchanged", {
  p <- mappingMatrix(smallMap())
  p[p < 0.2] <- 0
  sparse <- as(p, "CsparseMatrix")
  map <- smallMap(sparse)
  value <- .columnsFromPython(.call("home_spots", .mappingToPython(map)))
  expect_identical(value$homespot_spot, unname(homeSpot(map)))
  for (q in list(p, sparse, DelayedArray::DelayedArray(p))) {
    expect_identical(
      unlist(reticulate::py_to_r(.mapToPython(q)$shape)), dim(p)
    )
  }
})

test_that("large integers are not lost on the way to R", {
  answer <- reticulate::py_to_r(.core()$values$plain(reticulate::py_eval(
    "{'big': 2**40, 'small': 3, 'list': ['a'], 'none': None, 'tuple': (1, 2)}",
    convert = FALSE
  )))
  expect_identical(answer$big, 2^40)
  expect_identical(answer$small, 3L)
  expect_identical(as.vector(answer$list), "a")
  expect_null(answer$none)
  expect_equal(as.vector(answer$tuple), c(1, 2))
})
