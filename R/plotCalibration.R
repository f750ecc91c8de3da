#' Calibration: what is stated, and what is true
#'
#' @param table A data frame with a row for each level: the columns `level`, the
#'   stated share; `share`, the share of cells whose true place lies within the
#'   radius stated at this level; and `cells`, how many cells were counted.
#'
#' @return A ggplot of `level` against `share`, with the diagonal on which the
#'   two are equal; above it the map is better than it says, below it is worse.
#'   The bars are 95 % intervals of a share of that many cells (Wilson's).
#'   Its data is the table with the ends `low` and `high` of these.
#'
#' @section Errors:
#' Of class `homespot_input_error` if columns are missing or shares are not
#' within \[0, 1\], and `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [plotConfidence()].
#'
#' @examplesIf rlang::is_installed("ggplot2")
#' plotCalibration(data.frame(
#'   level = c(0.5, 0.8, 0.95), share = c(0.54, 0.83, 0.94), cells = 400
#' ))
#'
#' @export
plotCalibration <- function(table) {
  .refuseIf(
    !is.data.frame(table) || !nrow(table), "a data frame of levels",
    .describe(table), "Give a row for each level."
  )
  .needColumns(
    table, c("level", "share", "cells"), "a table", "Add what is missing."
  )
  bad <- !(table$level >= 0 & table$level <= 1) |
    !(table$share >= 0 & table$share <= 1)
  .refuseIf(
    anyNA(bad) || any(bad), "levels and shares within [0, 1]",
    sprintf("%d row(s) with others", sum(is.na(bad) | bad)),
    "Give shares, not percentages."
  )
  .requirePackage("ggplot2", "plots")
  ggplot2::ggplot(
    .withInterval(table), ggplot2::aes(.data$level, .data$share)
  ) +
    ggplot2::geom_abline(linetype = "dashed", colour = "grey60") +
    ggplot2::geom_linerange(
      ggplot2::aes(ymin = .data$low, ymax = .data$high), colour = .palette[1L]
    ) +
    ggplot2::geom_line(colour = .palette[1L]) +
    ggplot2::geom_point(colour = .palette[1L], size = 2) +
    ggplot2::coord_fixed(xlim = c(0, 1), ylim = c(0, 1)) +
    ggplot2::labs(
      x = "stated level", y = "share of cells within the stated radius"
    ) +
    ggplot2::theme_bw()
}

# Wilson's interval of a share of n cells.
.withInterval <- function(table) {
  z <- stats::qnorm(0.975)
  n <- table$cells
  middle <- (table$share + z^2 / (2 * n)) / (1 + z^2 / n)
  half <- z / (1 + z^2 / n) *
    sqrt(table$share * (1 - table$share) / n + z^2 / (4 * n^2))
  table$low <- middle - half
  table$high <- middle + half
  table
}
