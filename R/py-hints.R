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

# The spatial side as messages speak of it: the first of several sections, with
# all of them.
.speaking <- function(sides) {
  side <- sides[[1L]]
  if (length(sides) > 1L) {
    side$sections <- sides
  }
  side
}

# What the core says, with what would do beside what was refused.
.withHints <- function(text, of) {
  for (name in names(of)) {
    other <- of[[setdiff(names(of), name)[1L]]]
    text <- .withGenes(.withValues(text, name, of[[name]], other), name,
      of[[name]], other
    )
  }
  text
}

# Where values are refused: others that would do.
.withValues <- function(text, name, side, other) {
  refused <- sprintf(
    "(finite numbers|never negative,) in the %s, found.*?\\. ",
    .what[[name]][["table"]]
  )
  if (!grepl(refused, text)) {
    return(text)
  }
  hints <- if (is.null(side$sections)) {
    .hintsOf(side, other, function(hint) hint$line(.called(name, side)))
  } else {
    .hintsOfSections(name, side$sections, other)
  }
  if (length(hints)) {
    remedy <- paste0(
      "Pass the counts or the log-normalised values instead\\.|",
      "Replace them, or drop the (cells|spots) or genes that have them\\."
    )
    text <- .replaced(text, remedy, function(found) {
      sprintf("Values that would do are %s.", paste(hints, collapse = ", "))
    })
  }
  text
}

# The name that an object has in the call.
.called <- function(name, side) {
  if (is.null(side$called)) name else side$called
}

.hintsOf <- function(side, other, line, of = "") {
  if (is.null(side$hints)) {
    return(NULL)
  }
  found <- Filter(
    function(hint) .areSuchGenes(hint, side, other), side$hints()
  )
  vapply(found, function(hint) {
    sprintf("in %s%s (%s)", hint$where, of, line(hint))
  }, "")
}

# Of every section whose own values would not do.
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
    .element(name, own)
  }
}

.sectionWords <- function(sections, i) {
  own <- names(sections)[i]
  if (is.null(own)) as.character(i) else sprintf("'%s'", own)
}

# Where hardly any genes match: other experiments with more of them, or a column
# of lists with their names.
.withGenes <- function(text, name, side, other) {
  generic <- paste0(
    "(Check that both use the same kind of gene names|The [a-z-]+ data has ",
    "Ensembl ids and the other gene symbols: translate one of them)\\."
  )
  if (is.null(other) || !is.null(side$sections) || !grepl(generic, text)) {
    return(text)
  }
  known <- .sideWords(other)
  now <- .shared(side$genes, known)
  hints <- c(
    .experimentOfGenes(name, side, known), .listOfGenes(name, side, known)
  )
  counts <- vapply(hints, `[[`, 0L, "count")
  if (any(counts > max(2, 2 * now))) {
    best <- hints[[which.max(counts)]]$words
    text <- .replaced(text, generic, function(found) best)
  }
  text
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
    code <- .element(.geneTable(name, side), column)
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
    code <- .element(.geneTable(code, sides[[i]]), column)
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
