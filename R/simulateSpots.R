#' Spots whose cells are known
#'
#' @description
#' Makes a single-cell and a spatial data set with a known map out of cells
#' whose places are known.
#' A square grid is laid over the tissue.
#' A spot is an occupied square: its expression is the mean of its cells', its
#' place their centroid.
#' The cells are divided at random into `n.parts` equal parts, one of which is
#' the single-cell data.
#'
#' @param spe Cells with their places, genes by cells: a SpatialExperiment, or a
#'   SingleCellExperiment with a reducedDim `"spatial"`, or a Seurat object with
#'   an image or a reduction `"spatial"`.
#'   The grid is laid over the first two coordinates.
#' @param cells.per.spot How many cells an occupied square holds on average;
#'   sets the pitch of the grid.
#' @param n.parts,part Into how many parts the cells are divided, and which of
#'   them, from 0, is mapped.
#' @param leave.out Whether the cells to be mapped are left out of the means of
#'   the spots.
#'   If not, as in the paper, every cell is part of its own answer.
#'   A spot of which nothing else is left is dropped.
#'   Places are centroids of all cells either way.
#' @param shared.frame Whether all cells share one frame of coordinates, as for
#'   [mapCells()].
#'   If not, and the cells lie in several sections, a square holds cells of one
#'   section only.
#' @param assay.type Name of the assay with the expression; `NULL` is
#'   `"counts"` if there, else the first; of a Seurat object as for
#'   [mapCells()].
#' @param platform The law of the difference between two technologies, if the
#'   cells to be mapped are to look as if another one had measured them than the
#'   spots: `"log-normal"` (the logarithm of a gene's factor is normal) or
#'   `"laplace"` (it has heavier tails).
#'   The cells need counts.
#'   `NULL`: one technology.
#' @param platform.sd Standard deviation of the factors' logarithms to base 10,
#'   0 to 3.
#'   The factors are divided by their mean over all molecules.
#'   The default of this and of the next two parameters is the median over pairs
#'   of real data sets: MERFISH and STARmap, MERFISH and smFISH, inDrop and
#'   Spatial Transcriptomics.
#'   They have an effect only with `platform`.
#' @param depth Share of the molecules that the cells keep in expectation, above
#'   0 and at most 1.
#'   With a, the product of `depth` and a gene's factor, a count of n becomes
#'   n floor(a) + Binomial(n, a - floor(a)).
#' @param dropout Probability that a count is lost beyond that, 0 to 0.99.
#'   No pair loses more than by thinning.
#' @param seed Seed of the division, and of the shift of `platform`, which does
#'   not change the division.
#'   R's own generator is neither used nor changed.
#'
#' @return A list of `sc`, a SingleCellExperiment of the part's cells, whose
#'   colData has `true_spot` and its place `true_x` and `true_y`, and with
#'   `platform`, whose rowData has `true_factor`, the factor of every gene; and
#'   `st`, a SpatialExperiment of genes by spots, whose colData has `n_cells`,
#'   and whose metadata has the pitch of the grid,
#'   `metadata(st)$homespot$pitch`.
#'   Cells of several sections have `true_section`, and the spots
#'   `homespot_section`, which is their `sample_id` as well.
#'   Both have the assay that was used.
#'   Cells, spots and numbers are those of Python's `simulate_spots()`.
#'
#' @references
#' Tran et al. SSA: single-cell and spatial transcriptomics alignment, section
#' 3.1.
#'
#' @section Errors:
#' Of class `homespot_input_error` if cells have no places, or a parameter is
#' not as described.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' # The demo's cells have no places: its spots stand for cells here.
#' data <- simulateSpots(demo$st, cells.per.spot = 4, n.parts = 4L)
#' map <- mapCells(data$sc, data$st)
#' placed <- placeCells(map, data$sc, as = "SpatialExperiment")
#' true <- cbind(data$sc$true_x, data$sc$true_y)
#' rownames(true) <- colnames(data$sc)
#' placeDistances(true, placed)
#'
#' @export
simulateSpots <- function(
    spe, cells.per.spot = 25, n.parts = 10L, part = 0L, leave.out = TRUE,
    assay.type = NULL, shared.frame = FALSE, platform = NULL,
    platform.sd = 0.53, depth = 0.22, dropout = 0, seed = 0L) {
  n.parts <- .checkWhole(n.parts, "n.parts", 1L)
  part <- .checkWhole(part, "part", 0L)
  seed <- .checkWhole(seed, "seed", 0L)
  .checkNumber(cells.per.spot, "cells.per.spot")
  .checkFlag(leave.out, "leave.out")
  .checkFlag(shared.frame, "shared.frame")
  .checkStrings(platform = platform, optional = TRUE)
  .checkNumber(platform.sd, "platform.sd")
  .checkNumber(depth, "depth")
  .checkNumber(dropout, "dropout")
  .refuseIf(
    missing(spe), "cells with their places", "none", "Call simulateSpots(spe)."
  )
  side <- .side(spe, assay.type, "sce")
  .refuseIf(
    is.null(side$coords), "places of the cells, in spatialCoords(spe)", "none",
    "Make a SpatialExperiment of cells and places first."
  )
  .distinctColumns(side$values, "cells")
  value <- .call(
    "simulate_spots", .experiment(side),
    cells_per_spot = as.double(cells.per.spot), n_parts = n.parts, part = part,
    leave_out = leave.out, shared_frame = shared.frame, platform = platform,
    platform_sd = as.double(platform.sd), depth = as.double(depth),
    dropout = as.double(dropout), seed = seed
  )
  .simulated(side, value)
}

.simulated <- function(side, value) {
  # An assay without a name has a number here.
  name <- if (is.character(side$assay)) side$assay else "counts"
  rows <- side$rows
  if (is.null(rows)) {
    rows <- make_zero_col_DFrame(length(side$genes))
  }
  rownames(rows) <- side$genes
  assays <- function(values, names) {
    dimnames(values) <- list(side$genes, names)
    stats::setNames(list(values), name)
  }
  cells <- .toR(value$get("cells")) + 1L
  data <- .withFound(
    side$data[cells, , drop = FALSE], value$get("cell_columns")
  )
  rownames(data) <- side$names[cells]
  shifted <- value$get("shifted")
  sc <- SingleCellExperiment(
    assays(
      if (.isNone(shifted)) {
        side$values[, cells, drop = FALSE]
      } else {
        .fromPython(shifted)
      },
      side$names[cells]
    ),
    rowData = .withFound(rows, value$get("gene_columns")), colData = data
  )
  spots <- .toR(value$get("spots"))
  where <- .fetch(value$get("coordinates"))
  axes <- colnames(.ordered(side$coords))
  if (is.null(axes)) {
    axes <- .keys$COORDINATES
  }
  colnames(where) <- axes[seq_len(ncol(where))]
  data <- .frame(
    .columnsFromPython(value$get("spot_columns")), length(spots)
  )
  rownames(data) <- spots
  sample <- unique(as.character(side$data$sample_id))
  if (!is.null(data[[.keys$SECTION]])) {
    data$sample_id <- data[[.keys$SECTION]]
  } else if (length(sample) == 1L) {
    data$sample_id <- rep(sample, nrow(data))
  }
  st <- SpatialExperiment(
    assays = assays(.fromPython(value$get("x")), spots), rowData = rows,
    colData = data, spatialCoords = where,
    metadata = .recordAs(.toR(value$get("record")))
  )
  list(sc = sc, st = st)
}
