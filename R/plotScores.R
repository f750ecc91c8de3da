#' Scores of genes, methods side by side
#'
#' Violins with boxes of the scores of each method, and the paired one-sided
#' Wilcoxon test of one method against each of the others.
#'
#' @param table A data frame with a row for each gene and method: the columns
#'   `gene`, `method`, and those named by `metric`.
#' @param metric One or several of `"pcc"`, `"ssim"`, `"rmse"` and `"jsd"`;
#'   each has a panel of its own.
#' @param reference Name of the method that is tested against the others.
#'   `NULL`: the first in the table.
#'
#' @return A ggplot; its data has a row for each gene, method and metric, with
#'   the columns `gene`, `method`, `metric` and `score`, without scores that
#'   are not finite.
#'   Its last layer has the tests as its data: `metric`, `method`, `p` and
#'   `genes`.
#'
#' @details
#' The test asks whether the reference is better than the other method on the
#' same genes: larger in PCC and SSIM, smaller in RMSE and JSD.
#' It is SciPy's, with the exact distribution for up to 50 genes without ties,
#' and else the normal distribution without a correction for continuity.
#' Genes with a finite score by both methods take part.
#' The p-values are not corrected for the number of methods; where no gene
#' differs there is none.
#'
#' @section Errors:
#' Of class `homespot_input_error` if columns are missing, a gene stands there
#' twice for one method, no score is finite, or there is no such method; and
#' `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [plotCalibration()].
#'
#' @examplesIf rlang::is_installed("ggplot2") && homespot::hasPython()
#' set.seed(1)
#' table <- data.frame(
#'   gene = rep(paste0("gene", 1:40), 2),
#'   method = rep(c("come", "ssa"), each = 40),
#'   pcc = c(rnorm(40, 0.6, 0.1), rnorm(40, 0.55, 0.1))
#' )
#' plotScores(table)
#'
#' @export
plotScores <- function(table, metric = "pcc", reference = NULL) {
  scores <- .scoreTable(table, metric)
  methods <- levels(scores$method)
  if (is.null(reference)) {
    reference <- methods[1L]
  }
  tests <- .pairedTests(scores, reference)
  data <- scores[is.finite(scores$score), ]
  .requirePackage("ggplot2", "plots")
  ggplot2::ggplot(data, ggplot2::aes(.data$method, .data$score)) +
    ggplot2::geom_violin(
      ggplot2::aes(fill = .data$method), colour = NA, alpha = 0.5,
      scale = "width"
    ) +
    ggplot2::geom_boxplot(width = 0.15, outlier.size = 0.5) +
    ggplot2::geom_text(
      ggplot2::aes(y = Inf, label = .data$label),
      tests, vjust = 1.6, size = 3
    ) +
    ggplot2::scale_fill_manual(
      values = rep_len(.palette, length(methods)), guide = "none", drop = FALSE
    ) +
    ggplot2::scale_y_continuous(
      expand = ggplot2::expansion(mult = c(0.05, 0.12))
    ) +
    ggplot2::labs(
      x = if (length(methods) > 1L) {
        sprintf(paste(
          "p: %s is better, gene by gene (one-sided paired Wilcoxon test)"
        ), reference)
      },
      y = if (length(metric) == 1L) .metricName(metric)
    ) +
    (if (length(metric) > 1L) {
      ggplot2::facet_wrap(
        "metric",
        scales = "free_y", labeller = ggplot2::as_labeller(.metricName)
      )
    }) +
    ggplot2::theme_bw() +
    ggplot2::theme(
      panel.grid.major.x = ggplot2::element_blank(),
      axis.text.x = .methodText(methods, length(metric))
    )
}

# Names that have no room side by side are turned.
.methodText <- function(methods, panels) {
  width <- max(nchar(methods)) * length(methods) * ceiling(sqrt(panels))
  if (width > 80) {
    ggplot2::element_text(angle = 30, hjust = 1)
  } else {
    ggplot2::element_text()
  }
}

.metricName <- function(metric) {
  sprintf(
    "%s (%s is better)", .metrics[metric, "label"],
    ifelse(.metrics[metric, "higherIsBetter"], "higher", "lower")
  )
}

.scoreTable <- function(table, metric) {
  .refuseIf(
    !is.data.frame(table), "a data frame of scores", .describe(table),
    "Give a row for each gene and method."
  )
  .refuseIf(
    !is.character(metric) || !length(metric) ||
      !all(metric %in% rownames(.metrics)),
    sprintf("`metric` among %s", .some(rownames(.metrics), 4L)),
    .describe(metric), "Use one or several of these."
  )
  metric <- unique(metric)
  .needColumns(
    table, c("gene", "method", metric), "scores", "Add what is missing."
  )
  method <- as.character(table$method)
  data <- do.call(rbind, lapply(metric, function(name) {
    data.frame(
      gene = as.character(table$gene),
      method = factor(method, unique(method)),
      metric = factor(name, metric), score = as.numeric(table[[name]])
    )
  }))
  .refuseIf(
    !any(is.finite(data$score)), "finite scores", "none",
    "Score genes that are not constant."
  )
  data
}

# Whether the reference is better, gene by gene: a row for every metric and
# method.
.pairedTests <- function(scores, reference) {
  tests <- do.call(rbind, lapply(levels(scores$metric), function(metric) {
    of <- scores[scores$metric == metric, ]
    finite <- is.finite(of$score)
    table <- list(gene = of$gene, method = as.character(of$method))
    table[[metric]] <- ifelse(finite, of$score, NA)
    others <- .dataFrame(.call(
      "compare", .tableToPython(as.data.frame(table), "scores"), metric,
      reference
    ))
    data.frame(
      metric = metric, method = c(reference, others$method),
      p = c(NA, others$p),
      genes = c(sum(finite & of$method == reference), others$genes),
      label = c("reference", .pText(others$p))
    )
  }))
  tests$metric <- factor(tests$metric, levels(scores$metric))
  tests$method <- factor(tests$method, levels(scores$method))
  tests[order(tests$method, tests$metric), ]
}

.pText <- function(p) {
  text <- ifelse(p < 1e-300, "p < 1e-300", sprintf("p = %.2g", p))
  ifelse(is.na(p), "no difference", text)
}
