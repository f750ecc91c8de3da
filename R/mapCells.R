#' Map cells onto spots
#'
#' @description
#' Learns the map P of M single cells onto N spots from the genes that both
#' data sets share.
#' P\[i, j\] is the probability that cell i sits at spot j; every row sums to
#' 1.
#'
#' @param sc Single-cell data: a matrix of G genes by M cells (`matrix`,
#'   any matrix of the Matrix package such as `dgCMatrix`, `SparseMatrix`, or
#'   `DelayedMatrix`), or a SummarizedExperiment, SingleCellExperiment or
#'   SpatialExperiment that holds one.
#'   Counts or log values, with gene names as row names.
#'   Sparse matrices stay sparse, a DelayedMatrix is read block by block.
#' @param st Spatial data: the same, genes by N spots.
#'   Genes are matched by name.
#' @param method Name of the method: `"ssa"` (entropic optimal transport on
#'   the correlation of expression: D = 1 - rho,
#'   K = exp(-D / (regularisation max D)), T = diag(a) K diag(b) with given row
#'   and column sums, P = T with every row divided by its sum) or
#'   `"correlation"`, the row softmax of the correlation, which is the
#'   yardstick.
#' @param ... Parameters of the method, with dots where Python has
#'   underscores: `regularisation = 0.05`, `n.genes = 2000`,
#'   `relax.spots = 0.5`; see [methodParameters()].
#' @param preset Name of a set of the method's parameters, for example
#'   `"paper"`; parameters given by name go over it.
#'   `NULL`: none.
#' @param sc.assay.type,st.assay.type Name of the assay with the expression.
#'   `NULL`: `"counts"` if there, else the first.
#' @param sc.scale,st.scale What the numbers are: `"counts"` (are then
#'   normalised: log(1 + 10,000 x / total)), `"log"` (are used as they are), or
#'   `"auto"` to look at them; the record says what was found.
#' @param coords Coordinates of the spots, N rows by two or three columns; for
#'   an `st` that has none.
#'   Rows with names are matched to the spots by name.
#'   Without coordinates the map is made, but [placeCells()] cannot use it.
#' @param k.best Keep the k largest entries of every row, as a sparse matrix;
#'   what that leaves out is in `homespot_left_over`.
#'   `NULL`: keep all.
#' @param dtype Type of the computation, `"float32"` or `"float64"`.
#'   R's doubles hold float32 exactly.
#' @param seed Seed of methods that draw random numbers: a whole number of at
#'   least 0.
#'   R's own generator is neither used nor changed.
#' @param device `"auto"`, `"cpu"`, `"cuda"` or `"cuda:<index>"`.
#' @param progress `TRUE` for a bar, `FALSE` for none, `NULL` for a bar in
#'   interactive sessions, or a function of (done, total, note).
#'
#' @return A [CellMapping-class] of M cells by N spots, less those that were
#'   dropped with a warning: P, the cells' and the spots' annotation, and the
#'   record of the run ([mappingInfo()]).
#'   The numbers are those of Python's `map_cells()`, to the byte.
#'   Cells or spots without names are called `cell1`, ... and `spot1`, ...
#'
#' @section Errors and warnings:
#' Errors have the class `homespot_error` and one of
#' `homespot_input_error` (the data or a parameter is not as described),
#' `homespot_device_error`, `homespot_too_large_error` and
#' `homespot_dependency_error`; each says what was expected, what was found
#' and what to do.
#' Warnings have the class `homespot_data_warning` (something was dropped) or
#' `homespot_convergence_warning`.
#'
#' @references
#' Wei X et al. (2025). COME: contrastive mapping learning for spatial
#' reconstruction of single-cell RNA sequencing data. Bioinformatics, btaf083.
#'
#' Tran et al. SSA: single-cell and spatial transcriptomics alignment.
#'
#' @seealso [placeCells()] and [addMapping()] for what follows.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st, method = "ssa")
#' map
#' head(homeSpot(map))
#'
#' @name mapCells
#' @aliases mapCells
#' @export
setGeneric(
  "mapCells",
  function(
      sc, st, method = "ssa", ..., preset = NULL, sc.assay.type = NULL,
      st.assay.type = NULL, sc.scale = "auto", st.scale = "auto",
      coords = NULL, k.best = NULL, dtype = "float32", seed = 0L,
      device = "auto", progress = NULL) {
    standardGeneric("mapCells")
  },
  signature = "sc"
)

# One body for all classes: .side() takes what is needed out of each.
.mapCells <- function(
    sc, st, method = "ssa", ..., preset = NULL, sc.assay.type = NULL,
    st.assay.type = NULL, sc.scale = "auto", st.scale = "auto",
    coords = NULL, k.best = NULL, dtype = "float32", seed = 0L,
    device = "auto", progress = NULL) {
  .checkString(method, "method")
  .given(missing(sc), "single-cell data as `sc`")
  .given(missing(st), "spatial data as `st`")
  if (!is.null(preset)) {
    .checkString(preset, "preset")
  }
  .checkString(sc.scale, "sc.scale")
  .checkString(st.scale, "st.scale")
  .checkString(dtype, "dtype")
  .checkString(device, "device")
  if (!is.null(k.best)) {
    k.best <- .checkWhole(k.best, "k.best", 1L)
  }
  seed <- .checkWhole(seed, "seed", 0L)
  scSide <- .side(sc, sc.assay.type, "sc")
  stSide <- .side(st, st.assay.type, "st")
  .checkSamples(stSide$data$sample_id, stSide$names)
  if (is.null(coords)) {
    coords <- stSide$coords
  }
  coords <- .finite(.coordinates(coords, stSide$names, length(stSide$names)))
  # Before anything is converted: reticulate would start a Python of its own
  # choice.
  .core()
  parameters <- .methodArguments(method, list(...))
  value <- .call(
    "map_cells",
    .table(scSide, "sc", sc.scale, dtype),
    .table(stSide, "st", st.scale, dtype),
    method,
    preset = preset, k_best = k.best, seed = seed,
    device = device, parameters = parameters,
    progress = .progress(progress, "Mapping")
  )
  cells <- .toR(value$get("cells")) + 1L
  spots <- .toR(value$get("spots")) + 1L
  cellData <- scSide$data[cells, , drop = FALSE]
  cellData[[.keys$LEFT_OVER]] <- .toR(value$get("left_over"))
  spotData <- stSide$data[spots, , drop = FALSE]
  if (is.null(spotData$sample_id)) {
    spotData$sample_id <- rep("sample01", length(spots))
  }
  .valid(.newMapping(
    .fromPython(value), scSide$names[cells], stSide$names[spots], cellData,
    spotData, coords[spots, , drop = FALSE],
    reticulate::py_to_r(value$get("record")),
    images = stSide$images
  ))
}

#' @rdname mapCells
#' @export
setMethod("mapCells", "matrix", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "Matrix", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "dgCMatrix", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "SparseMatrix", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "DelayedMatrix", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "SummarizedExperiment", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "SingleCellExperiment", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "SpatialExperiment", .mapCells)

#' @rdname mapCells
#' @export
setMethod("mapCells", "ANY", .mapCells)

.given <- function(missing, what) {
  if (missing) {
    .refuse(what, "none", "Call mapCells(sc, st).")
  }
}

# Before the work: a map's spots all have a sample.
.checkSamples <- function(sample, spots) {
  bad <- which(is.na(sample) | !nzchar(as.character(sample)))
  if (length(bad)) {
    .refuse(
      "a `sample_id` of every spot",
      sprintf("%d spot(s) without (%s)", length(bad), .some(spots[bad])),
      "Set st$sample_id for them, or drop them."
    )
  }
}

.finite <- function(coords) {
  force(coords)
  bad <- which(rowSums(!is.finite(coords)) > 0)
  if (length(bad)) {
    .refuse(
      "finite coordinates of every spot",
      sprintf(
        "%d spot(s) with missing or infinite ones (%s)",
        length(bad), .some(rownames(coords)[bad])
      ),
      "Drop these spots first, or map without coordinates."
    )
  }
  coords
}

# A checked table of the core: Python object.
.table <- function(side, which, scale, dtype) {
  .call(
    "table", .toPython(side$values), side$names, side$genes, which, scale,
    dtype
  )
}

# The method's own parameters, by their Python names and types.
.methodArguments <- function(method, given) {
  if (length(given) == 0L) {
    return(reticulate::dict(convert = FALSE))
  }
  known <- .toR(.call("method_parameters", method))
  named <- names(given)
  if (is.null(named) || !all(nzchar(named)) ||
        !all(.snake(named) %in% names(known))) {
    unknown <- setdiff(.snake(named), names(known))
    .refuse(
      sprintf(
        "parameters of method '%s' (%s)", method,
        paste(.dotted(names(known)), collapse = ", ")
      ),
      if (length(unknown) && all(nzchar(unknown))) {
        .some(.dotted(unknown))
      } else {
        "some without a name"
      },
      "Check the spelling."
    )
  }
  names(given) <- .snake(named)
  given[] <- Map(function(value, default, name) {
    if (!is.null(value) && (length(value) != 1L || anyNA(value))) {
      .refuse(
        sprintf("%s to be one value", .dotted(name)), .describe(value),
        "Choose one."
      )
    }
    if (is.integer(default)) .whole(value) else value
  }, given, known[names(given)], names(given))
  do.call(reticulate::dict, c(given, list(convert = FALSE)))
}

#' The parameters of a method
#'
#' @param method Name of a method, or `NULL` for all.
#'
#' @return The method's own parameters with their defaults, a named list, as
#'   [mapCells()] takes them; for `NULL` a list of such, named by method.
#'
#' @examplesIf homespot::hasPython()
#' str(methodParameters("ssa"))
#'
#' @export
methodParameters <- function(method = NULL) {
  if (is.null(method)) {
    methods <- .toR(.call("method_names"))
    return(stats::setNames(lapply(methods, methodParameters), methods))
  }
  known <- .toR(.call("method_parameters", .checkString(method, "method")))
  stats::setNames(known, .dotted(names(known)))
}
