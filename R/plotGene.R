#' A gene in the tissue: measured and imputed
#'
#' @param spe A SpatialExperiment or Seurat object with the measured gene.
#' @param imputed A SpatialExperiment, genes by spots, or Seurat object with the
#'   imputed one.
#'   Its spots are matched to those of `spe` by name; the default is `spe`
#'   itself, with both in assays of its own.
#' @param gene Name of the gene.
#' @param assay.type Assay of `spe` with what was measured; `NULL`: the first.
#' @param imputed.type Assay of `imputed` with what was imputed.
#' @inheritParams plotSpots
#'
#' @return A ggplot with two panels; its data has two rows for each spot, with
#'   the columns `name`, `x`, `y`, `sample_id`, `value`, `panel`, and `share`,
#'   which is drawn.
#'   The two differ in scale (counts are measured, and logarithms imputed), so
#'   that each panel goes from its own least to its own largest value, which
#'   stand above it; `share` is 0 and 1 there.
#'
#' @inheritSection plotSpots Images
#' @inheritSection plotSpots Many points
#'
#' @section Errors:
#' Of class `homespot_input_error` if the gene, an assay or a spot is missing
#' on one side, and `homespot_dependency_error` if ggplot2 is not installed.
#'
#' @seealso [plotSpots()], which draws a gene that was imputed only.
#'
#' @examplesIf rlang::is_installed("ggplot2")
#' st <- demoData()$st
#' # Any prediction will do: here the mean of two other genes.
#' counts <- SummarizedExperiment::assay(st, "counts")
#' guess <- log1p(counts)
#' guess["Gene001", ] <- log1p(counts["Gene004", ] + counts["Gene006", ])
#' SummarizedExperiment::assay(st, "imputed") <- guess
#' plotGene(st, gene = "Gene001", unit = "um")
#'
#' @export
plotGene <- function(
    spe, imputed = spe, gene, assay.type = NULL, imputed.type = "imputed",
    unit = NULL, size = NULL) {
  force(imputed)
  measured <- .withAssay(spe, assay.type)
  guess <- .withAssay(imputed, imputed.type)
  spe <- measured$x
  imputed <- guess$x
  places <- .places(spe, "spe")
  .checkString(gene, "gene")
  if (!is(imputed, "SummarizedExperiment")) {
    .refuse(
      "`imputed` to be a SpatialExperiment of genes by spots",
      .describe(imputed), "Give what was imputed."
    )
  }
  measured <- .geneValues(spe, gene, measured$assay.type, "spe")
  at <- match(places$name, colnames(imputed))
  if (anyNA(at)) {
    .refuse(
      "every spot of `spe` in `imputed`",
      sprintf(
        "%d without (%s)", sum(is.na(at)), .some(places$name[is.na(at)])
      ),
      "Impute from a map onto these spots, or take spe[, colnames(imputed)]."
    )
  }
  guess <- .geneValues(imputed, gene, guess$assay.type, "imputed")[at]
  .requirePackage("ggplot2", "plots")
  data <- rbind(
    .ownRange(places, measured, "measured"),
    .ownRange(places, guess, "imputed")
  )
  .tissue(data, list(
    .points(
      ggplot2::aes(colour = .data$share), places, spe, size, data,
      2L * nlevels(places$sample_id)
    ),
    .valueScale(
      gene, limits = c(0, 1), breaks = c(0, 1), labels = c("least", "largest")
    )
  ), spe, unit, "panel")
}

.geneValues <- function(x, gene, assay.type, name) {
  if (!gene %in% rownames(x)) {
    .refuse(
      sprintf("the gene '%s' in `%s`", gene, name),
      sprintf("%d others (%s)", nrow(x), .some(rownames(x))), if (
        name == "spe"
      ) {
        "Draw a gene that was not measured with plotSpots(imputed, gene)."
      } else {
        "Impute it first."
      }
    )
  }
  .rowOf(x, gene, assay.type, name)
}

.ownRange <- function(data, values, panel) {
  finite <- values[is.finite(values)]
  range <- if (length(finite)) range(finite) else c(0, 0)
  data$value <- values
  data$share <- (values - range[1L]) / max(diff(range), .Machine$double.xmin)
  data$panel <- factor(sprintf(
    "%s, %s to %s", panel, format(signif(range[1L], 3)),
    format(signif(range[2L], 3))
  ))
  data
}
