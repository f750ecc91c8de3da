# What the core says, in R's words. Its lines of code become lines of R for the
# user's own class; its verbs, values and arguments those of R; and the user's
# names and paths, in quotes, stay as they are.

# `of` are the sides (see convert.R) that the text speaks of, by "sc" and "st".
.inR <- function(text, of = NULL) {
  for (code in .codes) {
    text <- .replaced(text, code$pattern, function(found) {
      side <- of[[found[2L]]]
      name <- if (is.null(side$called)) found[2L] else side$called
      words <- function(name) .filled(code$words, c(name, found[-(1:2)]), side)
      if (is.null(side$sections)) words(name) else .forEach(name, words)
    })
  }
  text <- .replaced(text, .argumentPattern, function(found) {
    if (!found[2L] %in% .knownArguments()) {
      return(found[1L])
    }
    paste(found[2L], "=", gsub("'", "\"", found[3L], fixed = TRUE))
  })
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
  # R uses one Python of several, and pip on the path may be another's.
  text <- .replaced(text, "\\bpip install (?=')", function(found) {
    sprintf("%s -m pip install ", .state$python$python)
  })
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

.geneNames <- function(name, side) {
  if (.isSeuratSide(side)) {
    sprintf("rownames(%s[[\"%s\"]])", name, side$of)
  } else {
    sprintf("rownames(%s)", name)
  }
}

.reductionOf <- function(name, reduction, side) {
  verb <- if (.isSeuratSide(side)) "Embeddings" else "reducedDim"
  sprintf("%s(%s, \"%s\")", verb, name, reduction)
}

.verbs <- c(strip = "trimws", upper = "toupper")

# The words of a line of code: one template, or two, for Bioconductor's objects
# and for Seurat's. What stands in braces is a group of the pattern by its
# number (1 is the side), or one of these.
.filled <- function(templates, m, side) {
  table <- .geneTable(m[1L], side)
  column <- .element(table, m[2L])
  element <- .element(m[1L], m[2L], side)
  parts <- c(stats::setNames(as.list(m), seq_along(m)), list(
    element = element, table = table, column = column,
    read = if (length(side$sections) && m[2L] %in% .keys$SECTION) {
      sprintf("the list %s", m[1L])
    } else {
      element
    },
    # Of a Seurat object's assay, a column of the annotation is a table.
    values = if (.isSeuratSide(side)) sprintf("%s[, 1]", column) else column,
    genes = .geneNames(m[1L], side),
    reduction = .reductionOf(m[1L], m[2L], side),
    verb = unname(.verbs[m[length(m)]]),
    # Seurat's older class of assays does not let its names be changed, so the
    # assay is turned into the newer class first.
    newer = if (isTRUE(side$fixed)) {
      sprintf("%s <- as(%s, \"Assay5\"); ", table, table)
    } else {
      ""
    }
  ))
  template <- templates[[min(length(templates), 1L + .isSeuratSide(side))]]
  .replaced(template, "\\{(\\w+)\\}", function(found) parts[[found[2L]]])
}

# A pattern, in which S stands for a side, C for a column in Python's quotes and
# Q for quoted text, and the templates of its words.
.code <- function(pattern, ...) {
  pattern <- gsub("S", "(s[ct])", pattern, fixed = TRUE)
  column <- "\\[(?|'([^']+)'|\"([^\"]+)\")\\]"
  pattern <- gsub("C", column, pattern, fixed = TRUE)
  pattern <- gsub("Q", "('[^']*'|\"[^\"]*\")", pattern, fixed = TRUE)
  list(pattern = paste0("\\b", pattern), words = c(...))
}

# Lines that set the names of genes, or a column of their annotation: Seurat
# wants the gene's name with every value.
.nameCode <- function(pattern, words) {
  .code(
    paste0("S\\.var_names", pattern), paste0("{newer}{genes} <- ", words)
  )
}

.columnCode <- function(pattern, words) {
  .code(
    paste0("S(?:\\.raw)?\\.varC = .+?\\]\\.", pattern),
    sprintf("{column} <- %s", words),
    sprintf("{column} <- setNames(%s, {genes})", words)
  )
}

# Lines come before what is mentioned in them.
.codes <- list(
  .code(
    "S\\.obsm\\[\"spatial\"\\], or set mapping\\.varm\\[\"spatial\"\\]",
    "`coords`, or in spatialCoords(st)"
  ),
  .code(
    "set S\\.obsm\\['spatial'\\]: spots x 2 or 3, x first",
    "pass coords: a row for each spot, with columns x and y"
  ),
  .code("no coordinates in S\\.obsm\\['spatial'\\]", "no coordinates"),
  .code(
    "S\\.obs_names = \\w+\\.obsC\\.astype\\(str\\) \\+ '_' \\+ [^ ]+_names",
    "colnames({1}) <- paste({element}, colnames({1}), sep = \"_\")"
  ),
  .code(
    "S\\.obs_names_make_unique\\(\\)",
    "colnames({1}) <- make.unique(colnames({1}))"
  ),
  .nameCode("_make_unique\\(\\)", "make.unique({genes})"),
  .nameCode(
    " = s[ct]\\.var_names\\.str\\.replace\\(Q, Q, regex=True\\)",
    "gsub({2}, {3}, {genes}, perl = TRUE)"
  ),
  .nameCode(
    " = s[ct]\\.var_names\\.str\\.(strip|upper)\\(\\)", "{verb}({genes})"
  ),
  .code(
    paste0(
      "S\\.obsm\\['spatial'\\] = \\w+\\.obs\\[\\[([^]]+)\\]\\]\\.to_numpy",
      "\\([^)]*\\)"
    ),
    "coords = colData({1})[c({2})]", "coords = {1}[[]][c({2})]"
  ),
  .code(
    "S\\.obsm\\['spatial'\\] = \\w+\\.obsm\\['spatial'\\]\\[:, \\[1, 0\\]\\]",
    "coords = unname(spatialCoords({1})[, 2:1])",
    "coords = a matrix of x and y"
  ),
  .code("S\\.obsm\\['spatial'\\] = \\w+\\.obsmC", "coords = {reduction}"),
  .code("S\\.obsmC", "{reduction}"),
  .code("S\\.obsC = (\\w+)", "{element} <- {3}"),
  .code("S\\.obsC", "{read}"),
  .columnCode(
    "astype\\(object\\)\\.replace\\(\\[(.*?)\\], ('[^']*')\\)",
    "replace(as.character({values}), {values} %in% c({3}), {4})"
  ),
  .columnCode(
    "str\\.replace\\(Q, Q, regex=True\\)",
    "gsub({3}, {4}, {values}, perl = TRUE)"
  ),
  .columnCode("str\\.(strip|upper)\\(\\)", "{verb}({values})"),
  .code("S(?:\\.raw)?\\.varC = ", "{column} <- "),
  .code("S(?:\\.raw)?\\.varC", "{column}"),
  .code("S\\.obs\\b", "colData({1})", "the metadata of {1}"),
  .code("S\\.var\\b", "{table}"),
  .code("S\\.uns\\['spatial'\\]", "imgData({1})", "Images({1})")
)

# An argument with its value.
.argumentPattern <- paste0(
  "(?<![\\w/.-])([a-z][a-z0-9]*(?:_[a-z]+)*)=",
  "(?|('[^'\"]*')|(True|False|None)|([0-9][0-9.]*[0-9]|[0-9]))"
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
    "pass coords = ", "Sum the rows of one gene",
    "saveMapping(as(readAnnData(\\1), \"CellMapping\"), \"other.h5ad\")"
  ),
  c(
    paste(
      "The rows of the ([a-z-]+) data have the names of the other's genes:",
      "pass (cells|spots) x genes \\(transpose it\\)"
    ),
    "\\b(?:set )?coords = ", "Sum the columns of one gene",
    "homespot\\.save\\(anndata\\.read_h5ad\\((.+?)\\), 'other\\.h5ad'\\)"
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
