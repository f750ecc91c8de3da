#' The agreement of two halves of the genes
#'
#' How well two halves of the genes agree on the places of cells, at every power
#' of the rows of P.
#' A reading that is too soft or too sharp has less agreement.
#'
#' @param map A [CellMapping-class] whose genes have weights, as by the defaults
#'   of `mapCells()` where the spots have coordinates.
#'   Of `"come"` it has the curve of the correlation from which the map starts,
#'   at the powers that give the rows of both maps the same entropy.
#'
#' @return A ggplot of `power` against `agreement`, the mean logarithm of how
#'   much more often than by chance the two halves read a cell at the same
#'   place; these are the columns of its data.
#'   A dashed line marks the power where it is highest, `homespot_sharpness`.
#'   Sections that were mapped one by one have a curve each, named by `part`.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the map has no agreement, and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [mapCells()]; `mappingInfo(map)$sharpness` has the numbers.
#'
#' @examplesIf rlang::is_installed("ggplot2") && homespot::hasPython()
#' demo <- demoData()
#' plotAgreement(mapCells(demo$sc, demo$st))
#'
#' @export
plotAgreement <- function(map) {
  .requireMapping(map)
  info <- mappingInfo(map)
  parts <- if (is.null(info$parts)) list(info) else unname(info$parts)
  known <- Filter(function(part) !is.null(part$sharpness), parts)
  .refuseIf(
    !length(known), "a map with the agreement of two halves of the genes",
    sprintf("a map by method '%s' without", .methodOf(map)),
    "Map with gene.weights = \"spatial\" onto spots with coordinates."
  )
  .requirePackage("ggplot2", "plots")
  data <- do.call(rbind, lapply(seq_along(known), function(i) {
    part <- known[[i]]
    data.frame(
      part = if (is.null(part$section)) as.character(i) else part$section,
      power = part$sharpness$powers, agreement = part$sharpness$agreement,
      best = part$sharpness$power
    )
  }))
  colour <- length(known) > 1L
  aes <- if (colour) {
    ggplot2::aes(.data$power, .data$agreement, colour = .data$part)
  } else {
    ggplot2::aes(.data$power, .data$agreement)
  }
  ggplot2::ggplot(data, aes) +
    ggplot2::geom_vline(
      if (colour) {
        ggplot2::aes(xintercept = .data$best, colour = .data$part)
      } else {
        ggplot2::aes(xintercept = .data$best)
      },
      data = unique(data[c("part", "best")]), linetype = "dashed"
    ) +
    ggplot2::geom_line() +
    ggplot2::geom_point(size = 1) +
    ggplot2::scale_x_log10(breaks = c(0.2, 0.5, 1, 2, 4)) +
    (if (colour) ggplot2::scale_colour_manual(values = .palette)) +
    ggplot2::labs(
      x = "power of the rows of P",
      y = "agreement of two halves of the genes\n(mean log, over chance)",
      colour = NULL
    ) +
    ggplot2::theme_bw()
}
