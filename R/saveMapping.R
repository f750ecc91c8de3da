#' Save and load a map
#'
#' One file format for both languages: .h5ad, which Python's
#' `homespot.load()` and `homespot.save()` read and write as well.
#'
#' @param map A [CellMapping-class].
#' @param path Path of the file; it ends in `.h5ad`.
#'   An existing file is replaced, and the new one appears whole or not at all.
#'
#' @param backed `TRUE` leaves P in the file, for a map that does not fit into
#'   memory: the assay is a DelayedMatrix on it (needs HDF5Array).
#'   The file has to stay where it is.
#'
#' @return `saveMapping()`: `path`, invisibly.
#'   `loadMapping()`: a [CellMapping-class], with spatialCoords named `x`, `y`
#'   (and `z`).
#'
#' @details
#' P is written in the type it was computed with (float32 unless asked
#' otherwise), dense or sparse as it is.
#' Columns of rowData and colData that are numbers, logical, character or
#' factors are kept; others, and images, are left out with a warning that
#' names them.
#' Text that repeats comes back as a factor, which is how AnnData stores it.
#'
#' @section Maps on disk:
#' A map whose assay is a DelayedMatrix, on a file or with delayed operations,
#' is read in blocks of rows, none larger than
#' [DelayedArray::getAutoBlockSize()], by everything that follows from a map,
#' to the same numbers, and [saveMapping()] writes it so.
#' `map[cells, spots]`, [renormalise()], [combineSections()], `rbind()` and
#' [addMapping()] stay delayed.
#' [cellDistances()] reads the rows of the cells that it is asked for, and the
#' costs of [assignCells()] are in memory, so name candidates for a large map.
#'
#' @section Maps that are not written down:
#' Without `k.best`, and with `storage = "streamed"`, which comes by itself
#' above 2,147 million pairs of a cell and a spot, [mapCells()] keeps what P
#' follows from: features of the cells and spots, and potentials.
#' The assay is a DelayedMatrix whose rows the core makes when they are read.
#' It is saved in (M + N) d numbers, loaded in either language, and kept by
#' `saveRDS()`; `map[cells, spots]`, [renormalise()] and `rbind()` of parts of
#' one map keep it so.
#' Cells can be mapped in parts that are saved and put together with `rbind()`,
#' but the spots' marginal of SSA is then kept by each part.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the path has another ending or its
#' folder is not there, or if the file is no map, of a newer format, or damaged.
#' A digest of all that is in it seals the file; one that another program has
#' written anew has no seal, and is read without.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' map <- mapCells(demo$sc, demo$st, k.best = 20L)
#' path <- tempfile(fileext = ".h5ad")
#' saveMapping(map, path)
#' loadMapping(path)
#'
#' @export
saveMapping <- function(map, path) {
  .requireMapping(map)
  path <- path.expand(.checkString(path, "path"))
  .call("check_anndata_path", path, .filesOf(map))
  if (!is.null(imgData(map)) && nrow(imgData(map)) > 0L) {
    .warn(sprintf(
      paste(
        "Left out %d image(s), which such a file has no place for. To have",
        "them again, set imgData(map) after loadMapping()."
      ), nrow(imgData(map))
    ))
  }
  .call("save", path, .mappingToPython(map, .warn, images = FALSE))
  invisible(path)
}

#' @rdname saveMapping
#' @export
loadMapping <- function(path, backed = FALSE) {
  path <- path.expand(.checkString(path, "path"))
  .checkFlag(backed, "backed")
  if (backed) {
    .requirePackage("HDF5Array", "maps on disk")
  }
  value <- .call("load", path, backed = backed)
  cells <- .columnsFromPython(value$get("obs"))
  spots <- .columnsFromPython(value$get("var"))
  coords <- .fetch(value$get("coordinates"))
  cellNames <- .toR(value$get("cells"))
  spotNames <- .toR(value$get("spots"))
  if (is.null(coords)) {
    coords <- matrix(numeric(), length(spotNames), 0L)
  } else {
    colnames(coords) <- .keys$COORDINATES[seq_len(ncol(coords))]
    spots <- spots[setdiff(names(spots), colnames(coords))]
  }
  if (is.null(spots$sample_id)) {
    spots$sample_id <- rep("sample01", length(spotNames))
  }
  p <- if (backed && .isNone(value$get("potentials"))) {
    t(HDF5Array::H5ADMatrix(normalizePath(path)))
  } else {
    .matrixFromPython(value)
  }
  .asCellMapping(.newMapping(
    p, cellNames, spotNames,
    .frame(cells, length(cellNames)), .frame(spots, length(spotNames)), coords,
    .fetch(value$get("record"))
  ))
}
