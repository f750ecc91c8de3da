#' A value of every spot over the tissue
#'
#' @param x A SpatialExperiment or a [CellMapping-class], with spatialCoords,
#'   or a Seurat object with images; of three coordinates the first two are
#'   drawn.
#' @param values What is drawn: the name of a column of colData(x), or of a row
#'   of `x`, such as a gene; or a vector with one value for each spot.
#'   A vector with names is matched to the spots by name.
#'   Numbers are drawn in viridis; text, factors and logical values as labels,
#'   in the colours of [plotCells()].
#' @param name What it is, as the legend says it; `NULL`: `values` where that
#'   is a name, else `"value"`.
#' @param assay.type Name of the assay that a row is taken from; of a Seurat
#'   object an assay or a layer, as for [mapCells()].
#'   `NULL`: a column of colData of this name, or else the first assay.
#' @param unit Unit of the coordinates, such as `"um"`, for the scale bar.
#'   `NULL`: no bar is drawn.
#' @param size Diameter of a point in mm; `NULL`: from the density of the
#'   points, so that they just about touch on a page.
#'
#' @return A ggplot; its data has a row for each spot, with the columns `name`,
#'   `x`, `y`, `sample_id` (the section where there are several, else the
#'   sample) and `value`, and those that say where it is drawn.
#'   Several sections, or samples, stand in panels of their own, each in a frame
#'   of its own, on one scale.
#'
#' @section Images:
#' Where `x` has images, the first one of each section lies under the points.
#' Its pixels are the coordinates times the image's scale factor, counted from
#' the top, so y then points downwards; without an image it does so where the
#' record of the run (`metadata(x)$homespot$y_direction`) or names of
#' coordinates that count rows say so, and else upwards.
#'
#' @section Many points:
#' From 20,000 points on they are drawn as one image of 10 dots per mm, if the
#' package scattermore is installed; a file of vectors then stays small, and
#' text and axes in it stay sharp.
#' Without that package every point is drawn by itself.
#' The picture is the same, but a PDF of 300,000 points takes some 20
#' megabytes.
#'
#' @section Errors:
#' Of class `homespot_input_error` if `x` has no coordinates, or has nothing of
#' the name in `values`, or `values` are not one for each spot; and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [plotGene()], [plotMapping()], [plotTypes()], [plotCells()].
#'
#' @examplesIf rlang::is_installed("ggplot2")
#' demo <- demoData()
#' plotSpots(demo$st, "Gene001", unit = "um")
#' plotSpots(demo$st, "n_cells")
#'
#' @export
plotSpots <- function(
    x, values, name = NULL, assay.type = NULL, unit = NULL, size = NULL) {
  of <- .withAssay(x, assay.type)
  x <- of$x
  data <- .places(x)
  if (is.null(name)) {
    named <- is.character(values) && length(values) == 1L
    name <- if (named) values else "value"
  }
  .checkString(name, "name")
  values <- unname(.valuesOf(x, values, of$assay.type))
  data$value <- if (is.numeric(values)) values else .asLabel(values)
  .requirePackage("ggplot2", "plots")
  .tissue(data, list(
    .points(ggplot2::aes(colour = .data$value), data, x, size),
    .scaleOf(data$value, name)
  ), x, unit)
}
