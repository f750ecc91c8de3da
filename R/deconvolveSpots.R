#' Cell types in every spot
#'
#' @description
#' The proportion of type t in spot j is A\[t, j\] over the sum of column j,
#' with A\[t, j\] the sum of P\[i, j\]^2, or of P\[i, j\], over the cells i
#' of this type.
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
#' @return A SpatialExperiment, types by spots.
#'   Assay `"proportion"`: every column sums to 1, but that of a spot without
#'   any mass, which is `NaN`, with a warning that counts them.
#'   Assay `"cells"`: expected number of cells of each type, the proportions
#'   times `density`.
#'   colData has the map's spots and `homespot_cells` (column sum of the
#'   expected numbers), `homespot_type` and `homespot_type_prob` (the most
#'   abundant type and its proportion) and `homespot_confident_share` (share of
#'   the spot's A from confident cells); rowData has `n_cells`, the number
#'   of mapped cells of each type; `metadata(x)$homespot` is the run's record,
#'   with `read_out`.
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
#' map's cells or spots, or are missing for some, or the read-out is not one of
#' the two.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st)
#' types <- deconvolveSpots(map, "cell_type")
#' types
#' SummarizedExperiment::assay(types, "proportion")[, 1:3]
#'
#' @export
deconvolveSpots <- function(
    map, labels, read.out = "square", density = NULL, confident = NULL) {
  .requireMapping(map)
  .checkString(read.out, "read.out")
  value <- .call(
    "deconvolve_spots", .mappingToPython(map),
    .labelsToPython(labels, map, "cell"),
    read_out = read.out,
    density = .valuesToPython(density, "cell densities", map, "spot"),
    confident = .valuesToPython(confident, "flags of confidence", map, "cell")
  )
  .atSpots(map, list(
    proportion = .fromPython(value$get("x")),
    cells = .fromPython(value$get("layers")$get("cells"))
  ), value, info = list(read_out = read.out))
}
