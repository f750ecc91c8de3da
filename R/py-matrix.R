# Matrices across the bridge: never made dense, never sorted again, and with
# their names beside them.

# A matrix of genes by cells, as its transpose, to Python: cells by genes.
.toPython <- function(x) {
  .atPython(".transposed", x)
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

# Those of more entries than a dgCMatrix can hold are read in blocks.
setMethod(".transposed", "SparseMatrix", function(x) {
  if (SparseArray::nzcount(x) > .mostEntries) {
    .transposed(DelayedArray::DelayedArray(x))
  } else {
    .transposed(as(x, "dgCMatrix"))
  }
})

.mostEntries <- .Machine$integer.max

# Not the numbers, but how to read them: in blocks of columns, as large as
# getAutoBlockSize() says, one at a time, when they are needed.
setMethod(".transposed", "DelayedMatrix", function(x) {
  grid <- colAutoGrid(x)
  sparse <- DelayedArray::is_sparse(x)
  widths <- vapply(seq_along(grid), function(i) ncol(grid[[i]]), 0L)
  read <- function(k) {
    k <- .fetch(k) + 1L
    tryCatch(
      {
        block <- read_block(x, grid[[k]], as.sparse = sparse)
        .transposed(if (sparse) as(block, "dgCMatrix") else block)
      },
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
  # Of columns from one to another, as R's.
  columns <- function(...) .fetch(.uninterrupted(.core()$columns(result, ...)))
  none <- columns(0L, 0L)
  p <- matrix(vector(typeof(none), 1L), shape[1L], shape[2L])
  step <- max(1L, as.integer(2^21 / max(shape[1L], 1L)))
  for (start in seq.int(0L, by = step, length.out = ceiling(
    shape[2L] / step
  ))) {
    stop <- min(start + step, shape[2L])
    p[, (start + 1L):stop] <- columns(start, stop)
  }
  .uninterrupted(.core()$release(result))
  p
}

# The way back, for verbs that read a map: cells by spots stay cells by spots.
.mapToPython <- function(p) {
  made <- .potentialsOf(p)
  if (!is.null(made)) {
    .potentialsToPython(made)
  } else if (is(p, "DelayedMatrix")) {
    .toPython(.onDisk(t(p)))
  } else if (is.matrix(p)) {
    .arrayToPython(unname(p))
  } else {
    .toPython(t(as(p, "Matrix")))
  }
}

# As it is, for what is no table of genes.
.arrayToPython <- function(x) {
  .checkText(x)
  .atPython(".asArray", x)
}

.asArray <- function(x) {
  reticulate::r_to_py(x, convert = FALSE)
}

# Named values of R as a dict, also where there are none. R would crash if text
# among them were not in UTF-8.
.dict <- function(x) {
  .checkText(x)
  .atPython(".newDict", x)
}

.newDict <- function(x) {
  do.call(reticulate::dict, c(x, list(convert = FALSE)))
}
