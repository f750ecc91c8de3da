#' The errors of a transport
#'
#' How far the plan's marginals were from what they should be, at every check
#' of the solver.
#'
#' @param map A [CellMapping-class] made by a method that solves a transport,
#'   such as `"ssa"`.
#'
#' @return A ggplot of `iteration` against `error`, on a logarithmic scale;
#'   these are the columns of its data.
#'   The error is the L1 distance between the mass of the spots and what they
#'   should have.
#'   A dashed line marks the tolerance, at which the solver ends; the subtitle
#'   says how it ended, and the errors of both marginals of the plan (on a
#'   relaxed side that is how far the plan moved away from the marginal, and
#'   need not be small).
#'
#' @section Errors:
#' Of class `homespot_input_error` if the map has no such errors, and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [mapCells()]; [plotLosses()], of methods that train;
#'   `mappingInfo(map)$solver$errors` has the numbers.
#'
#' @examplesIf homespot::hasPython() && rlang::is_installed("ggplot2")
#' demo <- demoData()
#' plotMarginals(mapCells(demo$sc, demo$st))
#'
#' @export
plotMarginals <- function(map) {
  .requireMapping(map)
  info <- mappingInfo(map)
  solver <- info$solver
  .refuseIf(
    !length(solver$errors), "a map with the errors of a transport",
    sprintf("a map by method '%s' without", .methodOf(map)),
    "Use a map by mapCells(method = \"ssa\"), or plotLosses()."
  )
  .requirePackage("ggplot2", "plots")
  errors <- matrix(as.vector(solver$errors), ncol = 2L)
  data <- data.frame(iteration = errors[, 1L], error = errors[, 2L])
  # A logarithm of 0 there is not.
  data <- data[data$error > 0, ]
  ggplot2::ggplot(data, ggplot2::aes(.data$iteration, .data$error)) +
    ggplot2::geom_line(colour = "grey60") +
    ggplot2::geom_point(size = 1) +
    ggplot2::geom_hline(
      yintercept = info$parameters$tolerance, linetype = "dashed"
    ) +
    ggplot2::scale_x_continuous(breaks = .wholeBreaks) +
    ggplot2::scale_y_log10() +
    ggplot2::labs(
      x = "iteration", y = "error of the spots' mass (L1)",
      subtitle = .endOfRun(solver)$sentence
    ) +
    ggplot2::theme_bw()
}
