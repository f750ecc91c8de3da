# One body for all classes: .side() takes what is needed out of each.
.mapCells <- function(
    sc, st, method = "ssa", ..., preset = NULL, sc.assay.type = NULL,
    st.assay.type = NULL, sc.scale = "auto", st.scale = "auto",
    sc.gene.column = NULL, st.gene.column = NULL, coords = NULL,
    sections = NULL, joint = NULL, shared.frame = FALSE, k.best = NULL,
    dtype = "float32", seed = 0L, device = "auto", progress = NULL) {
  .checkString(method, "method")
  .checkBoth(missing(sc), missing(st), "Call mapCells(sc, st).")
  .checkStrings(dtype = dtype, device = device)
  .checkStrings(preset = preset, optional = TRUE)
  if (.lacksTorch(method, device)) {
    return(.withTorch("mapCells", .argumentsOf(.mapCells, environment(), ...)))
  }
  .checkFlag(shared.frame, "shared.frame")
  if (!is.null(k.best)) {
    k.best <- .checkWhole(k.best, "k.best", 1L)
  }
  seed <- .checkWhole(seed, "seed", 0L)
  data <- .bothData(environment(), coords)
  given <- .methodArguments(method, list(...))
  .checkLabels(data, given)
  value <- .callWithData(
    "map_cells", data, method,
    parameters = .dict(given), preset = preset, shared_frame = shared.frame,
    k_best = k.best, dtype = dtype, seed = seed, device = device,
    progress = .progress(progress, "Mapping"), .narrow = FALSE
  )
  .mapOf(value, data$sc, data$st)
}

# What the core found, as a map with the annotation of both sides.
.mapOf <- function(value, scSide, stSides) {
  cells <- .toR(value$get("cells")) + 1L
  cellData <- .withFound(
    scSide$data[cells, , drop = FALSE], value$get("cell_columns")
  )
  spots <- .spotsFound(value, stSides, value$get("spot_columns"))
  .asCellMapping(.newMapping(
    .matrixFromPython(value), scSide$names[cells], spots$names,
    cellData, spots$data, spots$coords, .fetch(value$get("record")),
    images = spots$images
  ))
}

# The spots of a result that the core found, with their annotation and these
# columns of the core's, their names, coordinates and images.
.spotsFound <- function(value, stSides, columns) {
  spots <- .toR(value$get("spots")) + 1L
  data <- .withFound(
    .bindTables(lapply(stSides, `[[`, "data"))[spots, , drop = FALSE], columns
  )
  side <- rep(seq_along(stSides), lengths(lapply(stSides, `[[`, "names")))
  of <- factor(side[spots], seq_along(stSides))
  tissue <- .samplesOf(stSides, split(data[[.keys$SECTION]], of))
  data$sample_id <- tissue$sample[spots]
  coords <- .fetch(value$get("coordinates"))
  if (is.null(coords)) {
    coords <- matrix(numeric(), length(spots), 0L)
  } else {
    colnames(coords) <- .axisNames(stSides, ncol(coords))
    if (all(lengths(lapply(stSides, `[[`, "coords")) == 0L)) {
      # They were in columns, and are in one place now.
      data <- data[setdiff(names(data), colnames(coords))]
    }
  }
  list(
    names = .toR(value$get("spot_names")), data = data, coords = coords,
    images = tissue$images
  )
}

# Names of the coordinates, x first: the user's own where all sections have the
# same.
.axisNames <- function(sides, n) {
  names <- unique(lapply(sides, function(side) {
    colnames(.ordered(side$coords))
  }))
  if (length(names) == 1L && length(names[[1L]]) == n) {
    names[[1L]]
  } else {
    .keys$COORDINATES[seq_len(n)]
  }
}

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
#'   `DelayedMatrix`), or a SummarizedExperiment, SingleCellExperiment,
#'   SpatialExperiment or Seurat object that holds one.
#'   Counts or log values, with gene names as row names.
#'   Sparse matrices stay sparse.
#'   A DelayedMatrix, such as an HDF5Array, is read in blocks of columns, none
#'   larger than [DelayedArray::getAutoBlockSize()], and never whole: once to
#'   check it, once for the genes that are used, and once more for the
#'   variances where it has more genes than `n.genes`.
#' @param st Spatial data: the same, genes by N spots.
#'   Genes are matched by name.
#'   Several sections may be given as a list of such objects, by the names of
#'   the sections or without; the genes are those that all of them have, and
#'   where names of spots occur in several, all get the name of their section in
#'   front, with a warning.
#'   Spots that a column such as `in_tissue` marks as off the tissue are left
#'   out, and so are features of both data sets that are not genes (antibodies,
#'   control probes, blanks, by a column of rowData or by their names); a
#'   warning counts them and says how to keep them.
#' @param method Name of the method: `"ssa"` (entropic optimal transport on
#'   the correlation of expression: D = 1 - rho,
#'   K = exp(-D / (regularisation max D)), T = diag(a) K diag(b) with given row
#'   and column sums, P = T with every row divided by its sum), `"come"`
#'   (contrastive mapping learning: P is the softmax of every row of the
#'   coefficients that are learned together with an autoencoder of cells and
#'   spots), or `"correlation"`, the row softmax of the correlation, which is
#'   the yardstick.
#' @param ... Parameters of the method, with dots where Python has
#'   underscores: `regularisation = 0.05`, `n.genes = 2000`,
#'   `relax.spots = 0.5`; `gene.weights` may be a numeric vector or a list by
#'   the names of the genes; for `"come"` also `labels` and `st.labels`, the
#'   types of the cells and of the spots: the names of columns of
#'   `colData(sc)` and `colData(st)` (of the metadata of Seurat objects), or the
#'   labels themselves, a vector or factor in the order of the data, or one, or
#'   a list,
#'   by the names of the cells or spots in any order.
#'   `NULL` leaves out what may be left out.
#'   [methodParameters()] has all of them with their defaults and says what
#'   they are.
#' @param preset Name of a set of the method's parameters, for example
#'   `"paper"`; parameters given by name go over it.
#'   `NULL`: none.
#'   `"come"` has `"places"`, which stays close to SSA's plan, for where single
#'   cells sit, and one for each data set of its paper as well:
#'   `"paper:drosophila"`, `"paper:merfish"`, `"paper:smfish"`,
#'   `"paper:starmap"` and `"paper:pdac"`.
#' @param sc.assay.type,st.assay.type Name of the assay with the expression.
#'   `NULL`: `"counts"` if there, else the first.
#'   For Seurat objects see below.
#' @param sc.scale,st.scale What the numbers are: `"counts"` (are then
#'   normalised: log(1 + 10,000 x / total)), `"log"` (are used as they are), or
#'   `"auto"` to look at them; the record says what was found.
#' @param sc.gene.column,st.gene.column Name of a column of `rowData(sc)`, or
#'   `rowData(st)`, with the names of the genes, by which both are matched.
#'   `NULL`: the row names.
#' @param coords Coordinates of the spots, a matrix, data frame or DataFrame; in
#'   place of those that `st` has.
#'   Columns with names are taken by these, wherever they stand:
#'   `pxl_row_in_fullres` is y.
#'   Others are x, y (and z) in this order.
#'   Rows with names, or a column of barcodes, are matched to the spots by name;
#'   there may be more of them.
#'   The other columns of a table, as that of `tissue_positions.csv` has them,
#'   are annotation of the spots, so that `in_tissue` is heeded.
#'   Of a list of sections it is a list.
#'   `NULL`: those of `st`, or else its columns `x`, `y` (and `z`) of colData.
#'   Without coordinates the map is made, but [placeCells()] cannot use it.
#' @param sections Name of a column of `colData(st)` with the section of every
#'   spot, for example `"sample_id"`, or the sections themselves, as labels are
#'   given: one value a spot, or a vector, factor or list by name.
#'   Each section is then mapped by itself, with all cells, and the maps are put
#'   side by side with equal weights, as [combineSections()] does; the spots
#'   come section by section.
#'   The record says so ([mappingInfo()]): `sections` is the column, and `parts`
#'   has the record of every section, with its name and how its solver ended.
#'   `NULL`: sections are looked for (a column such as `sample_id` with several
#'   values, several images), and a warning says what was found; the cells are
#'   mapped onto all of them jointly.
#' @param joint Whether the cells are mapped onto all sections jointly, or
#'   (`FALSE`) onto each by itself.
#'   `NULL`: by itself where `sections` names a column, else jointly.
#'   By itself every cell has the same mass in each section: for cell types
#'   ([deconvolveSpots()]) and genes ([imputeGenes()]) of sections that hold
#'   other cells, map jointly.
#' @param shared.frame Whether all sections share one frame of coordinates, as
#'   aligned or stacked sections do.
#'   If not, every cell has its place in one section (`homespot_section`), and
#'   nothing is measured between sections.
#' @param k.best Keep the k largest entries of every row, of every section by
#'   itself, as a sparse matrix;
#'   what that leaves out is in `homespot_left_over`.
#'   Where the map has a sharpness, places and radii of one section are read
#'   from the whole rows before they are cut; cells of several sections, or of a
#'   map that spots are taken out of, have no radius then.
#'   `NULL`: keep all, as a matrix or, where the kernel is streamed (`storage`,
#'   and by itself above 2,147 million pairs of a cell and a spot), as features
#'   and potentials; the rows are made when they are read; see
#'   [saveMapping()].
#' @param dtype Type of the computation, `"float32"` or `"float64"`.
#'   R's doubles hold float32 exactly.
#' @param seed Seed of methods that draw random numbers: a whole number of at
#'   least 0.
#'   R's own generator is neither used nor changed.
#' @param device `"auto"`, `"cpu"`, `"cuda"` or `"cuda:<index>"`.
#'   `"auto"` is the first CUDA device for 17 million pairs of a cell and a spot
#'   or more, where torch finds a device that works; else the CPU, which ends
#'   before a device has started.
#'   [mappingInfo()] has what ran.
#' @param progress `TRUE` for a bar, `FALSE` for none, `NULL` for a bar in
#'   interactive sessions, `"log"` for a line of JSON for every step to stderr
#'   (`step`, `done`, `total` and `note`), for machines, or a function of
#'   (done, total, note).
#'   Work of several stages, as that of `"come"`, counts each by itself.
#'
#' @return A [CellMapping-class] of M cells by N spots, less those that were
#'   dropped with a warning: P, the cells' and the spots' annotation, and the
#'   record of the run ([mappingInfo()]).
#'   The numbers are those of Python's `map_cells()`, to the byte.
#'   Cells or spots without names are called `cell1`, ... and `spot1`, ...
#'   Of several sections colData has `homespot_section`; the `sample_id` is that
#'   of `st`, or the name of the section where those of a list are the same.
#'   If each was mapped by itself, rowData has `homespot_section`, the section
#'   that fits a cell best, and its probability, `homespot_section_prob`.
#'   spatialCoords have x first, images are those of `st`, and `y_direction` of
#'   the record says whether y points `"down"`, as in images, or `"up"`
#'   (`"mixed"`: in the sections named by `y_down` it points down).
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
#' @section Seurat objects:
#' Wherever a verb takes a SummarizedExperiment, it takes an object of Seurat 5
#' as well, with assays of version 3 or 5.
#'
#' Its `assay.type` is the name of an assay, of a layer of the default assay, or
#' both, such as `c("RNA", "data")`.
#' `NULL`: the default assay, or, where that has a part of the cells only, as a
#' sketch has, one that has them all, with a warning.
#' Of an assay the layer `counts` is taken, or `data` where there is none.
#' What is split into `counts.1`, `counts.2` and so on is put together as by
#' `JoinLayers()`; cells are those of the layer, in the object's order, and a
#' warning counts those that it lacks.
#' Layers on disk by BPCells have to be converted first; the error says how.
#'
#' Annotation are the metadata, and the active identities as the column
#' `ident`.
#' Coordinates are those of the images, and the name of the image is the
#' `sample_id` unless the metadata has one; if that does not tell the images
#' apart, `homespot_section` is the name of the image.
#' A cell that is in several images is taken from the first of them, with a
#' warning.
#' Visium's are pixels of the image in full resolution, x to the right and y
#' downwards, whatever the version of Seurat that made the object (the image
#' says which way its coordinates lie), and its pictures lie under the plots.
#' Those of a field of view are centroids as they are.
#' Without images, those of a reduction `"spatial"` are taken.
#'
#' @section Interruption:
#' Ctrl-C (Esc in RStudio) while `"come"` is in training ends it after the epoch
#' under way.
#' The result is a map all the same, that of the state so far, with a
#' warning of class `homespot_convergence_warning`, and
#' `mappingInfo(map)$solver$finished` is `FALSE`.
#' With `checkpoint`, a later call goes on from there.
#'
#' @references
#' Wei X et al. (2025). COME: contrastive mapping learning for spatial
#' reconstruction of single-cell RNA sequencing data. Bioinformatics, btaf083.
#'
#' Tran et al. SSA: single-cell and spatial transcriptomics alignment.
#'
#' @seealso [placeCells()] and [addMapping()] for what follows,
#'   [plotLosses()] for a map by `"come"`.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st, method = "ssa")
#' map
#' head(homeSpot(map))
#'
#' # Few genes, narrow layers and few epochs, to be quick.
#' if (hasPython(torch = TRUE)) {
#'   mapCells(demo$sc, demo$st,
#'     method = "come", labels = "cell_type", n.genes = 100, hidden = 32,
#'     latent = 16, pretrain.epochs = 20, epochs = 2
#'   )
#' }
#'
#' @name mapCells
#' @aliases mapCells mapCells,ANY-method
#' @export
#' @exportMethod mapCells
setGeneric("mapCells", `body<-`(.mapCells, value = quote({
  .beforeMethod(sc)
  standardGeneric("mapCells")
})), signature = "sc", useAsDefault = .mapCells)
