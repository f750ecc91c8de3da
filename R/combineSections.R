#' Combine maps
#'
#' @description
#' `rbind()` puts maps of different cells onto the same spots one below the
#' other.
#' `cbind()` and `combineSections()` put maps of the same cells onto different
#' spots, for example several sections, side by side: each section has a
#' weight, and P = \[w1 P1, w2 P2, ...\] with weights that sum to 1, so that
#' the rows sum to 1 as before.
#' `cbind()` gives every section the same weight.
#'
#' @param ... Objects of class [CellMapping-class]; for `combineSections()` by
#'   the names of the sections, as in `combineSections(a = map1, b = map2)`.
#' @param weights Numeric, one positive weight for each section: the
#'   probability that a cell is of this section.
#'   They are divided by their sum.
#'   `NULL`: all the same.
#' @param shared.frame Whether all sections share one frame of coordinates, as
#'   for [mapCells()].
#' @param deparse.level Not used.
#'
#' @return A [CellMapping-class].
#'   Its record ([mappingInfo()]) says how it was made and holds the records of
#'   the parts.
#'
#' @details
#' Sections with the same `sample_id` get the name of the section, or its number
#' appended, as SpatialExperiment does.
#' The column `homespot_section` of colData names the section of every spot: as
#' the arguments are named, or as its map has it, or by the tissue image or the
#' one sample of its map, else `section1`, `section2`, ...
#' The masses that a cell has in the sections are the weights, so they do not
#' say of which section it is: [placeCells()] gives it no place, but
#' [cellModes()] gives one in every section.
#' [mapCells()] with `sections` compares how the sections fit a cell.
#'
#' @section Errors:
#' Of class `homespot_input_error`: `rbind()` of maps onto other spots,
#' `cbind()` of maps of other cells, and cells or spots whose names stand in
#' two maps.
#'
#' @examplesIf homespot::hasPython()
#' p <- matrix(c(0.9, 0.2, 0.1, 0.8), 2,
#'   dimnames = list(c("cell1", "cell2"), c("spot1", "spot2"))
#' )
#' map <- CellMapping(p, spots = data.frame(sample_id = c("a", "a")))
#' colnames(p) <- c("spot3", "spot4")
#' other <- CellMapping(p, spots = data.frame(sample_id = c("b", "b")))
#' mappingMatrix(combineSections(map, other, weights = c(3, 1)))
#'
#' @name combineSections
#' @export
combineSections <- function(..., weights = NULL, shared.frame = FALSE) {
  maps <- .allMappings(list(...))
  .checkFlag(shared.frame, "shared.frame")
  names <- .completeNames(names(list(...)))
  .refuseIf(
    anyDuplicated(names), "every section once",
    sprintf("%s more than once", .some(unique(names[duplicated(names)]))),
    "Give each a name of its own."
  )
  cells <- rownames(maps[[1L]])
  maps <- lapply(maps, function(map) {
    same <- setequal(rownames(map), cells)
    if (same) .asSpatial(map)[cells, ] else .asSpatial(map)
  })
  found <- .call(
    "combined_sections", lapply(maps, .mappingToPython, p = FALSE),
    if (length(names)) as.list(names), weights, shared_frame = shared.frame
  )
  tissue <- .distinctSamples(
    lapply(maps, function(map) map$sample_id), lapply(maps, imgData), names
  )
  spots <- .bindTables(lapply(maps, colData))
  spots$sample_id <- tissue$sample
  if (!shared.frame) {
    spots[[.keys$SECTION]] <- as.character(.toR(found$get("sections")))
  }
  p <- Map(function(map, weight) {
    dtype <- .record(map)$dtype
    weight <- if (identical(dtype, "float32")) .single(weight) else weight
    .timesRows(.mapping(map), rep(weight, nrow(map)), dtype)
  }, maps, .toR(found$get("weights")))
  record <- .toR(found$get("record"))
  record$parts[] <- lapply(maps, .record)
  .asCellMapping(.newMapping(
    do.call(cbind, p), cells, unlist(lapply(maps, colnames)),
    .cellsOfSections(maps[[1L]], found$get("cells")), spots,
    .bindCoordinates(maps), record, tissue$images
  ))
}

# The annotation of the cells, with what the core says of their mass.
.cellsOfSections <- function(map, columns) {
  cells <- rowData(map)
  ofRows <- c(
    .keys$DROPPED, .keys$CUT, .keys$SHARPNESS, .keys$FITS
  )
  own <- c(ofRows, .keys$SECTION, .keys$SECTION_PROB)
  found <- .columnsFromPython(columns)
  cells[setdiff(own, names(found))] <- NULL
  cells <- cells[!startsWith(names(cells), .keys$WHOLE)]
  mass <- intersect(c(.keys$LEFT_OVER, ofRows), names(found))
  cells[mass] <- found[mass]
  cells
}

#' @rdname combineSections
#' @export
setMethod("cbind", "CellMapping", function(..., deparse.level = 1) {
  combineSections(...)
})

#' @rdname combineSections
#' @export
setMethod("rbind", "CellMapping", function(..., deparse.level = 1) {
  maps <- .allMappings(list(...))
  first <- maps[[1L]]
  spots <- colnames(first)
  # Nothing is dropped, so the left-over stays as it is.
  maps <- lapply(maps, function(map) {
    same <- setequal(colnames(map), spots)
    if (same) .asSpatial(map)[, spots] else .asSpatial(map)
  })
  record <- .toR(.call(
    "combined_cells", lapply(maps, .mappingToPython, p = FALSE)
  ))
  record$parts[] <- lapply(maps, .record)
  p <- lapply(maps, .mapping)
  made <- .bindPotentials(lapply(p, .potentialsOf))
  if (!is.null(made)) {
    record$potentials <- first@metadata[[.keys$HOMESPOT]]$potentials
  }
  .asCellMapping(.newMapping(
    made %||% do.call(rbind, p),
    unlist(lapply(maps, rownames)), spots,
    .bindCells(lapply(maps, rowData)), colData(first), spatialCoords(first),
    record, images = imgData(first)
  ))
})

.allMappings <- function(maps) {
  maps <- unname(maps)
  other <- Filter(function(map) !is(map, "CellMapping"), maps)
  .refuseIf(
    length(other) || length(maps) == 0L, "objects of class CellMapping",
    if (length(other)) .describe(other[[1L]]) else "none",
    "Give one map or more."
  )
  maps
}

.bindCoordinates <- function(maps) {
  coords <- lapply(maps, spatialCoords)
  columns <- unique(lapply(coords, colnames))
  .refuseIf(
    length(unique(vapply(coords, ncol, 0L))) > 1L || length(columns) > 1L,
    "the same coordinates in all maps", paste(vapply(columns, function(names) {
      if (length(names)) paste(names, collapse = ", ") else "none"
    }, ""), collapse = " and "),
    "Give all sections coordinates of the same names."
  )
  do.call(base::rbind, coords)
}

# The annotation of the cells of several maps. What one knows of what its rows
# have lost, of how sharply they can be read and of what fits stays, and is
# missing for the others' cells.
.bindCells <- function(tables) {
  ours <- unique(unlist(lapply(tables, function(table) {
    names <- names(table)
    own <- names %in% c(
      .keys$DROPPED, .keys$CUT, .keys$SHARPNESS, .keys$FITS
    )
    names[own | startsWith(names, .keys$WHOLE)]
  })))
  .bindTables(lapply(tables, function(table) {
    table[setdiff(ours, names(table))] <- NA
    table
  }))
}

# Tables one below the other; a column that is not in all of them is dropped.
.bindTables <- function(tables) {
  tables <- Filter(Negate(is.null), tables)
  if (length(tables) == 0L) {
    return(NULL)
  }
  shared <- Reduce(intersect, lapply(tables, colnames))
  do.call(rbind, lapply(tables, function(table) table[, shared, drop = FALSE]))
}
