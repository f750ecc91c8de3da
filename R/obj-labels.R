# Labels of cells or spots, as methods that learn from them take them: the name
# of a column of colData, or the labels themselves.

# Which parameter has the labels of which side; the core's labels.LABELS.
.labelParameters <- c(sc = "labels", st = "st_labels")

# Which parameters take more than one value: labels, and numbers by gene.
.tableParameters <- c(.labelParameters, "gene_weights")

# More than a name: one value a row, or values with names.
.areLabels <- function(x) {
  !is.null(x) && (
    length(x) != 1L || !is.null(names(x)) || is.factor(x) || length(dim(x))
  )
}

# Labels that are given as values, as Python takes them: by name where they
# have names.
.labelValues <- function(x, what) {
  x <- .plainLabels(x)
  column <- if (is.atomic(x) || is(x, "Rle")) .columnToPython(unname(x))
  .refuseIf(
    is.null(column), sprintf(
      "%s as the name of a column, a vector, a factor or a list by name", what
    ),
    .describe(x), "Pass one of these."
  )
  .call("values", column, .namesToPython(names(x), what))
}

# A table of one column is that column, by the names of its rows if it has any;
# a list by name is a vector with names.
.plainLabels <- function(x) {
  if ((is.data.frame(x) || is(x, "DataFrame")) && ncol(x) == 1L) {
    own <- !is.data.frame(x) || .row_names_info(x) > 0L
    names <- if (own) rownames(x)
    x <- x[[1L]]
    names(x) <- names
    return(x)
  }
  named <- is.list(x) && !is.object(x) && !is.null(names(x))
  if (named && all(lengths(x) == 1L)) unlist(x) else x
}

# Columns that parameters name have to be there, in what R can carry over. A
# name that is none is left to the core, which refuses it with the others.
.checkLabels <- function(data, given) {
  for (side in names(.labelParameters)) {
    parameter <- .labelParameters[[side]]
    name <- given[[parameter]]
    if (is.character(name) && length(name) == 1L && nzchar(name)) {
      sides <- if (side == "sc") list(data$sc) else data$tables
      .needColumn(data$given[[side]], sides, side, name, .dotted(parameter))
    }
  }
}

.needColumn <- function(x, sides, side, name, parameter) {
  if (length(sides) > 1L && name == .keys$SECTION) {
    return(invisible())  # Putting the sections together makes it.
  }
  for (i in seq_along(sides)) {
    data <- sides[[i]]$data
    if (!name %in% names(data)) {
      object <- if (length(sides) > 1L) .subset2(as.list(x), i) else x
      .refuseColumn(object, data, side, name, parameter)
    }
    .refuseIf(
      is.null(.columnToPython(data[[name]])),
      sprintf("plain values in column '%s' of colData(%s)", name, side),
      .describe(data[[name]]), "Make it a factor or text first."
    )
  }
}

.refuseColumn <- function(x, data, side, name, parameter) {
  seurat <- .isSeurat(x)
  what <- sprintf(
    if (seurat) {
      "a column '%s' in the metadata of %s"
    } else {
      "a column '%s' in colData(%s)"
    }, name, side
  )
  .refuseIf(
    !seurat && !is(x, "SummarizedExperiment") && length(data) == 0L, what,
    sprintf("%s, which has no colData", .describe(x)), sprintf(paste(
      "Put it into a SingleCellExperiment with that column, or leave %s",
      "out."
    ), parameter)
  )
  .refuse(
    what, if (length(data)) .some(names(data), 10L) else "no columns",
    sprintf("Name one that is there as %s.", parameter)
  )
}
