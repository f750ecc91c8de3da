# A map that is not written down: features of the cells and spots, and
# potentials, from which the core makes P. The assay is a DelayedMatrix on them,
# so that it travels, is subset and is read as any other.

setClass("PotentialsSeed", representation(
  cells = "matrix", spots = "matrix", ofCells = "numeric", ofSpots = "numeric",
  epsilon = "numeric", absolute = "logical", dtype = "character"
))

setMethod("dim", "PotentialsSeed", function(x) {
  c(nrow(x@cells), nrow(x@spots))
})

setMethod("extract_array", "PotentialsSeed", function(x, index) {
  part <- .partOf(x, index[[1L]], index[[2L]])
  if (0L %in% dim(part)) {
    return(matrix(0, nrow(part), ncol(part)))
  }
  .fromPython(.call("potential_rows", .potentialsToPython(part)))
})

# Rows are made whole, in blocks of a few million entries.
setMethod("chunkdim", "PotentialsSeed", function(x) {
  rows <- max(1, min(nrow(x), floor(2^22 / max(ncol(x), 1))))
  c(as.integer(rows), max(ncol(x), 1L))
})

# Some cells and spots; NULL is all.
.partOf <- function(seed, cells = NULL, spots = NULL) {
  if (!is.null(cells)) {
    seed@cells <- seed@cells[cells, , drop = FALSE]
    seed@ofCells <- seed@ofCells[cells]
  }
  if (!is.null(spots)) {
    seed@spots <- seed@spots[spots, , drop = FALSE]
    seed@ofSpots <- seed@ofSpots[spots]
  }
  seed
}

# What P of a map is made of, with the cells and spots that it has; NULL if it
# is written down, or more was done to it than to take a part.
.potentialsOf <- function(p) {
  if (is(p, "DelayedMatrix")) {
    .potentialsOf(p@seed)
  } else if (is(p, "DelayedSetDimnames")) {
    .potentialsOf(p@seed)
  } else if (is(p, "DelayedSubset")) {
    seed <- .potentialsOf(p@seed)
    if (is.null(seed)) NULL else .partOf(seed, p@index[[1L]], p@index[[2L]])
  } else if (is(p, "PotentialsSeed")) {
    p
  }
}

.potentialsToPython <- function(seed) {
  .call(
    "potentials", .arrayToPython(seed@cells), .arrayToPython(seed@spots),
    .numbers(seed@ofCells), .numbers(seed@ofSpots), seed@epsilon,
    seed@absolute, seed@dtype
  )
}

# P as the core returns it: a matrix, or a DelayedMatrix on what it is made of.
.matrixFromPython <- function(value) {
  made <- value$get("potentials")
  if (.isNone(made)) {
    return(.fromPython(value))
  }
  part <- function(name) .fetch(made$get(name))
  DelayedArray::DelayedArray(new("PotentialsSeed",
    cells = part("cells"), spots = part("spots"),
    ofCells = as.vector(part("of_cells")),
    ofSpots = as.vector(part("of_spots")),
    epsilon = part("epsilon"), absolute = part("absolute"),
    dtype = part("dtype")
  ))
}

# Several, one below the other, if their spots are the same to the byte; NULL
# otherwise.
.bindPotentials <- function(seeds) {
  first <- seeds[[1L]]
  of <- c("spots", "ofSpots", "epsilon", "absolute", "dtype")
  same <- vapply(seeds, function(seed) {
    !is.null(seed) && all(vapply(of, function(name) {
      identical(slot(seed, name), slot(first, name))
    }, NA))
  }, NA)
  if (!all(same)) {
    return(NULL)
  }
  first@cells <- do.call(base::rbind, lapply(seeds, function(seed) seed@cells))
  first@ofCells <- unlist(lapply(seeds, function(seed) seed@ofCells))
  DelayedArray::DelayedArray(first)
}
