#' Which types lie together
#'
#' @param matrix A numeric matrix of types by types, with names: correlations
#'   of their proportions over the spots, or distances of their cells.
#' @param name What the numbers are, as the legend says it.
#'   `NULL`: `"correlation"` where all are within \[-1, 1\] and the diagonal is
#'   1, else `"distance"`.
#'
#' @return A ggplot: a heat map, with the types in the order of the matrix.
#'   Its data has a row for each pair, with the columns `from`, `to` and
#'   `value`.
#'   Correlations go from blue over white to orange, symmetric about 0; other
#'   numbers are in viridis.
#'   Up to 12 types have the numbers written in.
#'
#' @section Errors:
#' Of class `homespot_input_error` if it is not such a matrix, and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [plotTypes()].
#'
#' @examplesIf rlang::is_installed("ggplot2")
#' together <- matrix(c(1, -0.4, -0.4, 1), 2,
#'   dimnames = list(c("neuron", "glia"), c("neuron", "glia"))
#' )
#' plotColocation(together)
#'
#' @export
plotColocation <- function(matrix, name = NULL) {
  values <- if (length(dim(matrix)) == 2L) as.matrix(matrix)
  .refuseIf(
    !is.numeric(values) || !length(values) || is.null(rownames(values)) ||
      is.null(colnames(values)),
    "a numeric matrix of types by types, with names of both", .describe(matrix),
    "Set its dimnames."
  )
  .refuseIf(
    anyDuplicated(rownames(values)) || anyDuplicated(colnames(values)),
    "names of types once each", "some twice", "Rename these."
  )
  correlation <- all(abs(values) <= 1 + 1e-6, na.rm = TRUE) &&
    nrow(values) == ncol(values) &&
    all(abs(diag(values) - 1) < 1e-6, na.rm = TRUE)
  if (is.null(name)) {
    name <- if (correlation) "correlation" else "distance"
  }
  .checkString(name, "name")
  .requirePackage("ggplot2", "plots")
  data <- data.frame(
    from = factor(rownames(values)[row(values)], rev(rownames(values))),
    to = factor(colnames(values)[col(values)], colnames(values)),
    value = as.vector(values)
  )
  ggplot2::ggplot(
    data, ggplot2::aes(.data$to, .data$from, fill = .data$value)
  ) +
    ggplot2::geom_tile() +
    (if (max(dim(values)) <= 12L) .tileText(data, correlation)) +
    .tileScale(name, correlation) +
    ggplot2::scale_x_discrete(expand = c(0, 0)) +
    ggplot2::scale_y_discrete(expand = c(0, 0)) +
    ggplot2::coord_fixed() +
    ggplot2::labs(x = NULL, y = NULL) +
    ggplot2::theme_bw() +
    ggplot2::theme(
      axis.text.x = ggplot2::element_text(angle = 45, hjust = 1),
      panel.grid = ggplot2::element_blank()
    )
}

.tileScale <- function(name, correlation) {
  if (correlation) {
    ggplot2::scale_fill_gradient2(
      name = name, low = .palette[1L], high = .palette[6L], limits = c(-1, 1),
      na.value = .grey
    )
  } else {
    ggplot2::scale_fill_viridis_c(name = name, na.value = .grey)
  }
}

# Black on light tiles, white on dark ones.
.tileText <- function(data, correlation) {
  range <- range(data$value[is.finite(data$value)])
  dark <- if (correlation) {
    abs(data$value) > 0.7
  } else {
    data$value < mean(range)
  }
  data$text <- ifelse(
    is.na(data$value), "", if (correlation) {
      sprintf("%.2f", data$value)
    } else {
      prettyNum(signif(data$value, 3), big.mark = ",")
    }
  )
  ggplot2::geom_text(
    ggplot2::aes(label = .data$text), data, size = 3,
    colour = ifelse(!is.na(dark) & dark, "white", "black")
  )
}
