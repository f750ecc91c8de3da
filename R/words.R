# What the core says, in R's words. Its lines of code become lines of R for the
# user's own class; its verbs, values and arguments those of R; and the user's
# names and paths, in quotes, stay as they are.

# `of` are the sides (see convert.R) that the text speaks of, by "sc" and "st".
.inR <- function(text, of = NULL) {
  for (code in .codes) {
    text <- .replaced(text, code$pattern, function(found) {
      side <- of[[found[2L]]]
      if (!is.null(side$called)) {
        found[2L] <- side$called
      }
      if (is.null(side$sections)) {
        code$words(found[-1L], side)
      } else {
        .forEach(found[2L], function(name) {
          code$words(c(name, found[-(1:2)]), side)
        })
      }
    })
  }
  for (pattern in names(.sentences)) {
    text <- gsub(pattern, .sentences[[pattern]], text, perl = TRUE)
  }
  at <- gregexpr(.quotedPiece, text, perl = TRUE)
  outside <- regmatches(text, at, invert = TRUE)[[1L]]
  for (pattern in names(.words)) {
    outside <- gsub(pattern, .words[[pattern]], outside, perl = TRUE)
  }
  # Arguments, and no other words: homespot_left_over is a column.
  for (name in .argumentNames()) {
    outside <- gsub(
      sprintf("(?<![\\w/.-])%s(?![\\w/-])", name), .dotted(name), outside,
      perl = TRUE
    )
  }
  regmatches(text, at, invert = TRUE) <- list(outside)
  .withHints(text, of)
}

# Lines for an object as lines for each of a list of them.
.forEach <- function(list, words) {
  line <- words("x")
  if (grepl(" <- ", line, fixed = TRUE)) {
    sprintf("%s <- lapply(%s, function(x) { %s; x })", list, list, line)
  } else if (startsWith(line, "coords = ")) {
    sprintf("coords = lapply(%s, function(x) %s)", list, substring(line, 10L))
  } else {
    words(list)
  }
}

# Every match of a pattern replaced by what a function makes of it: the match,
# and its groups.
.replaced <- function(text, pattern, f) {
  at <- gregexpr(pattern, text, perl = TRUE)
  found <- regmatches(text, at)[[1L]]
  if (length(found)) {
    groups <- regmatches(found, regexec(pattern, found, perl = TRUE))
    regmatches(text, at) <- list(vapply(groups, f, ""))
  }
  text
}

# --- lines of code -----------------------------------------------------------

# Of a Seurat object the genes' annotation is that of an assay.
.isSeuratSide <- function(side) {
  isTRUE(side$seurat)
}

# A column, as R names it: of a matrix's spots it is in the coordinates' table.
.element <- function(x, name, side = NULL) {
  if (isTRUE(side$bare)) {
    x <- "coords"
  }
  if (identical(make.names(name), name) && !endsWith(x, "]]")) {
    sprintf("%s$%s", x, name)
  } else {
    sprintf("%s[[%s]]", x, dQuote(name, FALSE))
  }
}

.geneTable <- function(name, side) {
  if (.isSeuratSide(side)) {
    sprintf("%s[[\"%s\"]]", name, side$of)
  } else {
    sprintf("rowData(%s)", name)
  }
}

# Of a Seurat object's assay, a column of the annotation is a table.
.columnOfGenes <- function(name, column, side) {
  column <- .element(.geneTable(name, side), column)
  if (.isSeuratSide(side)) sprintf("%s[, 1]", column) else column
}

# The line that sets a column of genes. Seurat wants the gene's name with every
# value.
.setColumn <- function(m, side, values) {
  if (.isSeuratSide(side)) {
    values <- sprintf("setNames(%s, %s)", values, .geneNames(m[1L], side))
  }
  sprintf("%s <- %s", .element(.geneTable(m[1L], side), m[2L]), values)
}

.verbs <- c(strip = "trimws", upper = "toupper")

.geneNames <- function(name, side) {
  if (.isSeuratSide(side)) {
    sprintf("rownames(%s[[\"%s\"]])", name, side$of)
  } else {
    sprintf("rownames(%s)", name)
  }
}

# The line that sets the names of genes. Seurat's older class of assays does not
# let them be changed, so the assay is turned into the newer class first.
.setGeneNames <- function(name, side, values) {
  names <- .geneNames(name, side)
  line <- sprintf("%s <- %s", names, values(names))
  if (isTRUE(side$fixed)) {
    assay <- sprintf("%s[[\"%s\"]]", name, side$of)
    line <- sprintf("%s <- as(%s, \"Assay5\"); %s", assay, assay, line)
  }
  line
}

.reductionOf <- function(name, reduction, side) {
  verb <- if (.isSeuratSide(side)) "Embeddings" else "reducedDim"
  sprintf("%s(%s, \"%s\")", verb, name, reduction)
}

# A pattern, in which S stands for a side and C for a column in Python's quotes,
# and the words for it, of its groups (the side comes first) and that side.
.code <- function(pattern, words) {
  pattern <- gsub("S", "(s[ct])", pattern, fixed = TRUE)
  quoted <- "\\[(?|'([^']+)'|\"([^\"]+)\")\\]"
  pattern <- gsub("C", quoted, pattern, fixed = TRUE)
  list(pattern = paste0("\\b", pattern), words = words)
}

# Lines come before what is mentioned in them.
.codes <- list(
  .code(
    "S\\.obsm\\[\"spatial\"\\], or set mapping\\.varm\\[\"spatial\"\\]",
    function(m, side) "`coords`, or in spatialCoords(st)"
  ),
  .code(
    "set S\\.obsm\\['spatial'\\]: spots x 2 or 3, x first",
    function(m, side) "pass coords: a row for each spot, with columns x and y"
  ),
  .code("no coordinates in S\\.obsm\\['spatial'\\]", function(m, side) {
    "no coordinates"
  }),
  .code(
    "S\\.obs_names = \\w+\\.obsC\\.astype\\(str\\) \\+ '_' \\+ [^ ]+_names",
    function(m, side) {
      sprintf(
        "colnames(%s) <- paste(%s, colnames(%s), sep = \"_\")", m[1L],
        .element(m[1L], m[2L], side), m[1L]
      )
    }
  ),
  .code("S\\.obs_names_make_unique\\(\\)", function(m, side) {
    sprintf("colnames(%s) <- make.unique(colnames(%s))", m[1L], m[1L])
  }),
  .code("S\\.var_names_make_unique\\(\\)", function(m, side) {
    .setGeneNames(m[1L], side, function(names) {
      sprintf("make.unique(%s)", names)
    })
  }),
  .code(
    paste0(
      "S\\.var_names = s[ct]\\.var_names\\.str\\.replace\\(",
      "('[^']*'|\"[^\"]*\"), ('[^']*'|\"[^\"]*\"), regex=True\\)"
    ), function(m, side) {
      .setGeneNames(m[1L], side, function(names) {
        sprintf("gsub(%s, %s, %s, perl = TRUE)", m[2L], m[3L], names)
      })
    }
  ),
  .code(
    "S\\.var_names = s[ct]\\.var_names\\.str\\.(strip|upper)\\(\\)",
    function(m, side) {
      .setGeneNames(m[1L], side, function(names) {
        sprintf("%s(%s)", .verbs[[m[2L]]], names)
      })
    }
  ),
  .code(
    paste0(
      "S\\.obsm\\['spatial'\\] = \\w+\\.obs\\[\\[([^]]+)\\]\\]\\.to_numpy",
      "\\([^)]*\\)"
    ),
    function(m, side) {
      table <- if (.isSeuratSide(side)) {
        sprintf("%s[[]]", m[1L])
      } else {
        sprintf("colData(%s)", m[1L])
      }
      sprintf("coords = %s[c(%s)]", table, m[2L])
    }
  ),
  .code(
    "S\\.obsm\\['spatial'\\] = \\w+\\.obsm\\['spatial'\\]\\[:, \\[1, 0\\]\\]",
    function(m, side) {
      if (.isSeuratSide(side)) {
        "coords = a matrix of x and y"
      } else {
        sprintf("coords = unname(spatialCoords(%s)[, 2:1])", m[1L])
      }
    }
  ),
  .code("S\\.obsm\\['spatial'\\] = \\w+\\.obsmC", function(m, side) {
    paste("coords =", .reductionOf(m[1L], m[2L], side))
  }),
  .code("S\\.obsmC", function(m, side) .reductionOf(m[1L], m[2L], side)),
  .code("S\\.obsC = (\\w+)", function(m, side) {
    paste(.element(m[1L], m[2L], side), "<-", m[3L])
  }),
  .code("S\\.obsC", function(m, side) {
    if (length(side$sections) && m[2L] == .keys$SECTION) {
      sprintf("the list %s", m[1L])
    } else {
      .element(m[1L], m[2L], side)
    }
  }),
  .code(
    paste0(
      "S(?:\\.raw)?\\.varC = .+?\\]\\.astype\\(object\\)",
      "\\.replace\\(\\[(.*?)\\], ('[^']*')\\)"
    ), function(m, side) {
      values <- .columnOfGenes(m[1L], m[2L], side)
      .setColumn(m, side, sprintf(
        "replace(as.character(%s), %s %%in%% c(%s), %s)",
        values, values, m[3L], m[4L]
      ))
    }
  ),
  .code(
    paste0(
      "S(?:\\.raw)?\\.varC = .+?\\]\\.str\\.replace\\(",
      "('[^']*'|\"[^\"]*\"), ('[^']*'|\"[^\"]*\"), regex=True\\)"
    ), function(m, side) {
      .setColumn(m, side, sprintf(
        "gsub(%s, %s, %s, perl = TRUE)", m[3L], m[4L],
        .columnOfGenes(m[1L], m[2L], side)
      ))
    }
  ),
  .code(
    "S(?:\\.raw)?\\.varC = .+?\\]\\.str\\.(strip|upper)\\(\\)",
    function(m, side) {
      values <- .columnOfGenes(m[1L], m[2L], side)
      .setColumn(m, side, sprintf("%s(%s)", .verbs[[m[3L]]], values))
    }
  ),
  .code("S(?:\\.raw)?\\.varC = ", function(m, side) {
    paste(.element(.geneTable(m[1L], side), m[2L]), "<- ")
  }),
  .code("S(?:\\.raw)?\\.varC", function(m, side) {
    .element(.geneTable(m[1L], side), m[2L])
  }),
  .code("S\\.obs\\b", function(m, side) {
    if (.isSeuratSide(side)) {
      sprintf("the metadata of %s", m[1L])
    } else {
      sprintf("colData(%s)", m[1L])
    }
  }),
  .code("S\\.var\\b", function(m, side) .geneTable(m[1L], side)),
  .code("S\\.uns\\['spatial'\\]", function(m, side) {
    sprintf(
      if (.isSeuratSide(side)) "Images(%s)" else "imgData(%s)", m[1L]
    )
  }),
  # An argument with its value.
  list(
    pattern = paste0(
      "(?<![\\w/.-])([a-z][a-z0-9]*(?:_[a-z]+)*)=",
      "(?|('[^'\"]*')|(True|False|None)|([0-9][0-9.]*[0-9]|[0-9]))"
    ),
    words = function(m, side) {
      known <- m[1L] %in% .knownArguments()
      value <- gsub("'", "\"", m[2L], fixed = TRUE)
      if (known) paste(m[1L], "=", value) else paste0(m[1L], "=", m[2L])
    }
  )
)

# --- sentences and words -----------------------------------------------------

# What R says in other words: patterns over the whole text. Python's tables
# have cells and spots in rows, R's in columns.
.sentences <- stats::setNames(
  c(
    paste(
      "The columns of the \\1 data have the names of the other's genes:",
      "pass genes x \\2, that is t(x)"
    ),
    "pass coords = ", "Sum the rows of one gene"
  ),
  c(
    paste(
      "The rows of the ([a-z-]+) data have the names of the other's genes:",
      "pass (cells|spots) x genes \\(transpose it\\)"
    ),
    "\\b(?:set )?coords = ", "Sum the columns of one gene"
  )
)

# Python's verbs and values as R has them.
.words <- c(
  "map_cells\\(\\)" = "mapCells()",
  "\\bmap_cells\\b" = "mapCells",
  "\\bplace_cells\\(\\)" = "placeCells()",
  "\\bcell_positions\\(\\)" = "placeCells()",
  "\\bcell_modes\\(\\)" = "cellModes()",
  "\\bgene_scores\\(\\)" = "scoreGenes()",
  "\\btype_distances\\(\\)" = "typeDistances()",
  "\\bcross_validate\\(\\)" = "crossValidateGenes()",
  "\\ba Series with their names\\b" = "a vector with their names",
  "\\ba DataFrame\\b" = "a table",
  "\\bload\\(\\)" = "loadMapping()",
  "\\bsubset\\(mapping, spots=\\.\\.\\.\\)" = "map[, spots]",
  "\\bsubset\\(\\)" = "map[cells, spots]",
  "\\bcombine_cells\\(\\)" = "rbind()",
  "\\bcombine_sections\\(\\)" = "combineSections()",
  "\\ban AnnData\\b" = "an object",
  "\\b(s[ct])_layer\\b" = "\\1.assay.type",
  "\\bsections=(?=\\.\\.\\.)" = "sections = ",
  "\\bsections= " = "sections ",
  "\\bNone\\b" = "NULL",
  "\\bTrue\\b" = "TRUE",
  "\\bFalse\\b" = "FALSE"
)

# Quoted as Python quotes: the user's names and paths, which stay as they are.
# The quote within a word ("other's") opens nothing.
.quotedPiece <- paste0(
  "(?<!\\w)(",
  "'(?:[^'\\\\]|\\\\.)*'", "|", "\"(?:[^\"\\\\]|\\\\.)*\"",
  ")(?!\\w)"
)
