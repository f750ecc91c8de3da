#' Scores of genes and of proportions
#'
#' @description
#' `scoreGenes()` compares every gene's pattern in space with what was
#' measured, `scoreProportions()` the proportions of cell types, by the four
#' scores of Li et al. (2022), as in the COME paper.
#' Both take anybody's results.
#'
#' @param true,found What was measured, and what was predicted.
#'   For genes: genes by spots, values that can be compared, so both on the log
#'   scale or both not.
#'   For proportions: types by spots, from 0 to 1.
#'   Each a matrix of any class, a SummarizedExperiment, as [imputeGenes()]
#'   and [deconvolveSpots()] return it, or a Seurat object.
#'
#'   Genes, types and spots are matched by name.
#'   Scored are the genes that both have, at the spots of `found`; of
#'   proportions both have the same spots and types.
#'   Spots without names are taken in order.
#' @param true.assay.type,found.assay.type Name of the assay.
#'   `NULL`: the only one; of several `"logcounts"`, and for proportions
#'   `"proportion"`.
#'   Of a Seurat object an assay or a layer, as for [mapCells()]; `NULL`: the
#'   layer `data` of the default assay, and for proportions the prediction
#'   assay `"types"`, whose row `max` is left out.
#' @param by `"spot"`: over the types of every spot; `"type"`: over the spots of
#'   every type.
#'
#' @return A data.frame with one row a gene (spot, type), in the order of
#'   `true`: its name (`gene`, `spot` or `type`), and
#'   `pcc`, the Pearson correlation;
#'   `ssim`, the structural similarity of the patterns, each divided by its
#'   maximum, with C1 = 0.01^2, C2 = 0.03^2 and C3 = C2 / 2;
#'   `rmse`, the root mean squared difference, for genes of the z-scores, for
#'   proportions of these as they are;
#'   `jsd`, the Jensen-Shannon divergence in nats of the patterns, each scaled
#'   to sum to 1, `NaN` where one has negative values.
#'   The z-scores of a constant pattern are 0, and so is its pcc; a pattern of
#'   sum 0 counts as uniform.
#'   The numbers are those of Python's `metrics.gene_scores()` and
#'   `metrics.proportion_scores()`, to the byte.
#'
#' @section Errors:
#' Of class `homespot_input_error` if names are missing or stand there more than
#' once, `true` lacks spots, no gene is in both, or values are not finite.
#'
#' @references
#' Li B et al. (2022). Benchmarking spatial and single-cell transcriptomics
#' integration methods for transcript distribution prediction and cell type
#' deconvolution. Nature Methods 19, 662-670.
#'
#' @seealso [crossValidateGenes()] for scores of genes that a map has not seen.
#'   The scores of places of the DREAM challenge are in Python only,
#'   `homespot.dream.dream_scores()`.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' genes <- imputeGenes(map, demo$sc, c("Gene001", "Gene011"))
#' counts <- SummarizedExperiment::assay(demo$st, "counts")
#' measured <- log1p(1e4 * t(t(counts) / Matrix::colSums(counts)))
#' # These genes were mapped with: no honest scores.
#' scoreGenes(measured, genes)
#'
#' types <- deconvolveSpots(map, "cell_type")
#' head(scoreProportions(types, types))
#'
#' @export
scoreGenes <- function(
    true, found, true.assay.type = NULL, found.assay.type = NULL) {
  true <- .scored(true, true.assay.type, "true", "genes", "logcounts")
  found <- .scored(found, found.assay.type, "found", "genes", "logcounts")
  true$values <- .withNames(true$values, found$columns)
  true$columns <- colnames(true$values)
  genes <- intersect(true$rows, found$rows)
  .refuseIf(
    !length(genes), "genes that are in both", sprintf(
      "none: `true` has %s, `found` has %s", .some(true$rows),
      .some(found$rows)
    ),
    "Name genes alike."
  )
  spots <- .spotsOf(true, found)
  .dataFrame(.call(
    "gene_scores", .toPython(.takePart(true, genes, spots)),
    .toPython(.takePart(found, genes, NULL)), as.list(genes)
  ))
}

#' @rdname scoreGenes
#' @export
scoreProportions <- function(
    true, found, by = c("spot", "type"), true.assay.type = NULL,
    found.assay.type = NULL) {
  by <- .checkChoice(by, c("spot", "type"), "by")
  true <- .scored(true, true.assay.type, "true", "types", "proportion")
  found <- .scored(found, found.assay.type, "found", "types", "proportion")
  .spotsOf(true, found)
  .dataFrame(.call(
    "proportion_scores", .proportions(true), .proportions(found), by
  ))
}

.proportions <- function(side) {
  spots <- side$columns
  if (is.null(spots)) {
    spots <- sprintf("spot%d", seq_len(ncol(side$values)))
  }
  .call(
    "proportions", .toPython(as.matrix(side$values)), as.list(spots),
    as.list(side$rows)
  )
}

# A table of scores' side: its values, and the names of its rows and columns.
.scored <- function(x, assay.type, name, what, usual) {
  if (.isSeurat(x)) {
    x <- .scoredSeurat(x, assay.type, usual)
    assay.type <- NULL
  }
  if (is(x, "SummarizedExperiment")) {
    # Before assay() is called, which would wrap a refusal in its own error.
    which <- .scoredAssay(x, assay.type, name, usual)
    x <- assay(x, which)
  } else if (!is.null(assay.type)) {
    .refuse(
      sprintf("no `%s.assay.type` for what has no assays", name),
      .describe(assay.type), "Leave it out, or give an object that has assays."
    )
  }
  if (is.data.frame(x)) {
    x <- as.matrix(x)
  }
  if (!(is.matrix(x) || is(x, "Matrix") || is(x, "DelayedMatrix") ||
          is(x, "SparseMatrix"))) {
    .refuse(
      sprintf(
        "`%s` as a matrix, a SummarizedExperiment or a Seurat object", name
      ),
      .describe(x), sprintf("Give %s in rows, and spots in columns.", what)
    )
  }
  .checkNumbers(x, sprintf("table `%s`", name))
  rows <- rownames(x)
  .refuseIf(
    is.null(rows) || anyNA(rows),
    sprintf("names of the %s as row names of `%s`", what, name),
    if (is.null(rows)) "none" else "missing ones", "Set rownames()."
  )
  for (axis in seq_len(2L)) {
    names <- dimnames(x)[[axis]]
    twice <- unique(names[duplicated(names)])
    .refuseIf(
      length(twice),
      sprintf("every name of %s once in `%s`", c(what, "spots")[axis], name),
      sprintf("%s more than once", .some(twice)), "Give each a name of its own."
    )
  }
  list(values = x, rows = rows, columns = colnames(x))
}

.scoredAssay <- function(x, assay.type, name, usual) {
  known <- assayNames(x)
  if (length(assays(x)) == 1L && is.null(assay.type)) {
    return(1L)
  }
  if (is.null(assay.type)) {
    assay.type <- usual
  }
  .refuseIf(
    !is.character(assay.type) || length(assay.type) != 1L ||
      !assay.type %in% known,
    sprintf("an assay %s in `%s`", .describe(assay.type), name),
    if (length(known)) .some(known, 10L) else "none with a name",
    sprintf("Name the one to compare as %s.assay.type.", name)
  )
  assay.type
}

# The spots of `true` that are those of `found`; NULL where both have no names,
# and stand in one order.
.spotsOf <- function(true, found) {
  .refuseIf(
    is.null(true$columns) != is.null(found$columns),
    "names of the spots in both tables, or in none",
    sprintf("none in `%s`", if (is.null(true$columns)) "true" else "found"),
    "Set colnames()."
  )
  if (is.null(found$columns)) {
    .refuseIf(
      ncol(true$values) != ncol(found$values), "as many spots in both tables",
      sprintf("%d and %d", ncol(true$values), ncol(found$values)),
      "Set colnames(), by which they are matched."
    )
    return(NULL)
  }
  .requireInTrue(found$columns, true$columns, "spots")
}

# Names of which all have to be in `true`.
.requireInTrue <- function(names, known, what) {
  lost <- setdiff(names, known)
  .refuseIf(
    length(lost), sprintf("in `true` all %s of `found`", what),
    sprintf("%d that are not (%s)", length(lost), .some(lost)),
    sprintf("Drop these %s, or name them alike.", what)
  )
  names
}

.takePart <- function(side, rows, columns) {
  x <- side$values
  if (!identical(rows, side$rows)) {
    x <- x[rows, , drop = FALSE]
  }
  if (!is.null(columns) && !identical(columns, side$columns)) {
    x <- x[, columns, drop = FALSE]
  }
  x
}
