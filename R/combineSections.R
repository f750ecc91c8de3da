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
  weights <- .sectionWeights(weights, length(maps))
  cells <- rownames(maps[[1L]])
  for (map in maps[-1L]) {
    .sameNames(cells, rownames(map), "cells", "combine sections", "rbind()")
  }
  names <- .completeNames(names(list(...)))
  if (anyDuplicated(names)) {
    .refuse(
      "every section once",
      sprintf("%s more than once", .some(unique(names[duplicated(names)]))),
      "Give each a name of its own."
    )
  }
  .distinctNames(lapply(maps, colnames), "spots", .ownSpotNames(maps))
  # What tells the sections apart, before names are made to differ.
  found <- .call(
    "combined_sections", lapply(maps, .spotsToPython),
    if (length(names)) as.list(names)
  )
  maps <- lapply(maps, function(map) .plain(map)[cells, ])
  left <- Reduce(`+`, Map(
    function(map, w) w * rowData(map)[[.keys$LEFT_OVER]], maps, weights
  ))
  maps <- .distinctSamples(maps, names)
  gone <- Reduce(`+`, Map(function(map, w) w * .dropped(map), maps, weights))
  coords <- .bindCoordinates(maps)
  spots <- .bindTables(lapply(maps, colData))
  record <- .combinedRecord(maps, "sections", weights)
  record[names(.fetch(found$get("direction")))] <-
    .fetch(found$get("direction"))
  if (shared.frame) {
    record$shared_frame <- TRUE
  } else {
    spots[[.keys$SECTION]] <- as.character(.toR(found$get("sections")))
  }
  .valid(.newMapping(
    do.call(cbind, Map(function(map, w) {
      .weighted(.mapping(map), w, .record(map)$dtype)
    }, maps, weights)),
    cells, unlist(lapply(maps, colnames)), .cellData(maps[[1L]], left, gone),
    spots, coords, record,
    # Some may have none.
    images = .bindTables(Filter(NROW, lapply(maps, imgData)))
  ))
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
  for (map in maps[-1L]) {
    .sameNames(spots, colnames(map), "spots", "bind rows", "cbind()")
  }
  .distinctNames(
    lapply(maps, rownames), "cells",
    "rownames(map) <- paste(\"part1\", rownames(map), sep = \"_\")"
  )
  maps <- lapply(maps, function(map) .inSpotOrder(map, spots))
  for (map in maps[-1L]) {
    if (!isTRUE(all.equal(spatialCoords(map), spatialCoords(first)))) {
      .refuse(
        "the same spots in all maps",
        "spots of the same names with other coordinates",
        "Bind maps onto one spatial data set."
      )
    }
  }
  .valid(.newMapping(
    do.call(rbind, lapply(maps, .mapping)),
    unlist(lapply(maps, rownames)), spots,
    .bindTables(lapply(maps, rowData)), colData(first), spatialCoords(first),
    c(.combinedRecord(maps, "cells"), .ofSpots(first)),
    images = imgData(first)
  ))
})

# What the record says of the spots, which are the same in all maps.
.ofSpots <- function(map) {
  record <- .record(map)
  record[intersect(c("sections", .ofCoordinates), names(record))]
}

.allMappings <- function(maps) {
  maps <- unname(maps)
  other <- Filter(function(map) !is(map, "CellMapping"), maps)
  if (length(other) || length(maps) == 0L) {
    .refuse(
      "objects of class CellMapping",
      if (length(other)) .describe(other[[1L]]) else "none",
      "Give one map or more."
    )
  }
  maps
}

.sectionWeights <- function(weights, n) {
  if (is.null(weights)) {
    weights <- rep(1, n)
  }
  if (!is.numeric(weights) || length(weights) != n ||
        !all(is.finite(weights)) || any(weights <= 0)) {
    .refuse(
      sprintf("`weights` to be %d positive numbers", n),
      .describe(weights), "Give one weight for each section."
    )
  }
  weights / sum(weights)
}

# In the type that the map was computed with, as Python does: the product of
# two float32 is exact in a double, so rounding it once is their product. What
# is delayed stays so, as doubles.
.weighted <- function(p, weight, dtype) {
  if (!identical(dtype, "float32") || is(p, "DelayedMatrix")) {
    return(p * weight)
  }
  weight <- .single(weight)
  if (is(p, "sparseMatrix")) {
    p <- as(as(p, "generalMatrix"), "CsparseMatrix")
    p@x <- .single(p@x * weight)
  } else {
    for (column in seq_len(ncol(p))) {
      p[, column] <- .single(p[, column] * weight)
    }
  }
  p
}

# The nearest float32.
.single <- function(x) {
  readBin(
    writeBin(as.double(x), raw(), size = 4L), "double", length(x), size = 4L
  )
}

.sameNames <- function(expected, found, what, verb, instead) {
  if (!setequal(expected, found)) {
    other <- c(setdiff(found, expected), setdiff(expected, found))
    .refuse(
      sprintf("the same %s in all maps", what),
      sprintf("%d that are not in all of them (%s)", length(other), .some(
        other
      )),
      sprintf(
        "To %s the maps have to share their %s; for other %s see %s.",
        verb, what, what, instead
      )
    )
  }
}

.distinctNames <- function(names, what, line) {
  names <- unlist(names)
  twice <- unique(names[duplicated(names)])
  if (length(twice)) {
    .refuse(
      sprintf(
        "%s of distinct names in all %s", what,
        if (what == "spots") "sections" else "maps"
      ),
      sprintf("%d names more than once (%s)", length(twice), .some(twice)),
      sprintf("Give each a name of its own first: %s.", line)
    )
  }
}

# The line that makes the names of spots differ: by their samples, where these
# tell the maps apart.
.ownSpotNames <- function(maps) {
  samples <- unlist(lapply(maps, function(map) unique(map$sample_id)))
  if (anyDuplicated(samples)) {
    paste(
      "colnames(map) <- paste(\"a\", colnames(map), sep = \"_\"), with another",
      "name than \"a\" for every map"
    )
  } else {
    "colnames(map) <- paste(map$sample_id, colnames(map), sep = \"_\")"
  }
}

# Reorders the spots; nothing is dropped, so the left-over stays as it is.
.inSpotOrder <- function(map, spots) {
  map <- .plain(map)
  if (identical(colnames(map), spots)) map else map[, spots]
}

# Samples that are in several maps get the name or the number of the section.
.distinctSamples <- function(maps, names = NULL) {
  samples <- unlist(lapply(maps, function(map) unique(map$sample_id)))
  if (anyDuplicated(samples)) {
    maps <- Map(function(map, k) {
      map <- .plain(map)
      images <- imgData(map)
      imgData(map) <- NULL
      one <- length(unique(map$sample_id)) == 1L
      renamed <- function(sample) {
        if (is.null(names)) {
          paste(sample, k, sep = ".")
        } else if (one) {
          rep(names[k], length(sample))
        } else {
          paste(names[k], sample, sep = "_")
        }
      }
      map$sample_id <- renamed(map$sample_id)
      if (!is.null(images) && nrow(images) > 0L) {
        images$sample_id <- renamed(images$sample_id)
        imgData(map) <- images
      }
      map
    }, maps, seq_along(maps))
  }
  maps
}

.bindCoordinates <- function(maps) {
  coords <- lapply(maps, spatialCoords)
  columns <- unique(lapply(coords, colnames))
  if (length(unique(vapply(coords, ncol, 0L))) > 1L || length(columns) > 1L) {
    .refuse(
      "the same coordinates in all maps",
      paste(vapply(columns, function(names) {
        if (length(names)) paste(names, collapse = ", ") else "none"
      }, ""), collapse = " and "),
      "Give all sections coordinates of the same names."
    )
  }
  do.call(base::rbind, coords)
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

# Without the section that a map of other spots has found.
.cellData <- function(map, left, gone) {
  cells <- rowData(map)
  cells[c(.keys$SECTION, .keys$SECTION_PROB)] <- NULL
  cells[[.keys$LEFT_OVER]] <- left
  cells[[.keys$DROPPED]] <- if (any(gone > 0)) gone
  cells
}

.combinedRecord <- function(maps, how, weights = NULL) {
  records <- lapply(maps, .record)
  names(records) <- paste0("part", seq_along(records))
  methods <- unique(vapply(records, function(record) {
    if (is.null(record$method)) "unknown" else record$method
  }, ""))
  record <- list(
    method = paste(methods, collapse = ", "), combined = how, parts = records
  )
  # The type that saveMapping() writes: the widest of the parts.
  types <- unlist(lapply(records, `[[`, "dtype"))
  if (length(types)) {
    record$dtype <- if ("float64" %in% types) "float64" else types[[1L]]
  }
  # NULL adds no entry.
  record$format_version <- records[[1L]]$format_version
  record$weights <- weights
  record
}
