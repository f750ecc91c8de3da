#' The cell types of every spot
#'
#' @param types A SpatialExperiment of types by spots, as deconvolveSpots()
#'   returns it, with the proportions in the assay `"proportion"`, or the
#'   Seurat object that addMapping() put them into.
#' @param kind `"pies"`: one pie for each spot, which shows what is mixed where,
#'   for up to some thousand spots.
#'   `"panels"`: one panel for each type, for any number of spots and types.
#' @param size Diameter of a point in mm, of `"panels"`; `NULL`: from the
#'   density of the points. Pies are as large as the distance of the spots
#'   allows.
#' @inheritParams plotSpots
#'
#' @return A ggplot; its data has a row for each type at each spot, with the
#'   columns `name`, `x`, `y`, `sample_id`, `type` and `proportion`.
#'   The types are in the order of their rows, as are the 16 colours of pies;
#'   of more types the most abundant have them, and the others are grey.
#'   A spot without proportions (all `NA` or 0) has no pie.
#'
#' @inheritSection plotSpots Images
#' @inheritSection plotSpots Many points
#'
#' @section Errors:
#' Of class `homespot_input_error` if there is no such assay, a proportion is
#' negative, or there are more than 10,000 spots for pies; and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [plotMapping()], [plotColocation()].
#'
#' @examplesIf rlang::is_installed("ggplot2")
#' share <- rbind(astrocyte = c(0.2, 0.5, 1), neuron = c(0.8, 0.5, 0))
#' colnames(share) <- paste0("spot", 1:3)
#' types <- SpatialExperiment::SpatialExperiment(
#'   assays = list(proportion = share),
#'   spatialCoords = cbind(x = 1:3, y = c(1, 2, 1))
#' )
#' plotTypes(types)
#' plotTypes(types, "panels")
#'
#' @export
plotTypes <- function(
    types, kind = c("pies", "panels"), unit = NULL, size = NULL) {
  kind <- .checkChoice(kind, c("pies", "panels"), "kind")
  types <- .seuratTypes(types)
  places <- .places(types, "types")
  share <- .plottedProportions(types)
  .refuseIf(
    kind == "pies" && ncol(types) > .mostPies,
    sprintf("at most %d spots to draw as pies", .mostPies),
    sprintf("%d", ncol(types)), "Use kind = \"panels\", or draw a part."
  )
  .requirePackage("ggplot2", "plots")
  data <- places[rep(seq_len(ncol(types)), each = nrow(types)), ]
  rownames(data) <- NULL
  data$type <- factor(rep(rownames(types), ncol(types)), rownames(types))
  data$proportion <- as.vector(share)
  layers <- if (kind == "pies") {
    .pieLayers(data, 0.475 * .spacing(places))
  } else {
    .typePanels(data, places, types, size)
  }
  .tissue(data, layers, types, unit, if (kind == "panels") "type")
}

.mostPies <- 10000L

# Vertices of a whole pie.
.pieVertices <- 48L

.plottedProportions <- function(types) {
  share <- as.matrix(.assayOf(types, "proportion", "types"))
  .refuseIf(
    is.null(rownames(types)) || !is.numeric(share),
    "proportions of types that have names", .describe(share),
    "Give what deconvolveSpots() returned."
  )
  .refuseIf(
    anyDuplicated(rownames(types)), "every type once",
    .some(unique(rownames(types)[duplicated(rownames(types))])),
    "Sum the rows of one type first."
  )
  .refuseIf(
    any(share < 0, na.rm = TRUE), "proportions of at least 0",
    format(min(share, na.rm = TRUE)), "Give what deconvolveSpots() returned."
  )
  share
}

.typePanels <- function(data, places, types, size) {
  list(
    .points(
      ggplot2::aes(colour = .data$proportion), places, types, size, data,
      nlevels(data$type) * nlevels(data$sample_id)
    ),
    .valueScale("proportion", limits = c(0, NA))
  )
}

.pieLayers <- function(data, radius) {
  list(
    ggplot2::geom_polygon(
      ggplot2::aes(fill = .data$type, group = .data$slice),
      .pieSlices(data, radius), colour = NA
    ),
    .labelScale(
      data$type, "type", "fill",
      as.vector(rowsum(data$proportion, data$type, na.rm = TRUE))
    )
  )
}

# The outlines of the slices, clockwise from the top: the middle of the spot,
# and points on the arc.
.pieSlices <- function(data, radius) {
  share <- data$proportion
  share[!is.finite(share)] <- 0
  spot <- cumsum(as.integer(data$type) == 1L)
  total <- as.vector(rowsum(share, spot))[spot]
  share <- ifelse(total > 0, share / total, 0)
  end <- stats::ave(share, spot, FUN = cumsum)
  drawn <- which(share > 0)
  steps <- ceiling(share[drawn] * .pieVertices)
  slice <- rep(drawn, steps + 2L)
  # 0 is the middle, 1 where the arc begins, steps + 1 where it ends.
  at <- sequence(steps + 2L) - 1L
  along <- pmax(at - 1L, 0L) / rep(steps, steps + 2L)
  angle <- 2 * pi * (end[slice] - share[slice] * (1 - along))
  out <- data[slice, c("name", "sample_id", "type", "drawn_x", "drawn_y")]
  out$slice <- slice
  out$drawn_x <- out$drawn_x + radius * (at > 0L) * sin(angle)
  out$drawn_y <- out$drawn_y + radius * (at > 0L) * cos(angle)
  out
}
