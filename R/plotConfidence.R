#' How far the places of cells can be relied on
#'
#' @param tissue Cells with places, and the columns `homespot_radius` and
#'   `homespot_confident`, as [placeCells()] returns them.
#' @inheritParams plotCells
#' @inheritParams plotSpots
#'
#' @return A ggplot; its data has a row for each cell, with the columns `name`,
#'   `x` and `y` with what they are moved by, `sample_id`, `radius` and
#'   `confident`.
#'   Cells without a place are left out, with a warning that counts them.
#'   Confident cells have the colour of their radius, within which the true
#'   place is said to lie, in the unit of the coordinates; the others are grey
#'   and lie below.
#'   The subtitle counts them.
#'
#' @inheritSection plotSpots Images
#' @inheritSection plotSpots Many points
#'
#' @section Errors:
#' Of class `homespot_input_error` if the cells have no places or not these
#' columns, and `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [placeCells()], [plotCalibration()].
#'
#' @examplesIf rlang::is_installed("ggplot2")
#' tissue <- SpatialExperiment::SpatialExperiment(
#'   assays = list(counts = matrix(0, 1, 4)),
#'   spatialCoords = cbind(x = c(0, 1, 0, 1), y = c(0, 0, 1, 1))
#' )
#' tissue$homespot_radius <- c(0.1, 0.2, 0.3, 0.4)
#' tissue$homespot_confident <- c(TRUE, TRUE, TRUE, FALSE)
#' plotConfidence(tissue)
#'
#' @export
plotConfidence <- function(
    tissue, jitter = NULL, unit = NULL, size = NULL) {
  tissue <- .placedOnly(.seuratShell(tissue))
  data <- .plottedPlaces(tissue)
  .needColumns(
    colData(tissue), c(.keys$RADIUS, .keys$CONFIDENT), "cells",
    "Use placeCells(), which gives them."
  )
  data$radius <- as.numeric(tissue[[.keys$RADIUS]])
  confident <- as.logical(tissue[[.keys$CONFIDENT]])
  data$confident <- !is.na(confident) & confident
  data <- .jittered(data, tissue, jitter)
  .requirePackage("ggplot2", "plots")
  data <- data[.mixedOrder(nrow(data)), ]
  data <- data[order(data$confident), ]
  data$shown <- ifelse(data$confident, data$radius, NA_real_)
  .tissue(data, list(
    .points(ggplot2::aes(colour = .data$shown), data, tissue, size),
    .valueScale(
      if (is.null(unit)) "radius" else sprintf("radius (%s)", unit),
      direction = -1
    ),
    ggplot2::labs(subtitle = sprintf(
      "%s of %s cells are confident; the others are grey",
      .withThousands(sum(data$confident)), .withThousands(nrow(data))
    ))
  ), tissue, unit)
}

.withThousands <- function(n) {
  format(n, big.mark = ",", scientific = FALSE)
}
