#' Cell types in every spot, without a map
#'
#' @description
#' Every spot y is taken for a mixture of the types' means mu, all on the linear
#' scale (counts become 10,000 x / total), with weights w >= 0 that minimise
#' the sum over the genes g of (y\[g\] - f\[g\] (w mu)\[g\])^2 / v\[g\],
#' with
#' v\[g\] = f\[g\] n\[g\] (0.9 (w mu)\[g\] / W + 0.1 m\[g\]),
#' where n\[g\] is the variance of gene g within the types over its mean,
#' m\[g\] its mean over the reference, f\[g\] the platform factor, and W the
#' sum of w.
#' v follows from a first fit with v\[g\] = f\[g\] n\[g\] m\[g\].
#' The share of a type is its weight over the root of the mean total count of
#' its cells (if the reference has counts), scaled so that the shares of a spot
#' sum to 1.
#' Only genes count whose means differ between the types by more than chance
#' (F statistic above 2).
#'
#' The platform factor says how much more of a gene the technology of the spots
#' sees than that of the reference.
#' It comes from the mean of all spots, which is taken for a mixture of the
#' types in about the shares that they have in the reference.
#' Small factors are left at 1.
#'
#' @param reference Single cells, genes by cells, with `labels`; or the types'
#'   mean expression, genes by types: in any form that [mapCells()] takes for
#'   `sc`.
#'   Means do not say how much a gene varies within a type: then n is 1, all
#'   genes count, and no type is expected to be more frequent than another.
#' @param st Spatial data, genes by spots, as for [mapCells()].
#'   Several sections may be given as a list.
#' @param labels Type of every cell: name of a column of `colData(reference)`,
#'   a vector or factor named by cell (in any order), or one label a cell in
#'   their order.
#'   `NULL`: the columns of `reference` are types.
#' @param level Level of the intervals, from 0.05 to 0.99; they need cells
#'   with labels.
#'   `NULL`: no intervals.
#' @param sc.assay.type Name of the assay of `reference` with the expression, as
#'   for [mapCells()].
#' @param st.assay.type Name of the assay of `st` with the expression, likewise.
#' @param sc.scale What the numbers of `reference` are, as for [mapCells()].
#' @param st.scale What the numbers of `st` are, likewise.
#' @param sc.gene.column Name of a column of `rowData(reference)` with the names
#'   of the genes; `NULL` is the row names.
#' @param st.gene.column Name of a column of `rowData(st)` with the names of the
#'   genes, likewise.
#' @param coords Coordinates of the spots, as for [mapCells()].
#'
#' @return A SpatialExperiment, types by spots.
#'   Assay `"proportion"`: every column sums to 1, except that those of spots
#'   without any expression of the genes that count are `NaN`, and a warning
#'   counts them.
#'   Assays `"lower"` and `"upper"`, with `level`: bounds between which this
#'   share of 100 fits lies, each with as many cells and genes as there are,
#'   drawn with replacement: the cells from the whole reference, the genes from
#'   those that count.
#'   They say how far the proportions depend on these cells and genes.
#'   On tissues with known proportions they hold fewer of them than the level
#'   says, most of all of rare types.
#'   colData has that of `st`, and `homespot_type` and `homespot_type_prob` (the
#'   most abundant type and its proportion); rowData has `n_cells`, the number
#'   of cells of each type; `metadata(x)$homespot` is the record, with
#'   `fit_genes`, the genes that count, and `platform_factors`, f of each of
#'   them; assays and columns of the genes' names stand in it where they were
#'   given, as `sc_layer` and `sc_gene_column`.
#'   [addMapping()] puts it into the spatial data.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the data, labels or a parameter is not as
#' described, or the two tables share fewer than two genes;
#' `homespot_too_large_error` if the means of all draws would not fit into
#' memory.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' types <- fitTypes(demo$sc, demo$st, "cell_type")
#' SummarizedExperiment::assay(types, "proportion")[, 1:3]
#'
#' @export
fitTypes <- function(
    reference, st, labels = NULL, level = NULL, sc.assay.type = NULL,
    st.assay.type = NULL, sc.scale = "auto", st.scale = "auto",
    sc.gene.column = NULL, st.gene.column = NULL, coords = NULL) {
  .checkBoth(
    missing(reference), missing(st), "Call fitTypes(reference, st, labels)."
  )
  .checkLevel(level)
  data <- .bothData(list2env(list(
    sc = reference, st = st, sc.assay.type = sc.assay.type,
    st.assay.type = st.assay.type, sc.scale = sc.scale, st.scale = st.scale,
    sc.gene.column = sc.gene.column, st.gene.column = st.gene.column,
    sections = NULL, joint = NULL
  )), coords)
  data$sc$called <- "reference"
  value <- .call(
    "fit_types", .experiment(data$sc, FALSE),
    .spatialToPython(data$tables, FALSE),
    .labelsOfReference(labels, reference, data$sc),
    level = level, sc_scale = sc.scale, st_scale = st.scale,
    sc_gene_column = sc.gene.column, st_gene_column = st.gene.column,
    sc_layer = sc.assay.type, st_layer = st.assay.type,
    .sides = list(sc = data$sc, st = .firstOfSections(data$st))
  )
  spots <- .spotsFound(value, data$tables, value$get("columns"))
  spots$data$sample_id <- as.character(spots$data$sample_id)
  names <- .toR(value$get("rows"))
  rownames(spots$data) <- rownames(spots$coords) <- spots$names
  out <- SpatialExperiment(
    assays = lapply(
      .typeAssays(value), `dimnames<-`, list(names, spots$names)
    ),
    rowData = .resultRows(NULL, value, names), colData = spots$data,
    spatialCoords = spots$coords,
    metadata = .recordAs(.toR(value$get("record")))
  )
  if (!is.null(spots$images) && nrow(spots$images) > 0L) {
    imgData(out) <- spots$images[spots$images$sample_id %in% out$sample_id, ]
  }
  out
}

# Labels of the cells of a reference, as Python takes them.
.labelsOfReference <- function(labels, reference, side) {
  if (is.null(labels)) {
    return(NULL)
  }
  if (.areLabels(labels) || !is.character(labels)) {
    return(.labelValues(labels, "labels"))
  }
  if (!is.na(labels) && nzchar(labels)) {
    .needColumn(reference, list(side), "reference", labels, "labels")
  }
  labels
}
