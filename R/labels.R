# Labels of cells or spots, as methods that learn from them take them: a
# parameter names a column of colData.

# Which parameter names the column of which side; the core's map.LABELS.
.labelParameters <- c(sc = "labels", st = "st_labels")

# The column as Python's tables take it, or NULL where none is named. A name
# that is none is left to the core, which refuses it with the others.
.labels <- function(x, data, side, given) {
  parameter <- .labelParameters[[side]]
  name <- given[[parameter]]
  if (!is.character(name) || length(name) != 1L || !nzchar(name)) {
    return(NULL)
  }
  if (!name %in% names(data)) {
    .refuseLabels(x, data, side, name, .dotted(parameter))
  }
  column <- .columnToPython(data[[name]])
  if (is.null(column)) {
    .refuse(
      sprintf("plain values in column '%s' of colData(%s)", name, side),
      .describe(data[[name]]), "Make it a factor or text first."
    )
  }
  column
}

.refuseLabels <- function(x, data, side, name, parameter) {
  seurat <- .isSeurat(x)
  what <- sprintf(
    if (seurat) {
      "a column '%s' in the metadata of %s"
    } else {
      "a column '%s' in colData(%s)"
    }, name, side
  )
  if (!seurat && !is(x, "SummarizedExperiment")) {
    .refuse(
      what, sprintf("%s, which has no colData", .describe(x)),
      sprintf(paste(
        "Put it into a SingleCellExperiment with that column, or leave %s",
        "out."
      ), parameter)
    )
  }
  .refuse(
    what, if (length(data)) .some(names(data), 10L) else "no columns",
    sprintf("Name one that is there as %s.", parameter)
  )
}
