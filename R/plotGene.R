#' A gene in the tissue: measured and imputed
#'
#' @description
#' Draws both side by side.
#' Every panel names the scale of its values.
#' The title of the imputed panel gives their Pearson correlation (PCC) over the
#' spots.
#' Where the map was made from the gene, the title says so: the correlation then
#' says how well the map keeps what it was given.
#' How well it predicts is said by the correlation of the gene when it was held
#' out, the column `homespot_pcc` that [imputeGenes()] adds from `scores`; it is
#' given as well where it is known.
#' If `imputed` has intervals, their width is drawn as well.
#'
#' @param spe A SpatialExperiment or Seurat object with the measured gene; one
#'   that it lacks is drawn as imputed only.
#' @param imputed A SpatialExperiment, genes by spots, or Seurat object with the
#'   imputed one.
#'   Its spots are matched to those of `spe` by name, and the spots that both
#'   have are drawn: [mapCells()] leaves out those off the tissue.
#'   The default is `spe` itself, with both in assays of its own.
#' @param gene Name of the gene.
#' @param assay.type Assay of `spe` with what was measured; `NULL`: the first.
#' @param imputed.type Assay of `imputed` with what was imputed.
#' @param scale What the measured numbers are: `"counts"`, which become
#'   log(1 + 10,000 x / total), with totals over all genes of `spe`; `"log"`,
#'   which are drawn as they are; or `"auto"` to look at them, by the rules of
#'   [mapCells()]: whole numbers are counts, and so are multiples of one unit
#'   and values above 20; others are on the log scale.
#' @inheritParams plotSpots
#'
#' @return A ggplot with a panel each for what was measured, what was imputed,
#'   and the width of the intervals, as far as they are there.
#'   Its data has a row for each spot in each of them, with the columns `name`,
#'   `x`, `y`, `sample_id`, `value`, `panel`, and `share`, which is drawn.
#'   Each panel goes from its own least to its own largest value, which stand
#'   above it with their scale; `share` is 0 and 1 there.
#'   The correlation leaves out spots without a finite value, such as those
#'   where no cells sit, and is not defined if one of both is the same
#'   everywhere.
#'
#' @inheritSection plotSpots Images
#' @inheritSection plotSpots Many points
#'
#' @section Errors:
#' Of class `homespot_input_error` if `imputed` lacks the gene or all spots, an
#' assay is missing, or the measured numbers, when they are looked at, are
#' negative or not finite; and `homespot_dependency_error` if ggplot2 is not
#' installed.
#'
#' @seealso [imputeGenes()], [plotSpots()].
#'
#' @examplesIf rlang::is_installed("ggplot2") && homespot::hasPython()
#' st <- demoData()$st
#' # Any prediction will do: here the mean of two other genes.
#' counts <- SummarizedExperiment::assay(st, "counts")
#' guess <- log1p(1e4 * t(t(counts) / Matrix::colSums(counts)))
#' guess["Gene001", ] <- (guess["Gene004", ] + guess["Gene006", ]) / 2
#' SummarizedExperiment::assay(st, "imputed") <- guess
#' plotGene(st, gene = "Gene001", unit = "um")
#'
#' @export
plotGene <- function(
    spe, imputed = spe, gene, assay.type = NULL, imputed.type = "imputed",
    scale = "auto", unit = NULL, size = NULL) {
  force(imputed)
  measured <- .withAssay(spe, assay.type)
  guess <- .withAssay(imputed, imputed.type)
  spe <- measured$x
  imputed <- guess$x
  .places(spe, "spe")
  .checkString(gene, "gene")
  .checkChoice(scale, c("auto", "counts", "log"), "scale")
  .refuseIf(
    !is(imputed, "SummarizedExperiment"),
    "`imputed` to be a SpatialExperiment of genes by spots", .describe(imputed),
    "Give what was imputed."
  )
  .refuseIf(
    !gene %in% rownames(imputed), sprintf("the gene '%s' in `imputed`", gene),
    sprintf("%d others (%s)", nrow(imputed), .some(rownames(imputed))),
    "Impute it first, or check its name."
  )
  imputed <- .withNames(imputed, .namesByPlace(ncol(imputed), "spot"))
  spe <- .withNames(spe, colnames(imputed))
  at <- match(.places(spe, "spe")$name, colnames(imputed))
  .refuseIf(
    all(is.na(at)), "spots of `spe` in `imputed`", sprintf(
      "none: they have names like %s and %s", .some(colnames(spe)),
      .some(colnames(imputed))
    ),
    "Impute from a map onto these spots."
  )
  values <- if (gene %in% rownames(spe)) {
    .logValues(spe, gene, measured$assay.type, scale)
  }
  spe <- spe[, !is.na(at)]
  places <- .places(spe, "spe")
  found <- .rowOf(imputed, gene, guess$assay.type, "imputed")[at[!is.na(at)]]
  .requirePackage("ggplot2", "plots")
  own <- values$values[!is.na(at)]
  title <- .imputedTitle(
    own, found, .ofGene(imputed, gene, .metrics$key[1L]),
    isTRUE(.ofGene(imputed, gene, .keys$MAPPED))
  )
  record <- metadata(imputed)[[.keys$HOMESPOT]]
  on <- record$imputed_scale %||% "log scale"
  ends <- c(.keys$UPPER, .keys$LOWER)
  data <- rbind(
    if (!is.null(values)) .ownRange(places, own, "measured", values$scale),
    .ownRange(places, found, title, on),
    if (all(ends %in% assayNames(imputed))) {
      ends <- lapply(ends, .rowOf, x = imputed, row = gene, name = "imputed")
      width <- (ends[[1L]] - ends[[2L]])[at[!is.na(at)]]
      .ownRange(places, width, paste0(
        "width of the interval, level ", format(record$intervals$level)
      ), on)
    }
  )
  .tissue(data, list(
    .points(
      ggplot2::aes(colour = .data$share), places, spe, size, data,
      nlevels(data$panel) * nlevels(places$sample_id)
    ),
    .valueScale(
      gene, limits = c(0, 1), breaks = c(0, 1),
      labels = c("least", "largest")
    )
  ), spe, unit, "panel")
}

# What the annotation says of a gene, if that is known.
.ofGene <- function(imputed, gene, key) {
  value <- rowData(imputed)[[key]][match(gene, rownames(imputed))]
  if (isTRUE(is.finite(value))) value
}

.imputedTitle <- function(measured, found, heldOut, mapped) {
  name <- if (mapped) "imputed, gene of the map" else "imputed"
  if (is.null(measured)) {
    return(paste0(name, sprintf(" (PCC %.2f held out)", heldOut)))
  }
  # A spot without cells has nothing imputed.
  both <- is.finite(measured) & is.finite(found)
  varies <- any(both) && diff(range(measured[both])) > 0 &&
    diff(range(found[both])) > 0
  paste0(
    name, ", PCC ", if (varies) {
      sprintf("%.2f", stats::cor(measured[both], found[both]))
    } else {
      "not defined"
    },
    sprintf(" (%.2f held out)", heldOut)
  )
}

# What was measured, on the log scale, and what these values are.
.logValues <- function(spe, gene, assay.type, scale) {
  table <- .assayOf(spe, assay.type, "spe")
  .checkNumbers(table, "spatial data")
  if (scale == "log") {
    return(list(
      values = .rowOf(spe, gene, assay.type, "spe"),
      scale = "log values as given"
    ))
  }
  .toR(.call(
    "log_values", .toPython(table), match(gene, rownames(spe)) - 1L, scale
  ))
}

# --- panels ------------------------------------------------------------------

.ownRange <- function(data, values, panel, scale) {
  finite <- values[is.finite(values)]
  range <- if (length(finite)) range(finite) else c(0, 0)
  data$value <- values
  data$share <- (values - range[1L]) / max(diff(range), .Machine$double.xmin)
  data$panel <- factor(sprintf(
    "%s\n%s to %s\n%s", panel, format(signif(range[1L], 3)),
    format(signif(range[2L], 3)), scale
  ))
  data
}
