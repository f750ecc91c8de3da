#' Cell types in every spot
#'
#' @description
#' By the map, the proportion of type t in spot j is A\[t, j\] over the sum of
#' column j, with A\[t, j\] the sum of P\[i, j\]^2, or of P\[i, j\], over
#' the cells i of this type.
#' This is the result without `sc` and `st`.
#' P spreads a cell over similar spots, so these proportions have too little
#' contrast: rare types are found in too many spots, and abundant ones are too
#' rare where they are.
#'
#' With `sc` and `st`, the result is (1 - a) F + a S: F the proportions by a fit
#' of every spot's expression on the mean expression of the types, as
#' [fitTypes()] finds them, and S those by the map.
#' a is found on the spots themselves.
#' Their genes are divided into five parts, and each part is predicted from the
#' answer with F fitted on the others; a is the one of 0, 0.05, ..., 0.25 with
#' the smallest error.
#' It stands in the record.
#' Where only one of F and S is known, it is the answer.
#'
#' @param map A [CellMapping-class].
#' @param labels Type of every cell: name of a column of `rowData(map)`, a
#'   vector or factor named by cell (in any order), or one label a cell in the
#'   map's order.
#' @param read.out `"square"`: cells count by the square of their probability,
#'   as for their places. P spreads a cell over the spots that look alike, which
#'   makes all spots more alike than they are; the squares undo most of it.
#'   `"sum"`: by their probability, so that the expected numbers of a type's
#'   cells, over all spots, add up to its cells.
#' @param density How many cells every spot holds, where that is known from
#'   elsewhere, for example from counted nuclei: name of a column of
#'   `colData(map)`, a vector named by spot, or one number a spot.
#'   `NULL`: the column sums of P.
#' @param confident Whether a cell's place is to be relied on, `TRUE` or `FALSE`
#'   a cell, in the same forms as `labels`.
#'   `NULL`: as [placeCells()] finds it; for a map without coordinates nothing
#'   is said of it.
#'
#' @param sc The single-cell data that was mapped, for the fit, in any form
#'   that [mapCells()] takes; `st` is then needed as well.
#'   `NULL`: the map alone.
#' @param st The spatial data that was mapped to, likewise.
#' @param level Level of the intervals, from 0.05 to 0.99.
#'   `NULL`: no intervals.
#' @param sc.assay.type,st.assay.type Name of the assay with the expression, as
#'   for [mapCells()].
#'
#' @return A SpatialExperiment, types by spots.
#'   Assay `"proportion"`: every column sums to 1, but that of a spot without
#'   any mass, which is `NaN`, with a warning that counts them.
#'   Assay `"cells"`: expected number of cells of each type, the proportions
#'   times `density`.
#'   Assays `"lower"` and `"upper"`, with `level`: bounds between which this
#'   share of 100 answers lies, each of as many cells as were mapped, drawn with
#'   replacement: a cell counts in A as often as it was drawn, and the fit is
#'   made anew as in [fitTypes()].
#'   The map and a stay as they are.
#'   colData has the map's spots and `homespot_cells` (column sum of the
#'   expected numbers), `homespot_type` and `homespot_type_prob` (the most
#'   abundant type and its proportion) and `homespot_confident_share` (share of
#'   the spot's A from confident cells); rowData has `n_cells`, the number
#'   of mapped cells of each type; `metadata(x)$homespot` is the run's record,
#'   with `read_out`, and with `types_by`, a line that says what the answer
#'   rests on, and what it lacks without `sc` and `st`.
#'   With the fit also `map_weight` (a), `map_weights` and `map_weight_errors`
#'   (the error of each of these, over that of 0), `fit_genes` and
#'   `platform_factors` as for [fitTypes()], and the assays, columns of the
#'   genes' names and scales that the fit has read, as `fit_sc_layer` and the
#'   like; those of the map are without `fit_`.
#'   [addMapping()] puts it into the spatial data.
#'
#' @section Several sections:
#' Mapped one by one (`sections` of [mapCells()], or [combineSections()]), every
#' cell has the same mass in each section, and so counts in all of them alike:
#' the types of a section are those of all cells mapped, whatever section a
#' cell is of. Map with `joint = TRUE` where the sections hold other cells.
#'
#' @section Errors:
#' Of class `homespot_input_error` if labels, densities or flags do not fit the
#' map's cells or spots, or are missing for some, the read-out is not one of
#' the two, the level is out of bounds, or the data is not that of the map.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' types <- deconvolveSpots(map, "cell_type")
#' types
#' SummarizedExperiment::assay(types, "proportion")[, 1:3]
#' joined <- deconvolveSpots(map, "cell_type", sc = demo$sc, st = demo$st)
#' S4Vectors::metadata(joined)$homespot$map_weight
#'
#' @export
deconvolveSpots <- function(
    map, labels, read.out = "square", density = NULL, confident = NULL,
    sc = NULL, st = NULL, level = NULL, sc.assay.type = NULL,
    st.assay.type = NULL) {
  .requireMapping(map)
  .checkString(read.out, "read.out")
  .checkLevel(level)
  cells <- if (!is.null(sc)) .side(sc, sc.assay.type, "sc")
  spots <- if (!is.null(st)) .spatialSides(st, st.assay.type, NULL)
  value <- .call(
    "deconvolve_spots", .mappingToPython(map),
    .labelsToPython(labels, map, "cell"),
    read_out = read.out,
    density = .valuesToPython(density, "cell densities", map, "spot"),
    confident = .valuesToPython(confident, "flags of confidence", map, "cell"),
    sc = if (!is.null(sc)) .cellsToPython(cells),
    st = if (!is.null(st)) .spatialToPython(spots, narrow = FALSE),
    sc_layer = sc.assay.type, st_layer = st.assay.type,
    level = level, .sides = c(
      if (!is.null(sc)) list(sc = cells),
      if (!is.null(st)) list(st = .firstOfSections(spots))
    )
  )
  .atSpots(
    map, .typeAssays(value), value,
    info = .toR(value$get("record"))
  )
}

# The assays of a result of types: proportions, and what lies beside them.
.typeAssays <- function(value) {
  layers <- value$get("layers")
  names <- intersect(c("cells", "lower", "upper"), .toR(value$get("assays")))
  c(
    list(proportion = .fromPython(value$get("x"))),
    lapply(stats::setNames(nm = names), function(name) {
      .fromPython(layers$get(name))
    })
  )
}

.checkLevel <- function(level) {
  if (!is.null(level)) {
    .checkNumber(level, "level")
  }
}
