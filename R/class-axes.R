# Which column of coordinates is x, and which y, by the rules of the core.
# Columns that are called x, y (and z) in this order need no Python.

.arePlainAxes <- function(names) {
  length(names) %in% 2:3 &&
    identical(as.character(names), .keys$COORDINATES[seq_along(names)])
}

# The columns of x, y and, where there is one, z, and whether y counts rows from
# the top; NULL where the names do not say.
.axes <- function(names) {
  if (length(names) == 0L) {
    return(NULL)
  }
  if (.arePlainAxes(names)) {
    return(list(columns = seq_along(names), rows = FALSE))
  }
  found <- .toR(.call("axes_of", as.list(as.character(names))))
  if (!is.null(found)) {
    list(columns = as.integer(found$columns) + 1L, rows = found$rows)
  }
}

# Coordinates in the order that the names of their columns say, x, y, z or 1, 2,
# 3, without numbers of the rows; as they are where there are no names.
.ordered <- function(coords) {
  names <- colnames(coords)
  if (is.null(names) || ncol(coords) == 0L || .arePlainAxes(names)) {
    return(coords)
  }
  columns <- as.integer(.toR(.call(
    "column_order", .arrayToPython(unname(as.matrix(coords))), as.list(names)
  ))) + 1L
  same <- identical(columns, seq_along(names))
  if (same) coords else coords[, columns, drop = FALSE]
}
