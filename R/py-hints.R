# Where else in an object there are values or names of genes that would do:
# other assays, layers, alternative experiments, and columns that are lists.

# --- what an object has beside what is used ----------------------------------

# Each has words for where it is, the names of its genes, and lines that take
# it: of an object by itself, and of one in a list of sections, `x`.
.otherValues <- function(x, used, side, given) {
  argument <- .what[[side]][["assay"]]
  names <- Filter(
    function(name) .wouldDo(assay(x, name)), setdiff(assayNames(x), c(used, ""))
  )
  own <- lapply(names, function(name) {
    list(
      where = sprintf("assay '%s'", name), genes = .geneWords(x),
      line = function(code) sprintf("%s = \"%s\"", argument, name),
      set = function(code) {
        sprintf(
          "assay(%s, \"%s\") <- assay(%s, \"%s\")", code,
          if (is.null(given)) "counts" else given, code, name
        )
      }
    )
  })
  c(own, lapply(.otherExperiments(x), function(name) {
    .altExpHint(x, name, argument, given)
  }))
}

# Alternative experiments with values that would do.
.otherExperiments <- function(x) {
  Filter(function(name) {
    any(vapply(as.list(assays(altExp(x, name))), .wouldDo, NA))
  }, if (is(x, "SingleCellExperiment")) altExpNames(x))
}

.altExpHint <- function(x, name, argument, given) {
  other <- altExp(x, name)
  does <- vapply(as.list(assays(other)), .wouldDo, NA)
  known <- names(does)
  usual <- if (is.null(given)) .assayName(other, NULL, "x") else given
  # The assay that is taken has to be one of those that do.
  taken <- if (is.null(known) || isTRUE(does[usual])) {
    ""
  } else {
    sprintf(", %s = \"%s\"", argument, known[does][1L])
  }
  list(
    where = sprintf("altExp '%s'", name), genes = .geneWords(other),
    line = function(code) {
      parts <- .altExpCode(x, other, name, code)
      paste0(code, " = ", parts$object, parts$coords, taken)
    },
    set = function(code) {
      paste(code, "<-", .altExpCode(x, other, name, code)$object)
    }
  )
}

# An altExp has neither the places nor the annotation of its object: both go
# with it where they are wanted.
.altExpCode <- function(x, other, name, code) {
  spatial <- startsWith(code, "st") && is.null(.ownCoordinates(other))
  plain <- sprintf("altExp(%s, \"%s\")", code, name)
  whole <- sprintf("altExp(%s, \"%s\", withColData = TRUE)", code, name)
  if (!spatial) {
    list(object = plain)
  } else if (is(x, "SpatialExperiment")) {
    list(object = sprintf(
      paste0(
        "toSpatialExperiment(%s, spatialCoords = spatialCoords(%s), ",
        "imgData = imgData(%s))"
      ), whole, code, code
    ))
  } else if (is.null(.ownCoordinates(x))) {
    list(object = if (ncol(colData(x))) whole else plain)
  } else {
    list(
      object = whole,
      coords = sprintf(", coords = reducedDim(%s, \"spatial\")", code)
    )
  }
}

# Layers of a Seurat object with values that would do.
.seuratHints <- function(x, assay, layer, side) {
  argument <- .what[[side]][["assay"]]
  unlist(lapply(SeuratObject::Assays(x), function(name) {
    layers <- SeuratObject::Layers(x[[name]])
    layers <- layers[name != assay | !startsWith(layers, layer)]
    layers <- Filter(function(one) {
      .wouldDo(SeuratObject::LayerData(x[[name]], layer = one))
    }, layers)
    lapply(layers, function(one) {
      list(
        where = sprintf("layer '%s' of assay '%s'", one, name),
        genes = c(rownames(x[[name]]), .textOf(x[[name]][[]])),
        line = function(code) {
          sprintf("%s = c(\"%s\", \"%s\")", argument, name, one)
        },
        set = function(code) {
          sprintf(
            paste0(
              "LayerData(%s, \"counts\") <- LayerData(%s, \"%s\", assay = ",
              "\"%s\")"
            ), code, code, one, name
          )
        }
      )
    })
  }), recursive = FALSE)
}

# Counts or log values: finite, and never negative.
.wouldDo <- function(values) {
  range <- tryCatch(range(values), error = function(e) NA)
  is.numeric(range) && all(is.finite(range)) && range[1L] >= 0
}

# --- names of genes ----------------------------------------------------------

# What genes may be called: the row names, and what columns of text say.
.geneWords <- function(x) {
  c(rownames(x), .textOf(rowData(x)))
}

.textOf <- function(table) {
  text <- Filter(function(column) {
    is.character(column) || is.factor(column)
  }, as.list(table))
  unlist(lapply(unname(text), as.character))
}

.sideWords <- function(side) {
  c(side$genes, .textOf(side$rows))
}

# How many names both have.
.shared <- function(one, other) {
  length(intersect(one, other))
}

# Whether values are of genes like those in use: they share names with the other
# data set, or with the genes in use.
.areSuchGenes <- function(hint, side, other) {
  if (is.null(other)) {
    return(TRUE)
  }
  genes <- unique(hint$genes)
  used <- .sideWords(side)
  known <- .sideWords(other)
  .shared(genes, known) >= max(2, 0.1 * .shared(used, known)) ||
    .shared(genes, used) >= max(2, 0.5 * min(length(genes), length(used)))
}

# --- in messages -------------------------------------------------------------

# A message of the core, with a better remedy where R knows one: other values,
# or other names of genes, in the user's objects. The core says what the remedy
# is about.
.withBetterRemedy <- function(said, sides) {
  better <- NULL
  for (name in names(sides)) {
    other <- sides[[setdiff(names(sides), name)[1L]]]
    if (said$topic == paste("values of", name)) {
      better <- .otherValuesInWords(name, sides[[name]], other)
    } else if (said$topic == "genes" && is.null(better)) {
      better <- .otherGenesInWords(name, sides[[name]], other)
    }
  }
  if (!is.null(better)) {
    said$message <- sub(said$remedy, better, said$message, fixed = TRUE)
    said$remedy <- better
  }
  said
}

# The spatial side for messages: the first of several sections, with all of
# them.
.firstOfSections <- function(sides) {
  side <- sides[[1L]]
  if (length(sides) > 1L) {
    side$sections <- sides
  }
  side
}

# The name that an object has in the call.
.called <- function(name, side) {
  side$called %||% name
}

# Values that would do in place of those that were refused.
.otherValuesInWords <- function(name, side, other) {
  hints <- if (is.null(side$sections)) {
    .hintsOf(side, other, function(hint) hint$line(.called(name, side)))
  } else {
    .hintsOfSections(name, side$sections, other)
  }
  if (length(hints)) {
    sprintf("Values that would do are %s.", paste(hints, collapse = ", "))
  }
}

.hintsOf <- function(side, other, line, section = "") {
  if (is.null(side$hints)) {
    return(NULL)
  }
  found <- Filter(
    function(hint) .areSuchGenes(hint, side, other), side$hints()
  )
  vapply(found, function(hint) {
    sprintf("in %s%s (%s)", hint$where, section, line(hint))
  }, "")
}

# Those of every section whose own values would not do.
.hintsOfSections <- function(name, sections, other) {
  bad <- Filter(
    function(i) !.wouldDo(sections[[i]]$values), seq_along(sections)
  )
  unlist(lapply(bad, function(i) {
    code <- .sectionCode(name, sections, i)
    .hintsOf(
      sections[[i]], other, function(hint) hint$set(code),
      sprintf(" of section %s", .sectionWords(sections, i))
    )
  }))
}

.sectionCode <- function(name, sections, i) {
  own <- names(sections)[i]
  if (is.null(own)) {
    sprintf("%s[[%d]]", name, i)
  } else {
    .elementCode(name, own)
  }
}

.sectionWords <- function(sections, i) {
  own <- names(sections)[i]
  if (is.null(own)) as.character(i) else sprintf("'%s'", own)
}

# The code of an element of an object, by its name.
.elementCode <- function(code, name) {
  if (identical(make.names(name), name) && !endsWith(code, "]]")) {
    sprintf("%s$%s", code, name)
  } else {
    sprintf("%s[[%s]]", code, dQuote(name, FALSE))
  }
}

# The code of the annotation of the genes, which a Seurat object has by assay.
.geneTableCode <- function(code, side) {
  if (isTRUE(side$seurat)) {
    sprintf("%s[[\"%s\"]]", code, side$seuratAssay)
  } else {
    sprintf("rowData(%s)", code)
  }
}

# Where more genes would match, if clearly more would: other experiments, or a
# column of lists with their names.
.otherGenesInWords <- function(name, side, other) {
  if (is.null(other) || !is.null(side$sections)) {
    return(NULL)
  }
  known <- .sideWords(other)
  now <- .shared(side$genes, known)
  hints <- c(
    .experimentOfGenes(name, side, known), .listOfGenes(name, side, known)
  )
  counts <- vapply(hints, `[[`, 0L, "count")
  if (any(counts > max(2, 2 * now))) hints[[which.max(counts)]]$words
}

.experimentOfGenes <- function(name, side, known) {
  lapply(if (!is.null(side$hints)) side$hints(), function(hint) {
    count <- .shared(hint$genes, known)
    list(count = count, words = sprintf(
      "%d would match by the genes in %s of %s: pass %s.", count, hint$where,
      name, hint$line(.called(name, side))
    ))
  })
}

.listOfGenes <- function(name, side, known) {
  lapply(names(Filter(.isListColumn, as.list(side$rows))), function(column) {
    values <- vapply(as.list(side$rows[[column]]), function(x) {
      as.character(x)[1L]
    }, "")
    code <- .elementCode(.geneTableCode(name, side), column)
    count <- .shared(values, known)
    list(count = count, words = sprintf(
      paste(
        "%d would match by the first names in %s, which is a list: set %s,",
        "and %s.gene.column = \"%s\"."
      ), count, code, .firstOfEach(code), name, column
    ))
  })
}

.isListColumn <- function(x) {
  (is.list(x) && is.null(dim(x))) || is(x, "AtomicList")
}

.firstOfEach <- function(code) {
  sprintf("%s <- sapply(as.list(%s), \"[\", 1)", code, code)
}

# A column with names of genes has one for each; that there is no such column,
# the core says.
.checkGeneColumn <- function(sides, name, column) {
  for (i in seq_along(sides)) {
    values <- if (!is.null(column)) sides[[i]]$rows[[column]]
    if (is.null(values) || !is.null(.columnToPython(.oneOfEach(values)))) {
      next
    }
    code <- if (length(sides) > 1L) .sectionCode(name, sides, i) else name
    code <- .elementCode(.geneTableCode(code, sides[[i]]), column)
    .refuse(
      sprintf("one name of every gene in %s", code),
      if (.isListColumn(values)) {
        sprintf("a list with several for %d genes", sum(lengths(values) > 1L))
      } else {
        .describe(values)
      },
      sprintf("To take the first of each, set %s.", .firstOfEach(code))
    )
  }
}
