.imputeGenes <- function(
    map, sce, genes = NULL, read.out = NULL, st = NULL, assay.type = NULL,
    scale = "auto", scores = NULL, level = NULL, output = NULL,
    block.size = 256L, ...) {
  .requireMapping(map)
  .checkStrings(read.out = read.out, output = output, optional = TRUE)
  .checkString(scale, "scale")
  .checkLevel(level)
  block.size <- .checkWhole(block.size, "block.size", 1L)
  if (!is.null(output)) {
    .requirePackage("HDF5Array", "assays on disk")
    output <- path.expand(output)
  }
  .refuseIf(
    missing(sce), "the single-cell data that was mapped", "none",
    "Call imputeGenes(map, sce)."
  )
  if (!is.null(output)) {
    .call("check_anndata_path", output, .filesOf(map, sce))
  }
  .distinctColumns(sce, "cells")
  side <- .side(sce, assay.type, "sce")
  side$called <- "sce"
  rows <- side$rows
  spots <- if (!is.null(st)) .spatialSides(st, NULL, NULL)
  value <- .call(
    "impute_genes", .mappingToPython(map),
    .cellsToPython(side, if (is.null(output)) identity else .warn),
    .namesToPython(genes, "genes"),
    read_out = read.out, scale = scale,
    st = if (!is.null(st)) .spatialToPython(spots, narrow = FALSE),
    scores = if (!is.null(scores)) .tableToPython(scores, "scores"),
    level = level, output = output, block_size = block.size,
    .sides = c(
      list(sc = side), if (!is.null(st)) list(st = .firstOfSections(spots))
    )
  )
  ends <- if (!is.null(level)) c(.keys$LOWER, .keys$UPPER)
  assays <- if (is.null(output)) {
    layers <- lapply(ends, function(end) value$get("layers")$get(end))
    lapply(c(list(value$get("x")), layers), .fromPython)
  } else {
    places <- c("X", sprintf("layers/%s", ends))
    lapply(places, function(place) {
      HDF5Array::HDF5Array(normalizePath(output), place)
    })
  }
  names(assays) <- c("imputed", ends)
  if (!is.null(rows)) {
    rows <- rows[.toR(value$get("genes")) + 1L, , drop = FALSE]
  }
  .atSpots(
    map, assays, value, rows, .toR(value$get("record"))
  )
}

#' Genes in space
#'
#' @description
#' Brings genes of the single cells to the spots, whether or not the atlas has
#' measured them.
#'
#' @param map A [CellMapping-class].
#' @param sce The single-cell data that was mapped, genes by cells, with any
#'   genes: a SummarizedExperiment or any class that extends it, a Seurat
#'   object, or a matrix, sparse matrix or DelayedMatrix with row and column
#'   names.
#'   It is not changed.
#' @param genes Names of genes; `NULL` is all.
#' @param read.out How P'X, the expression that the cells bring to a spot, is
#'   scaled.
#'   `"mean"`: over the column sums of P, which is the mean of the cells that
#'   sit there, in the unit of a cell.
#'   `"scaled"`: this mean, a fifth of it replaced by the mean over all cells,
#'   brought to the scale of the atlas: at every spot one factor multiplies the
#'   odds of all genes,
#'   o(X\[g, j\]) = o(Y\[g, j\]) o(e\[j\]) / o(Y\[e, j\]) with
#'   o(v) = (exp(v) - 1) / (10,001 - exp(v)),
#'   Y\[v, j\] = 0.8 (sum over i of P\[i, j\] v\[i\]) / A\[j\] + 0.2 mean(v),
#'   A the column sums of P,
#'   and e the mean log expression of a spot, and of a cell, over the genes
#'   that the map was made from (`homespot_expression` in `colData(map)` and
#'   `rowData(map)`).
#'   A gene with the share s of the molecules has the log value
#'   v = log(1 + 10,000 s), and o = s / (1 - s) are the odds of this share.
#'   So X stays below log(10,001), which a gene has that makes up all of a spot,
#'   and a gene with the log value e in every cell has e\[j\] at the spot.
#'   If the atlas holds log values, whose total is not known, o is exp(v) - 1.
#'   A spot that holds more has more of every gene, as atlases have it, and
#'   noise that few cells bring counts less; for the pattern of a gene.
#'   `"sum"`: P'X as it is; it grows with the number of cells, and is to be
#'   compared with such an atlas where the marginals of P follow its
#'   expression, as in SSA's `preset = "genes"`.
#'   `"corrected"`: the scaled values, corrected by what they get wrong about
#'   the genes that the map was made from.
#'   Every gene is regressed on these within the cells, all as z-scores, with a
#'   ridge of 1.
#'   The regression is applied to the residuals at a spot,
#'   (measured - scaled) / s, with s the deviation of the gene within the cells,
#'   less their mean over the spots.
#'   0, 0.25 or 0.5 of the result is added: the part at which genes of the map
#'   are predicted best from the residuals of a random half of them that they
#'   are not in.
#'   `NULL`: `"corrected"` with `st`; else `"scaled"`, or `"mean"` for a map
#'   from elsewhere, which does not know e.
#' @param st The spatial data that was mapped to, for `"corrected"`, in any form
#'   that [mapCells()] takes.
#' @param assay.type Name of the assay with the expression; `NULL` is
#'   `"counts"` if there, else the first; of a Seurat object as for
#'   [mapCells()].
#' @param scale What the numbers are, as `sc.scale` of [mapCells()].
#'   Counts become log(1 + 10,000 x / total).
#' @param scores What [crossValidateGenes()] returned for these data.
#'   A gene that the atlas has measured gets its held-out scores as columns
#'   `homespot_pcc`, `homespot_ssim`, `homespot_rmse` and `homespot_jsd` of
#'   rowData, which say how far its pattern can be trusted; others get `NaN`.
#' @param level Share of the measured values that an interval about the imputed
#'   ones is to hold, from 0.05 to 0.99, for genes that are like those that the
#'   atlas measured.
#'   The intervals follow from the residuals in `scores`, which must be of the
#'   same read-out, by split conformal prediction: values are divided into
#'   strata, the fifths of the values predicted of genes held out; in each, half
#'   the width is the quantile of the absolute residuals at this level, a little
#'   higher for few genes.
#'   `NULL`: no intervals.
#' @param output Path of an `.h5ad` file to write a block at a time, for what
#'   does not fit into memory; it appears whole or not at all.
#'   `NULL` keeps the result in memory.
#' @param block.size How many genes a thread computes at once, and the width of
#'   a chunk of the file.
#'   The cells are gone through in blocks, once for every 2^25 / spots genes
#'   (256 MiB of sums), in the order of the map: data on disk is read so often,
#'   and once more to check it, and so is a map on disk.
#' @param ... Not used.
#'
#' @return A SpatialExperiment, genes by spots, with the assay `"imputed"` and
#'   the map's spots and coordinates; `metadata(x)$homespot` is the run's
#'   record, with `read_out`, for `"corrected"` the part that was added
#'   (`correction`), and `imputed_scale`, the scale of the assay: `"log(1 +
#'   10,000 x / total)"` of the atlas for `"scaled"` and `"corrected"`, or `"log
#'   values as given"` if the atlas holds log values; `"mean of"` or `"sum of"`
#'   these, of the cells, for the other two.
#'   `rowData(x)$homespot_mapped` says whether the map was made from the gene,
#'   where the record names the genes; a pattern of these is no prediction.
#'   With `level`, the assays `"lower"` and `"upper"` are the ends of the
#'   intervals, within 0 and the end of the scale, and
#'   `metadata(x)$homespot$intervals` has the `level`, the `edges` of the
#'   strata, and `half` the width in each.
#'   With `output` the assays are DelayedMatrix objects on that file.
#'   [addMapping()] puts it into the spatial data.
#'   Spots without any mass have `NaN`, but for the sum, with a warning that
#'   counts them.
#'
#' @section Several sections:
#' Mapped one by one (`sections` of [mapCells()], or [combineSections()]), every
#' cell has the same mass in each section, and so counts in all of them alike:
#' the genes of a section are those of all cells mapped, whatever section a
#' cell is of. Map with `joint = TRUE` where the sections hold other cells.
#'
#' @section Errors:
#' Of class `homespot_input_error` if cells of the map are not in `sce`, a gene
#' is not, a parameter is not as described, the map does not know the
#' expression by which it is to be scaled, or `scores` do not hold residuals of
#' enough genes for `level`; `homespot_too_large_error` if the result would not
#' fit into memory.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' imputeGenes(map, demo$sc, c("Gene001", "Gene120"))
#'
#' @name imputeGenes
#' @aliases imputeGenes,ANY,ANY-method
#' @export
#' @exportMethod imputeGenes
setGeneric("imputeGenes", `body<-`(.imputeGenes, value = quote({
  .beforeMethod(sce)
  standardGeneric("imputeGenes")
})), signature = c("map", "sce"), useAsDefault = .imputeGenes)
