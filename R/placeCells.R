.placeCells <- function(
    map, sce, as = NULL, position = "median", k = 20L, level = 0.9,
    max.radius = NULL, reduction = NULL, ...) {
  .requireMapping(map)
  if (.isSeurat(sce)) {
    if (is.null(as)) {
      return(
        .placeInSeurat(map, sce, position, k, level, max.radius, reduction)
      )
    }
    sce <- .fromSeurat(sce)
  }
  .refuseIf(
    !is(sce, "SummarizedExperiment"), paste(
      "the single-cell data that was mapped, as a SummarizedExperiment or",
      "a Seurat object"
    ),
    .describe(sce), "Wrap a matrix in a SingleCellExperiment first."
  )
  if (!is.null(as)) {
    .checkChoice(as, c("SingleCellExperiment", "SpatialExperiment"), "as")
  }
  .checkStrings(reduction = reduction, optional = TRUE)
  .checkString(position, "position")
  k <- .checkWhole(k, "k", 1L)
  .requireCoordinates(map)
  sce <- .withNames(sce, rownames(map))
  .distinctColumns(sce, "cells")
  lost <- setdiff(rownames(map), colnames(sce))
  .refuseIf(
    length(lost), "the single-cell data that was mapped",
    sprintf("data without %d cells (%s)", length(lost), .some(lost)),
    "Pass that one."
  )
  table <- .cellTable(map, position, k, level, max.radius)
  out <- .asSingleCell(sce)[, rownames(map)]
  colData(out) <- .withPlaces(colData(out), table)
  metadata(out)[[.keys$HOMESPOT]] <- c(
    mappingInfo(map), list(position = position, k = k, level = level),
    if (!is.null(max.radius)) list(max_radius = max.radius),
    list(read_out = .readOut(map))
  )
  if (!is.null(reduction)) {
    reducedDim(out, reduction) <- .positionsMatrix(table, map)
  }
  if (identical(as, "SpatialExperiment")) .asTissue(out, map, table) else out
}

# How places are read: by the sharpness, by the best spots or, of combined maps,
# both.
.readOut <- function(map) {
  sharp <- rowData(map)[[.keys$SHARPNESS]]
  sharp <- is.finite(sharp) & sharp > 0
  if (!length(sharp)) {
    sharp <- logical(nrow(map))
  }
  paste(
    c(if (any(sharp)) "sharpness", if (!all(sharp)) "best spots"),
    collapse = ", "
  )
}

# Home spot of every cell, and with coordinates its position and how far that
# can be trusted, as a DataFrame; of several sections the cell's section first.
.cellTable <- function(map, position, k, level, max.radius) {
  coords <- spatialCoords(map)
  rownames(coords) <- colnames(map)
  .finite(coords)
  of <- .mappingToPython(map)
  found <- .columnsFromPython(if (ncol(coords) > 0L) {
    .call(
      "cell_positions", of, position, .whole(k), level = level,
      max_radius = max.radius
    )
  } else {
    .call("home_spots", of)
  })
  found <- lapply(found, function(column) {
    # Of cells without a place.
    replace(column, if (is.double(column)) is.nan(column) else FALSE, NA)
  })
  table <- .frame(found, nrow(map))
  rownames(table) <- rownames(map)
  table
}

.asSingleCell <- function(x) {
  if (is(x, "SpatialExperiment")) {
    # What a SpatialExperiment has beyond a SingleCellExperiment is the place.
    imgData(x) <- NULL
  }
  as(x, "SingleCellExperiment")
}

# The columns of `table` in place of those from another map.
.withPlaces <- function(data, table) {
  old <- c(.keys$SECTION, .keys$SECTION_PROB, .keys$POSITIONS)
  data <- data[setdiff(names(data), old)]
  data[names(table)] <- table
  data
}

# Positions of the cells, under the names of the spots' coordinates, x first.
.positionsMatrix <- function(table, map) {
  axes <- colnames(.ordered(spatialCoords(map)[0L, , drop = FALSE]))
  coords <- as.matrix(as.data.frame(table[.keys$POSITIONS[seq_along(axes)]]))
  dimnames(coords) <- list(rownames(table), axes)
  coords
}

# The tissue: cells that have no place are not in it.
.asTissue <- function(sce, map, table) {
  known <- !is.na(table[[.keys$SPOT]])
  .refuseIf(
    !any(known), "at least one cell with a place",
    sprintf("none of %d", length(known)),
    "Map with sections, which compares how well the sections fit a cell."
  )
  if (!all(known)) {
    .warn(sprintf(
      paste(
        "Left out %d of %d cells, which have no place. as =",
        "\"SingleCellExperiment\" keeps them."
      ), sum(!known), length(known)
    ))
    sce <- sce[, known]
    table <- table[known, , drop = FALSE]
  }
  coords <- .positionsMatrix(table, map)
  if (!is.null(sce$sample_id)) {
    sce$sc_sample_id <- sce$sample_id
  }
  sce$sample_id <- map$sample_id[match(table[[.keys$SPOT]], colnames(map))]
  spe <- SpatialExperiment::toSpatialExperiment(sce, spatialCoords = coords)
  images <- imgData(map)
  if (!is.null(images) && nrow(images) > 0L) {
    imgData(spe) <- images[images$sample_id %in% spe$sample_id, ]
  }
  spe
}

#' Give the cells places
#'
#' @description
#' Reads a position of every cell from the map, and returns the mapped cells
#' with it: as a SingleCellExperiment with the position in colData, as a
#' SpatialExperiment, the reconstructed tissue, genes by cells with
#' spatialCoords, or as a Seurat object with the position in the metadata.
#'
#' @param map A [CellMapping-class] with coordinates of the spots.
#' @param sce The single-cell data that was mapped: a SummarizedExperiment or
#'   any class that extends it, genes by cells, or a Seurat object; it is not
#'   changed.
#' @param as Class of the result: `"SingleCellExperiment"` or
#'   `"SpatialExperiment"`, which of a Seurat object have the counts of its
#'   default assay.
#'   `NULL`: a Seurat object for a Seurat object, and a SingleCellExperiment
#'   for all others.
#' @param position How a position is read from P: `"median"`, the spatial
#'   median (the point of least mean distance; see below); `"mean"`, the mean
#'   under P;
#'   `"k_best"`, the mean of the k most probable spots, weighted by their
#'   probability; `"argmax"`, the most probable spot.
#' @param k How many spots `"k_best"` takes and, where no sharpness is known,
#'   `"median"` and `homespot_near_spot`.
#' @param level Probability with which a cell's true place lies within
#'   `homespot_radius` of its position, from 0.05 to 0.99.
#' @param max.radius Largest radius at which a cell is `homespot_confident`, in
#'   the unit of the coordinates.
#'   NULL is half the extent of the tissue, the root mean squared distance of
#'   the spots from their centroid.
#' @param reduction Name of a reduction to put the positions into as well, such
#'   as `"spatial"`: a reducedDim, or a DimReduc of a Seurat object, whose key
#'   is made of the name.
#'   `NULL`: none.
#' @param ... Not used.
#'
#' @return The mapped cells of `sce`, in the map's order (those of a Seurat
#'   object keep theirs), with, where the spots lie in several sections,
#'   `homespot_section`, the section of the cell, and `homespot_section_prob`,
#'   its probability, and the columns
#'   `homespot_spot`, `homespot_prob`, `homespot_entropy` (of the cell's row of
#'   P, over the logarithm of the number of spots: 0 where one spot has all, 1
#'   where all have the same; what the row leaves out counts as spread evenly
#'   over the spots on which it has nothing), `homespot_near_spot` (the spot of
#'   least expected distance, under the weights of the median, whatever
#'   `position` is), `homespot_x`, `homespot_y` (and
#'   `homespot_z`), `homespot_spread`, the root mean squared distance of the
#'   spots under P from the position, in the unit of the coordinates,
#'   `homespot_radius`, within which of the position the true place lies with
#'   probability `level`, and `homespot_confident`; where the map has it,
#'   `homespot_fits`, how far the spots hold cells like this one, from 0.01 to 1
#'   (below 0.5, look at the kind of cells before you trust its places);
#'   and the run's record in
#'   `metadata(x)$homespot`, or `Misc(x, "homespot")`, with the `read_out`:
#'   `"sharpness"`, `"best spots"` or, of combined maps, both.
#'   The spread is that of the whole P, whatever `position` reads from it: it
#'   is no estimate of the position's error, and usually larger than the error
#'   of the median.
#'   A SpatialExperiment has the position in spatialCoords, under the names of
#'   the spots' coordinates, and as `sample_id` that of the home spot; a
#'   `sample_id` that `sce` had is kept as `sc_sample_id`.
#'   A Seurat object has an image for every section, with the cells that are
#'   placed in it, for `SpatialDimPlot()`: with the picture of the tissue where
#'   the map has it, else a field of view, for `ImageDimPlot()`.
#'   Its own images, which are of another tissue, are taken out; of three
#'   dimensions there is none.
#'
#' @section Position, radius and confidence:
#' Where the map has a cell's `homespot_sharpness`, q, its whole row of P is
#' read.
#' The median takes in all spots, weighted by their probability to the power
#' of 0.75 q.
#' The radius is sqrt(d^2 + pitch^2 / 6): under the probabilities to the power
#' of q, scaled to sum to 1, a share of `level` of the weight lies within d of
#' the position.
#' The distribution is interpolated: each spot counts half at its own distance,
#' and the weight grows linearly to the next.
#' The second term is for where in its spot a cell sits.
#' A cell is confident if its radius is at most `max.radius`, and at least a
#' tenth of the cells of its tissue have a radius at the level 0.9 of at most
#' `max.radius`.
#' Where fewer have, they have it mostly by chance: no cell is confident, and a
#' warning counts these cells.
#' The tissue is the map or, if every section is read by itself, the cells that
#' are placed in the section.
#'
#' Where the sharpness is not known (other methods, maps without weights of
#' genes or coordinates, maps of earlier versions), the k most probable spots
#' are read.
#' The median takes in these spots, weighted by the square of their
#' probability.
#' The radius follows from the spread of the 20 most probable spots by a rule
#' that was fitted on simulated spots of known truth, on maps by SSA read by the
#' median.
#' On five tissues 86 to 98 percent of all cells lie within the radius of a
#' level of 0.9.
#' A cell is confident if its radius is at most `max.radius`; where hardly any
#' is, these cannot be relied on.
#'
#' @section Several sections:
#' A place is a point of one section.
#' Under a joint map the section of a cell is that with most of its mass, and
#' its probability the share; where every section was mapped by itself it is the
#' one that fits best.
#' All else, but the entropy, is read from the spots of that section alone.
#' A cell whose section is not known has no place: its columns are `NA`, and a
#' warning counts such cells.
#' They are left out of a SpatialExperiment, with another warning.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the map has no coordinates or some that
#' are not finite, `sce` lacks mapped cells or has names more than once, a
#' cell has no probability on any spot of the map, or the name of the reduction
#' or its key is taken in a Seurat object.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' tissue <- placeCells(map, demo$sc, as = "SpatialExperiment")
#' tissue
#' head(SpatialExperiment::spatialCoords(tissue))
#'
#' @name placeCells
#' @aliases placeCells,ANY,ANY-method
#' @export
#' @exportMethod placeCells
setGeneric("placeCells", `body<-`(.placeCells, value = quote({
  .beforeMethod(sce)
  standardGeneric("placeCells")
})), signature = c("map", "sce"), useAsDefault = .placeCells)
