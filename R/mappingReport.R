#' A page about a map
#'
#' @description
#' Writes one HTML page that says what was mapped, how it ended, and shows it.
#' The page holds all it needs, fetches nothing, and works offline: the run's
#' record, scores, pictures, and a tissue in which every spot tells its name,
#' its cells and its types, coloured by a gene or a type.
#'
#' @param map A [CellMapping-class].
#'   Without coordinates there is no tissue to see, and the page says so.
#' @param output Path of the file to write; it appears whole or not at all, an
#'   existing one is replaced.
#' @param sc The single-cell data that was mapped, as for [imputeGenes()]; its
#'   genes are imputed, as that does it.
#' @param st The spatial data, or a list of sections, as for [mapCells()]; genes
#'   that it has are shown as measured, too.
#'   With `sc` and `st`, the types of the spots are those of
#'   [deconvolveSpots()] with both; else they are by the map alone.
#'   The page says which, and how much the map counts.
#' @param labels Type of every cell, as for [deconvolveSpots()].
#'   `NULL`: those with which the map was made, where there are any.
#' @param genes Which genes the tissue can be coloured by.
#'   `NULL`: some tens that vary most in space.
#' @param scores What [crossValidateGenes()] returned for these data.
#' @param sc.assay.type,st.assay.type Name of the assay with the expression, as
#'   for [mapCells()].
#' @param sc.scale,st.scale What its numbers are, as for [mapCells()];
#'   `"auto"`: as the map was made.
#' @param unit Unit of the coordinates, for scale bars, for example `"µm"`;
#'   `NULL` draws none.
#' @param title Heading of the page.
#'
#' @return `output`, invisibly.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the data do not belong to the map, a gene
#' is nowhere, or the file cannot be written; `homespot_dependency_error` if the
#' Python in use lacks jinja2, matplotlib or plotly.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' page <- tempfile(fileext = ".html")
#' mappingReport(map, page, sc = demo$sc, labels = "cell_type")
#'
#' @export
mappingReport <- function(
    map, output = "report.html", sc = NULL, st = NULL, labels = NULL,
    genes = NULL, scores = NULL, sc.assay.type = NULL, st.assay.type = NULL,
    sc.scale = "auto", st.scale = "auto", unit = NULL, title = NULL) {
  .requireMapping(map)
  .checkStrings(sc.scale = sc.scale, st.scale = st.scale)
  output <- path.expand(.checkString(output, "output"))
  cells <- if (!is.null(sc)) {
    .distinctColumns(sc, "cells")
    .cellsToPython(.side(sc, sc.assay.type, "sc"))
  }
  spots <- if (!is.null(st)) {
    if (!.areSections(st)) {
      .distinctColumns(st, "spots")
    }
    .spatialToPython(.spatialSides(st, st.assay.type, NULL), narrow = FALSE)
  }
  .call(
    "report", .mappingToPython(map), output,
    sc = cells, st = spots,
    sc_layer = if (is.null(sc)) sc.assay.type,
    st_layer = if (is.null(st)) st.assay.type,
    labels = .valuesToPython(labels, "labels", map, "cell"),
    genes = .namesToPython(genes, "genes"),
    scores = if (!is.null(scores)) .tableToPython(scores, "scores"),
    sc_scale = sc.scale, st_scale = st.scale, unit = unit, title = title,
    images = .dict(.tissueImages(map))
  )
  invisible(output)
}

# Pixels and scale of the image of every section that has one.
.tissueImages <- function(map) {
  sections <- unique(.panelOf(colData(map)))
  rows <- lapply(stats::setNames(nm = sections), function(section) {
    .imageOf(map, section)
  })
  lapply(Filter(Negate(is.null), rows), function(row) {
    list(
      .arrayToPython(.pixels(
        SpatialExperiment::imgRaster(imgData(map)$data[[row]])
      )), imgData(map)$scaleFactor[row]
    )
  })
}
