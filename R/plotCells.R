#' Cells placed in the tissue
#'
#' @param tissue Cells with places, as [placeCells()] returns them: with the
#'   columns `homespot_x` and `homespot_y` in colData, or in the metadata of a
#'   Seurat object; or a SpatialExperiment with spatialCoords.
#' @param label Name of a column of colData(tissue), or of the metadata, that
#'   colours the cells, such as their type.
#' @param jitter How far at most a cell is moved, in the unit of the
#'   coordinates: the cells of one home spot are spread over a disc of this
#'   radius, since many of them have the same place, or nearly.
#'   `NULL`: 0.45 times the distance between home spots, or 0 where the column
#'   `homespot_spot` is missing; 0 shows the places as they are.
#' @inheritParams plotSpots
#'
#' @return A ggplot; its data has a row for each cell, with the columns `name`,
#'   `x` and `y` with what they are moved by, `sample_id` and `label`.
#'   Cells without a place are left out, with a warning that counts them.
#'   Cells are drawn in a mixed order, which is the same each time, so that no
#'   label covers the others.
#'   There are 16 colours, which colour-blind readers can tell apart; of more
#'   labels the largest have them, and the others are grey.
#'
#' @inheritSection plotSpots Images
#' @inheritSection plotSpots Many points
#'
#' @section Errors:
#' Of class `homespot_input_error` if the cells have no places or no such
#' column, and `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [placeCells()], [plotConfidence()].
#'
#' @examplesIf homespot::hasPython() && rlang::is_installed("ggplot2")
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' tissue <- placeCells(map, demo$sc)
#' plotCells(tissue, "cell_type", unit = "um")
#'
#' @export
plotCells <- function(
    tissue, label, jitter = NULL, unit = NULL, size = NULL) {
  tissue <- .placedOnly(.seuratShell(tissue))
  data <- .plottedPlaces(tissue)
  .checkString(label, "label")
  .needColumns(
    colData(tissue), label, "cells", "Name a column of colData(tissue)."
  )
  data$label <- .asLabel(.plainColumn(tissue, label))
  data <- .jittered(data, tissue, jitter)
  .requirePackage("ggplot2", "plots")
  data <- data[.mixedOrder(nrow(data)), ]
  .tissue(data, list(
    .points(ggplot2::aes(colour = .data$label), data, tissue, size),
    .labelScale(data$label, label)
  ), tissue, unit)
}

# Without the cells that have no place.
.placedOnly <- function(tissue) {
  column <- .keys$POSITIONS[1L]
  if (!is(tissue, "SummarizedExperiment") ||
        is.null(colData(tissue)[[column]])) {
    return(tissue)
  }
  known <- !is.na(colData(tissue)[[column]])
  if (any(known) && !all(known)) {
    .warn(sprintf(
      "Left out %d of %d cells, which have no place (%s is NA). %s",
      sum(!known), length(known), column,
      if (is.null(colData(tissue)[[.keys$SECTION]])) {
        "They were not mapped, as cells without any expression are not."
      } else {
        "cellModes() has places of cells whose section is not known."
      }
    ))
    tissue <- tissue[, known]
  }
  tissue
}

# Cells that placeCells() placed, in either class.
.plottedPlaces <- function(tissue) {
  .refuseIf(
    !is(tissue, "SummarizedExperiment"), "cells with places", .describe(tissue),
    "Give what placeCells() returned."
  )
  columns <- .keys$POSITIONS[seq_len(2L)]
  if (ncol(tissue) > 0L && all(columns %in% names(colData(tissue)))) {
    coords <- as.matrix(as.data.frame(colData(tissue)[columns]))
    return(.placesAt(coords, tissue))
  }
  .refuseIf(
    !is(tissue, "SpatialExperiment") || ncol(spatialCoords(tissue)) < 2L,
    sprintf("cells with places (%s)", .columns(columns)), "none",
    "Use placeCells() first."
  )
  .places(tissue, "tissue")
}

# The cells of a spot over a disc, by Vogel's spiral: evenly, and without
# random numbers.
.jittered <- function(data, tissue, jitter) {
  home <- colData(tissue)[[.keys$SPOT]]
  if (is.null(jitter)) {
    jitter <- if (is.null(home)) {
      0
    } else {
      0.45 * .spacing(data, length(unique(home)))
    }
  }
  .refuseIf(
    !is.numeric(jitter) || length(jitter) != 1L || !is.finite(jitter) ||
      jitter < 0,
    "`jitter` to be a distance of at least 0", .describe(jitter),
    "Give one in the unit of the coordinates, or NULL."
  )
  group <- if (is.null(home)) paste(data$x, data$y) else as.character(home)
  group <- factor(group, unique(group))
  count <- tabulate(group)[group]
  turn <- stats::ave(seq_along(group), group, FUN = seq_along)
  radius <- jitter * sqrt((turn - 0.5) / count) * (count > 1L)
  angle <- turn * pi * (3 - sqrt(5))
  right <- radius * cos(angle)
  up <- radius * sin(angle)
  data$x <- data$x + right
  data$drawn_x <- data$drawn_x + right
  data$y <- data$y + up
  data$drawn_y <- data$drawn_y + data$upwards * up
  data
}
