#' How well a method predicts genes that it has not seen
#'
#' @description
#' Scores a method by genes held out: maps with the others, predicts these,
#' and compares with what was measured.
#' Counts are normalised once, by the totals over all genes, before any gene is
#' held out; predicted and compared are values on the log scale.
#' The single-cell data keeps all genes, as it does in use.
#'
#' @param sc,st Single-cell and spatial data, as for [mapCells()]; `st` may be a
#'   list of sections.
#' @param method The name of a registered method; a function; or several, a
#'   character vector or a list, by the names that the table shall give them,
#'   each a name, a list of a name and parameters
#'   (`list("ssa", preset = "genes", regularisation = 0.1)`), or a function.
#'   A function of the cells and the spots, a SingleCellExperiment and, where
#'   there are coordinates, a SpatialExperiment, with the assays `"logcounts"`
#'   and, where there are counts, `"counts"`, returns P: cells by spots, as a
#'   matrix of any class whose rows sum to 1 (those of a sparse one may sum to
#'   less), or as a [CellMapping-class].
#'   Where P has names of both, they are matched.
#' @param ... Parameters of the method, where that is one by name, as for
#'   [mapCells()].
#' @param folds How many folds the shared genes are divided into at random,
#'   `"loo"` for leave-one-out, or the fold of every gene, a vector or factor
#'   named by gene; genes without are never held out.
#' @param read.out How a gene at a spot is read from the map: `"scaled"`,
#'   `"mean"`, `"sum"`, or `"corrected"` by the genes that are not held out, as
#'   for [imputeGenes()].
#'   The map of a function is taken to be made from all genes that it was given.
#' @param output Path of a `.csv` file in which finished folds are kept.
#'   If it is there, the folds in it are not done again; it has to be of the
#'   same data and settings, which stand in a `.json` file beside it.
#'   Python goes on with what R began, and R with what Python began, where both
#'   hold the data in the same way (sparse or dense); but functions, which are
#'   known by their code, only R.
#' @param seed Seed of the division into folds, and of methods that draw random
#'   numbers.
#'   R's own generator is neither used nor changed.
#' @param sc.assay.type,st.assay.type,sc.scale,st.scale As for [mapCells()].
#' @param sc.gene.column,st.gene.column,preset,device The same.
#' @param sections,joint As for [mapCells()]: whether every section is mapped by
#'   itself in every fold.
#'   Genes are scored over the spots of all sections.
#' @param progress As for [mapCells()]; steps are folds.
#' @param BPPARAM Where the folds are done: [BiocParallel::SerialParam()], one
#'   after another in this process; or [BiocParallel::SnowParam()], in fresh R
#'   processes on this machine, each with a Python and the data of its own,
#'   which share the threads there are.
#'   On a GPU one process does all.
#'   A function that works there finds what it holds, and what it names with
#'   its package (`package::name`), but not what else this session has.
#'   Processes that are forked hang once Python was loaded, so
#'   [BiocParallel::MulticoreParam()] is refused.
#'
#' @return A data.frame with one row a gene and method: `gene`, `fold`,
#'   `method`, the scores `pcc`, `ssim`, `rmse` and `jsd` of [scoreGenes()] over
#'   the mapped spots, `seconds`, the time the fold's map took, and the
#'   `read_out`.
#'   `residuals` is text, so that a file can hold it, from which [imputeGenes()]
#'   finds intervals: pairs `predicted:residual` (measured - predicted) at 20
#'   spots, evenly spaced in the order of the predicted values.
#'   The scores are those of Python's `cross_validate()`, to the byte, where it
#'   works with as many threads.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the data, a parameter or the file is not
#' as described, or a function returns no P; `homespot_dependency_error` if
#' workers are asked for and BiocParallel is not installed; `homespot_error` if
#' a worker ended.
#' Errors of a function are passed on.
#'
#' @section Interruption:
#' Ctrl-C (Esc in RStudio) ends it, and the processes that it started.
#' Finished folds stay in `output`.
#'
#' @seealso [accuracyScore()] and [plotScores()] for the table,
#'   [imputeGenes()] which takes it as `scores`, [tuneMapping()].
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' scores <- crossValidateGenes(demo$sc, demo$st, folds = 3)
#' head(scores)
#' summary(scores$pcc)
#'
#' # A method of one's own: every cell everywhere.
#' everywhere <- function(sc, st) {
#'   matrix(1 / ncol(st), ncol(sc), ncol(st))
#' }
#' both <- crossValidateGenes(
#'   demo$sc, demo$st, list(ssa = "ssa", everywhere = everywhere), folds = 3
#' )
#' accuracyScore(both)
#'
#' @export
crossValidateGenes <- function(
    sc, st, method = "ssa", ..., folds = 10L, read.out = "scaled",
    output = NULL, seed = 0L, sc.assay.type = NULL, st.assay.type = NULL,
    sc.scale = "auto", st.scale = "auto", sc.gene.column = NULL,
    st.gene.column = NULL, sections = NULL, joint = NULL, preset = NULL,
    device = "auto", progress = NULL, BPPARAM = BiocParallel::SerialParam()) {
  name <- .functionName(substitute(method))
  # The default is not looked at, which needs no BiocParallel then.
  workers <- if (missing(BPPARAM)) 1L else .workers(BPPARAM)
  .checkString(read.out, "read.out")
  if (!is.null(output)) {
    output <- path.expand(.checkString(output, "output"))
  }
  seed <- .checkWhole(seed, "seed", 0L)
  .checkString(device, "device")
  methods <- .methods(method, name, preset, list(...))
  if (.lacksTorch(lapply(Filter(is.list, methods), `[[`, 1L), device)) {
    return(.withTorch("crossValidateGenes", .argumentsOf(
      crossValidateGenes, environment(), ...,
      but = if (missing(BPPARAM)) "BPPARAM"
    )))
  }
  .checkBoth(missing(sc), missing(st))
  data <- .bothData(environment())
  for (method in Filter(is.list, methods)) {
    .checkLabels(data, method[[2L]])
  }
  folds <- .callWithData(
    "cross_validation", data, .methodsToPython(methods),
    folds = .foldsToPython(folds), read_out = read.out, output = output,
    seed = seed, device = device,
    progress = .progress(progress, "Cross-validation")
  )
  left <- as.integer(.toR(.call("folds_left", folds)))
  # Each process would take a part of a card's memory.
  alone <- workers == 1L || .toR(.call("folds_device", folds)) != "cpu"
  if (alone || length(left) < 2L) {
    for (number in left) {
      .keepFold(folds, number, .runFold(folds, number))
    }
  } else {
    functions <- Filter(is.function, methods)
    .runElsewhere(folds, left, functions, workers, BPPARAM)
  }
  .dataFrame(.call("fold_scores", folds))
}
