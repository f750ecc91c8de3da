# The spatial side: one object, or several sections as objects of their own.

# Each section as a side (see obj-sides.R), by its name where there are several.
.spatialSides <- function(st, assay.type, coords) {
  .beforeMethod(st)
  if (!.areSections(st)) {
    return(list(.spatialSide(st, assay.type, coords)))
  }
  sections <- as.list(st)
  names <- names(sections)
  .refuseIf(
    length(sections) == 0L, "spatial data as `st`, or a list of sections",
    "an empty list", "Pass list(a = st1, b = st2)."
  )
  .refuseIf(
    !is.null(names) && anyDuplicated(names[nzchar(names)]),
    "every section once in `st`",
    sprintf("%s more than once", .some(unique(names[duplicated(names)]))),
    "Give each a name of its own."
  )
  names(sections) <- .completeNames(names)
  .refuseIf(
    !is.null(coords) && !.fitsSections(coords, sections),
    sprintf("`coords` as a list with one for each of %d sections", length(
      sections
    )),
    .describe(coords), "Pass list(a = coords1, b = coords2)."
  )
  if (!is.null(names(sections)) && !is.null(names(coords))) {
    coords <- coords[names(sections)]
  }
  at <- stats::setNames(seq_along(sections), names(sections))
  lapply(at, function(i) {
    .ofSection(
      .spatialSide(
        sections[[i]], assay.type, coords[[i]], .sectionCode("st", sections, i)
      ),
      .sectionWords(sections, i)
    )
  })
}

# Names that some sections have not are those of their place, as in Python;
# NULL where none has a name.
.completeNames <- function(names) {
  if (!any(nzchar(names))) {
    return(NULL)
  }
  none <- which(!nzchar(names))
  taken <- c(names[nzchar(names)], sprintf("section%d", none))
  names[none] <- utils::tail(make.unique(taken, "_"), length(none))
  names
}

# What is wrong with one section of a list is said of that section.
.ofSection <- function(expr, words) {
  said <- function(condition) {
    sprintf("Section %s: %s", words, conditionMessage(condition))
  }
  own <- function(condition) {
    grep("^homespot_", class(condition), value = TRUE)
  }
  withCallingHandlers(
    expr,
    homespot_error = function(e) {
      .abort(said(e), own(e), e$what, e$found, e$remedy)
    },
    homespot_data_warning = function(w) {
      .warn(said(w), own(w))
      invokeRestart("muffleWarning")
    }
  )
}

# A list of objects, and not an object or a table that is a list.
.areSections <- function(st) {
  (is.list(st) && !is.object(st)) || is(st, "SimpleList")
}

.fitsSections <- function(coords, sections) {
  is.list(coords) && !is.object(coords) &&
    length(coords) == length(sections) && (
    is.null(names(coords)) || is.null(names(sections)) ||
      setequal(names(coords), names(sections))
  )
}

# One object, which is `code` in the call; the columns of `coords` beside the
# coordinates go to the annotation.
.spatialSide <- function(st, assay.type, coords, code = "st") {
  side <- .side(st, assay.type, "st")
  .tellTwice(side)
  n <- length(side$names)
  if (is.null(coords)) {
    .checkOwn(side$coords, if (is(st, "SpatialExperiment")) {
      sprintf("spatialCoords(%s)", code)
    } else {
      verb <- if (side$seurat) "Embeddings" else "reducedDim"
      sprintf("%s(%s, \"%s\")", verb, code, .keys$SPATIAL)
    })
  }
  found <- .coordinates(
    if (is.null(coords)) side$coords else coords, side$names, n
  )
  side$coords <- if (ncol(found$values) > 0L) {
    .finite(found$values, if (is.null(coords)) side$inImages, code)
  }
  added <- setdiff(names(found$others), names(side$data))
  side$data[added] <- found$others[added]
  .checkSamples(side$data$sample_id, side$names, code)
  side
}

# The object's own coordinates. The user may not know that it has any.
.checkOwn <- function(coords, where) {
  .refuseIf(
    NCOL(coords) > 3L && is.null(.axes(colnames(coords))),
    sprintf("two or three columns of coordinates in %s", where),
    sprintf("%d, whose names do not say which are x and y", ncol(coords)),
    sprintf("Pass those that are as coords, such as %s[, 1:2].", where)
  )
}

# Before the work: a map's spots all have a sample.
.checkSamples <- function(sample, spots, code) {
  bad <- which(is.na(sample) | !nzchar(as.character(sample)))
  .refuseIf(
    length(bad), "a `sample_id` of every spot",
    sprintf("%d spot(s) without (%s)", length(bad), .some(spots[bad])),
    sprintf("Set %s$sample_id for them, or drop them.", code)
  )
}

# The name of a column, or the section of every spot as Python takes values.
.sectionsToPython <- function(sections, st, sides) {
  if (is.null(sections)) {
    return(NULL)
  }
  if (.areLabels(sections)) {
    return(.labelValues(.inWords(sections), "sections"))
  }
  .checkString(sections, "sections")
  .needColumn(st, sides, "st", sections, "sections")
  sections
}

# The sides with the column that names the sections in R's words, in which a
# section is called TRUE or 2025-01-31.
.withSections <- function(sides, column) {
  if (!is.character(column) || length(column) != 1L) {
    return(sides)
  }
  lapply(sides, function(side) {
    if (column %in% names(side$data)) {
      side$data[[column]] <- .inWords(side$data[[column]])
    }
    side
  })
}

.inWords <- function(x) {
  if (is.logical(x) || inherits(x, c("Date", "POSIXt"))) {
    stats::setNames(as.character(x), names(x))
  } else {
    x
  }
}

# The sample of every spot of a list of sections, and the images by sample.
.samplesOf <- function(sides, section) {
  samples <- lapply(unname(sides), function(side) {
    sample <- side$data$sample_id
    if (is.null(sample)) {
      rep("sample01", length(side$names))
    } else {
      as.character(sample)
    }
  })
  # The names are not looked for where no sample is in two sections.
  .distinctSamples(
    samples, lapply(unname(sides), `[[`, "images"),
    names = vapply(seq_along(sides), function(i) {
      .sectionName(sides, i, section)
    }, "")
  )
}

# The samples of sections that are put together, and their images, which are
# known by the samples. Sections that have a sample in common get the name of
# the section instead, or, without `names`, its number appended.
.distinctSamples <- function(samples, images, names) {
  if (anyDuplicated(unlist(lapply(samples, unique)))) {
    for (i in seq_along(samples)) {
      one <- length(unique(samples[[i]])) == 1L
      renamed <- function(sample) {
        if (is.null(names)) {
          paste(sample, i, sep = ".")
        } else if (one) {
          rep(names[i], length(sample))
        } else {
          paste(names[i], sample, sep = "_")
        }
      }
      samples[[i]] <- renamed(samples[[i]])
      if (NROW(images[[i]])) {
        images[[i]]$sample_id <- renamed(images[[i]]$sample_id)
      }
    }
  }
  list(sample = unlist(samples), images = .bindTables(Filter(NROW, images)))
}

# The name of a section of a list: the user's, or that which the core has given
# the spots (`section`, of each list element those that were mapped).
.sectionName <- function(sides, i, section) {
  if (!is.null(names(sides))) {
    return(names(sides)[i])
  }
  found <- unique(section[[i]])
  if (length(found) == 1L) found else sprintf("section%d", i)
}
