#' The losses of a training
#'
#' One panel for each term of the loss, in the order of its work: the
#' autoencoder's error before the training, the terms that were trained on,
#' and what only describes the map (the entropy of its rows, and where genes
#' were held out how well it predicts them).
#'
#' @param map A [CellMapping-class] made by a method that trains, such as
#'   `"come"`.
#'
#' @return A ggplot of `epoch` against `value`, with one panel for each
#'   `term`; these are the columns of its data.
#'   Every panel has its own scales, since the terms differ by orders of
#'   magnitude and the autoencoder has epochs of its own.
#'   Values are as they were measured, before they are weighted.
#'   Where genes were held out, a dashed line marks the epoch that was kept.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the map has no losses, and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [mapCells()]; `mappingInfo(map)$solver$losses` has the numbers.
#'
#' @examplesIf rlang::is_installed("ggplot2") && homespot::hasPython(TRUE)
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st,
#'   method = "come", n.genes = 100, hidden = 32, latent = 16,
#'   pretrain.epochs = 20, epochs = 5
#' )
#' plotLosses(map)
#'
#' @export
plotLosses <- function(map) {
  .requireMapping(map)
  ended <- .endOfRun(mappingInfo(map)$solver)
  if (!length(ended$values)) {
    wanted <- "a map with the losses of a training"
    .refuseIf(
      length(mappingInfo(map)$parts), wanted,
      "one of several parts, each of which has its own",
      "Draw those of a map of one part."
    )
    .refuse(
      wanted, sprintf("a map by method '%s' without", .methodOf(map)),
      "Use a map by mapCells(method = \"come\")."
    )
  }
  .requirePackage("ggplot2", "plots")
  data <- data.frame(
    term = factor(ended$terms, unique(ended$terms)), epoch = ended$steps,
    value = ended$values
  )
  alone <- data[data$term %in% names(which(table(data$term) == 1L)), ]
  plot <- ggplot2::ggplot(data, ggplot2::aes(.data$epoch, .data$value)) +
    ggplot2::geom_line(colour = "grey60") +
    ggplot2::geom_point(data = alone, size = 1) +
    ggplot2::facet_wrap("term", scales = "free") +
    ggplot2::scale_x_continuous(breaks = .wholeBreaks) +
    ggplot2::labs(x = "epoch", y = NULL) +
    ggplot2::theme_bw()
  if (!is.null(ended$kept)) {
    kept <- data[data$term != "pretraining" & data$epoch == ended$kept, ]
    plot <- plot + ggplot2::geom_vline(
      ggplot2::aes(xintercept = .data$epoch), kept,
      linetype = "dashed"
    )
  }
  plot
}

.wholeBreaks <- function(limits) {
  breaks <- pretty(limits, n = 4L)
  breaks[breaks == round(breaks)]
}
