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
  if (!length(genes)) {
    .refuse(
      "genes that are in both", sprintf(
        "none: `true` has %s, `found` has %s", .some(true$rows),
        .some(found$rows)
      ), "Name genes alike."
    )
  }
  spots <- .spotsOf(true, found)
  .core()
  .dataFrame(.call(
    "gene_scores", .toPython(.part(true, genes, spots)),
    .toPython(.part(found, genes, NULL)), as.list(genes)
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
  .core()
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
  if (is.null(rows) || anyNA(rows)) {
    .refuse(
      sprintf("names of the %s as row names of `%s`", what, name),
      if (is.null(rows)) "none" else "missing ones", "Set rownames()."
    )
  }
  for (axis in seq_len(2L)) {
    names <- dimnames(x)[[axis]]
    twice <- unique(names[duplicated(names)])
    if (length(twice)) {
      .refuse(
        sprintf(
          "every name of %s once in `%s`", c(what, "spots")[axis], name
        ),
        sprintf("%s more than once", .some(twice)),
        "Give each a name of its own."
      )
    }
  }
  list(values = x, rows = rows, columns = colnames(x))
}

# Of a Seurat object the normalised values, or the prediction assay without its
# row of maxima.
.scoredSeurat <- function(x, assay.type, usual) {
  ofTypes <- usual == "proportion"
  if (is.null(assay.type)) {
    assay.type <- if (ofTypes) "types" else "data"
  }
  x <- .fromSeurat(x, assay.type)
  if (ofTypes) x[rownames(x) != "max", ] else x
}

.scoredAssay <- function(x, assay.type, name, usual) {
  known <- assayNames(x)
  if (length(assays(x)) == 1L && is.null(assay.type)) {
    return(1L)
  }
  if (is.null(assay.type)) {
    assay.type <- usual
  }
  if (!is.character(assay.type) || length(assay.type) != 1L ||
        !assay.type %in% known) {
    .refuse(
      sprintf("an assay %s in `%s`", .describe(assay.type), name),
      if (length(known)) .some(known, 10L) else "none with a name",
      sprintf("Name the one to compare as %s.assay.type.", name)
    )
  }
  assay.type
}

# The spots of `true` that are those of `found`; NULL where both have no names,
# and stand in one order.
.spotsOf <- function(true, found) {
  if (is.null(true$columns) != is.null(found$columns)) {
    .refuse(
      "names of the spots in both tables, or in none",
      sprintf(
        "none in `%s`", if (is.null(true$columns)) "true" else "found"
      ), "Set colnames()."
    )
  }
  if (is.null(found$columns)) {
    if (ncol(true$values) != ncol(found$values)) {
      .refuse(
        "as many spots in both tables", sprintf(
          "%d and %d", ncol(true$values), ncol(found$values)
        ), "Set colnames(), by which they are matched."
      )
    }
    return(NULL)
  }
  .those(found$columns, true$columns, "spots")
}

# Names of which all have to be in `true`.
.those <- function(names, known, what) {
  lost <- setdiff(names, known)
  if (length(lost)) {
    .refuse(
      sprintf("in `true` all %s of `found`", what),
      sprintf("%d that are not (%s)", length(lost), .some(lost)),
      sprintf("Drop these %s, or name them alike.", what)
    )
  }
  names
}

.part <- function(side, rows, columns) {
  x <- side$values
  if (!identical(rows, side$rows)) {
    x <- x[rows, , drop = FALSE]
  }
  if (!is.null(columns) && !identical(columns, side$columns)) {
    x <- x[, columns, drop = FALSE]
  }
  x
}

#' Methods compared by all scores at once
#'
#' @description
#' The accuracy score of Li et al. (2022): the mean rank of every method over
#' the four scores.
#' For each score the N methods are ranked by their mean over the genes: by PCC
#' and SSIM the highest has rank N, by RMSE and JSD the lowest; methods that tie
#' share the mean of their ranks.
#' The accuracy is the mean of the four ranks over N, from 1 / N (worst in all)
#' to 1 (best in all).
#' It depends on which methods are compared.
#'
#' @param scores What [crossValidateGenes()] returned for several methods, or
#'   any table with the columns `method`, `gene`, `pcc`, `ssim`, `rmse` and
#'   `jsd`; or a list of tables of [scoreGenes()], named by method.
#'   All methods have the same genes.
#'
#' @return A data.frame with one row a method, in the order given: `method`, the
#'   mean of each score, the ranks `rank.pcc`, `rank.ssim`, `rank.rmse` and
#'   `rank.jsd`, and `accuracy`.
#'   A mean is over the genes for which all methods have that score (a JSD can
#'   be `NaN`); a method that has it for no gene is left out of that and ranks
#'   last.
#'
#' @section Errors:
#' Of class `homespot_input_error` if columns are missing, there are fewer than
#' two methods, or they do not have the same genes.
#'
#' @seealso [plotScores()].
#'
#' @examplesIf homespot::hasPython()
#' scores <- data.frame(
#'   gene = c("a", "b"), method = rep(c("one", "two"), each = 2),
#'   pcc = c(0.5, 0.7, 0.4, 0.5), ssim = c(0.4, 0.5, 0.45, 0.3),
#'   rmse = c(1, 0.8, 1.1, 1), jsd = c(0.1, 0.2, 0.1, 0.3)
#' )
#' accuracyScore(scores)
#'
#' @export
accuracyScore <- function(scores) {
  wanted <- c("pcc", "ssim", "rmse", "jsd")
  if (is.list(scores) && !is.data.frame(scores)) {
    scores <- .byMethod(scores, wanted)
  }
  if (!is.data.frame(scores) && !is(scores, "DataFrame")) {
    .refuse(
      "a data.frame of scores, or a list of such named by method",
      .describe(scores), "Pass what crossValidateGenes() returned."
    )
  }
  columns <- c("method", "gene", wanted)
  .needColumns(
    scores, columns, "scores",
    "Pass what crossValidateGenes() returned, or a list of tables by method."
  )
  .core()
  found <- .dataFrame(.call(
    "accuracy_score", .tableToPython(scores[columns], "scores")
  ))
  names(found) <- sub("rank_", "rank.", names(found), fixed = TRUE)
  found
}

.byMethod <- function(tables, wanted) {
  names <- names(tables)
  if (is.null(names) || !all(nzchar(names)) || anyDuplicated(names)) {
    .refuse(
      "tables of scores named by method, each once", .describe(tables),
      "Pass list(name = table, other = table)."
    )
  }
  columns <- c("gene", wanted)
  parts <- lapply(names, function(name) {
    table <- tables[[name]]
    lost <- setdiff(columns, colnames(table))
    if (!is.data.frame(table) || length(lost)) {
      .refuse(
        sprintf("a table of scoreGenes() for method '%s'", name),
        if (is.data.frame(table)) {
          sprintf("one without %s", .some(lost, 5L))
        } else {
          .describe(table)
        },
        "Columns are gene, pcc, ssim, rmse and jsd."
      )
    }
    cbind(
      table[columns], method = rep(name, nrow(table)), stringsAsFactors = FALSE
    )
  })
  do.call(rbind, parts)
}

#' How far found places are from true ones
#'
#' @description
#' `placeDistances()` is the mean distance between true and found places of
#' cells (Tran et al., section 3.2).
#' `kdeDivergence()` compares, for every type of cell, the density of the found
#' places with that of the true ones: the Kullback-Leibler divergence, in nats,
#' of two Gaussian kernel density estimates (Scott's bandwidth) on one grid of
#' 50 x 50 over both sets, each scaled to sum to 1: the sum of P log(P / Q), P
#' the true one (Tran et al., appendix A).
#'
#' @param true,found Places: cells by two or three coordinates, a matrix or a
#'   data frame; or a SpatialExperiment of cells, as [placeCells()] returns it,
#'   or a Seurat object with an image or a reduction `"spatial"`.
#'   Cells are matched by name; those that only `true` has are left out.
#'   Without names they are taken in order.
#' @param labels Type of every cell of `true`: one label a cell, in its order
#'   or named by cell, or the name of a column of `colData(true)`.
#'
#' @return `placeDistances()`: the means `euclidean` and `manhattan`, in the
#'   unit of the coordinates.
#'   `kdeDivergence()`: one number a type, named; `NaN` for types whose places
#'   span no area (fewer than 3 cells, or all in line).
#'   The numbers are those of Python's `metrics.distances()` and
#'   `metrics.kde_divergence()`, to the byte.
#'
#' @section Errors:
#' Of class `homespot_input_error` if places are not finite, do not have the
#' same number of coordinates, or cells of `found` are not in `true`.
#'
#' @examplesIf homespot::hasPython()
#' set.seed(1)
#' true <- matrix(rnorm(80), 40, dimnames = list(paste0("cell", 1:40), NULL))
#' found <- true + rnorm(80, sd = 0.1)
#' placeDistances(true, found)
#' kdeDivergence(true, found, rep(c("a", "b"), 20))
#'
#' @export
placeDistances <- function(true, found) {
  pair <- .placePair(true, found)
  .core()
  unlist(.toR(.call("distances", pair$true, pair$found)))
}

#' @rdname placeDistances
#' @export
kdeDivergence <- function(true, found, labels) {
  true <- .seuratShell(true)
  pair <- .placePair(true, found)
  if (missing(labels) || is.null(labels)) {
    .refuse("labels of the cells", "none", "Pass one label a cell of `true`.")
  }
  labels <- .cellLabels(labels, true, pair)
  .core()
  value <- .toR(.call(
    "kde_divergence", pair$true, pair$found, .columnToPython(labels)
  ))
  stats::setNames(value$kl, value$types)
}

# Labels of the cells that are compared.
.cellLabels <- function(labels, true, pair) {
  labels <- .plainLabels(labels)
  if (is.character(labels) && length(labels) == 1L && is.null(names(labels)) &&
        is(true, "SummarizedExperiment")) {
    if (!labels %in% names(colData(true))) {
      .refuse(
        sprintf("a column '%s' in colData(true)", labels),
        if (length(colData(true))) {
          .some(names(colData(true)), 10L)
        } else {
          "no columns"
        },
        "Name one that is there, or pass one label a cell."
      )
    }
    labels <- stats::setNames(colData(true)[[labels]], NULL)
  }
  if (is(labels, "Rle")) {
    labels <- as.vector(labels)
  }
  if (!is.null(names(labels)) && !is.null(pair$cells)) {
    lost <- setdiff(pair$cells, names(labels))
    if (length(lost)) {
      .refuse(
        "labels of the cells",
        sprintf("none of %d (%s)", length(lost), .some(lost)), "Add them."
      )
    }
    labels <- labels[match(pair$cells, names(labels))]
  } else {
    if (length(labels) != pair$n) {
      .refuse(
        sprintf("one label for each of the %d cells of `true`", pair$n),
        sprintf("%d", length(labels)), "Pass as many labels as cells."
      )
    }
    labels <- labels[pair$taken]
  }
  if (anyNA(labels)) {
    .refuse(
      "a label of every cell", sprintf("%d without", sum(is.na(labels))),
      "Label them, or drop these cells."
    )
  }
  as.character(labels)
}

# True and found places of the same cells.
.placePair <- function(true, found) {
  true <- .cellPlaces(true, "true")
  found <- .cellPlaces(found, "found")
  cells <- rownames(found)
  n <- nrow(true)
  taken <- seq_len(n)
  if (is.null(cells) != is.null(rownames(true))) {
    .refuse(
      "names of the cells in both tables of places, or in none",
      sprintf("none in `%s`", if (is.null(cells)) "found" else "true"),
      "Set rownames()."
    )
  }
  if (!is.null(cells)) {
    taken <- match(.those(cells, rownames(true), "cells"), rownames(true))
    true <- true[taken, , drop = FALSE]
  }
  list(
    true = unname(true), found = unname(found), cells = cells, taken = taken,
    n = n
  )
}

.cellPlaces <- function(x, name) {
  x <- .seuratShell(x)
  if (is(x, "SpatialExperiment")) {
    cells <- colnames(x)
    x <- spatialCoords(x)
    rownames(x) <- cells
  }
  # Row names that nobody gave are no names of cells.
  automatic <- is.data.frame(x) && .row_names_info(x) < 0L
  if (is.data.frame(x) || is(x, "DataFrame")) {
    x <- as.matrix(x)
  }
  if (!is.matrix(x) || !is.numeric(x)) {
    .refuse(
      sprintf("places `%s` as numbers, cells by two or three", name),
      .describe(x), "Pass a matrix, or a SpatialExperiment of cells."
    )
  }
  if (automatic) {
    rownames(x) <- NULL
  }
  twice <- unique(rownames(x)[duplicated(rownames(x))])
  if (length(twice)) {
    .refuse(
      sprintf("every cell once in `%s`", name),
      sprintf("%s more than once", .some(twice)),
      "Give each a name of its own."
    )
  }
  storage.mode(x) <- "double"
  x
}
