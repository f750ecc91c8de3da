# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-words.R",
# package = "homespot")'.

skipWithoutPython()

# Python's line, and R's for Bioconductor's objects and for Seurat's.
lines <- list(
  list(
    "(sections='slide' maps each by itself; shared_frame=True if one.)",
    "(sections = \"slide\" maps each by itself; shared.frame = TRUE if one.)"
  ),
  list("use joint=True or k_best=3", "use joint = TRUE or k.best = 3"),
  list(
    "set st.obs['in_tissue'] = 1.", "set st$in_tissue <- 1."
  ),
  list("by st.obs['is on'].", "by st[[\"is on\"]]."),
  list("by st.obs[\"it's\"].", "by st[[\"it's\"]]."),
  list(
    "a column of st.obs", "a column of colData(st)",
    "a column of the metadata of st"
  ),
  list(
    "set sc.var['kind'] = 'Gene Expression'; sc.var['is_control'] = False.",
    paste(
      "set rowData(sc)$kind <- 'Gene Expression';",
      "rowData(sc)$is_control <- FALSE."
    ),
    paste(
      "set sc[[\"RNA\"]][[\"kind\"]] <- 'Gene Expression';",
      "sc[[\"RNA\"]][[\"is_control\"]] <- FALSE."
    )
  ),
  list(
    "by the names in st.var['id']: set st_gene_column='id'.",
    "by the names in rowData(st)$id: set st.gene.column = \"id\".",
    "by the names in st[[\"Spatial\"]][[\"id\"]]: set st.gene.column = \"id\"."
  ),
  list(
    paste(
      "set sc.var['kind'] =",
      "sc.var['kind'].astype(object).replace(['a', 'b c'], 'Gene Expression')."
    ),
    paste(
      "set rowData(sc)$kind <- replace(as.character(rowData(sc)$kind),",
      "rowData(sc)$kind %in% c('a', 'b c'), 'Gene Expression')."
    ),
    paste(
      "set sc[[\"RNA\"]][[\"kind\"]] <-",
      "setNames(replace(as.character(sc[[\"RNA\"]][[\"kind\"]][, 1]),",
      "sc[[\"RNA\"]][[\"kind\"]][, 1] %in% c('a', 'b c'), 'Gene Expression'),",
      "rownames(sc[[\"RNA\"]]))."
    )
  ),
  list(
    paste(
      "set sc.var['id'] = sc.var['id'].str.replace('^a', '', regex=True);",
      "sc.var['id'] = sc.var['id'].str.upper(), and pass sc_gene_column='id'."
    ),
    paste(
      "set rowData(sc)$id <- gsub('^a', '', rowData(sc)$id, perl = TRUE);",
      "rowData(sc)$id <- toupper(rowData(sc)$id),",
      "and pass sc.gene.column = \"id\"."
    ),
    paste0(
      "set sc[[\"RNA\"]][[\"id\"]] <- setNames(gsub('^a', '', ",
      "sc[[\"RNA\"]][[\"id\"]][, 1], perl = TRUE), ",
      "rownames(sc[[\"RNA\"]])); sc[[\"RNA\"]][[\"id\"]] <- ",
      "setNames(toupper(sc[[\"RNA\"]][[\"id\"]][, 1]), ",
      "rownames(sc[[\"RNA\"]])), and pass sc.gene.column = \"id\"."
    )
  ),
  list(
    "own: st.obs_names = st.obs['sample'].astype(str) + '_' + st.obs_names.",
    "own: colnames(st) <- paste(st$sample, colnames(st), sep = \"_\")."
  ),
  list(
    "own: sc.obs_names_make_unique().",
    "own: colnames(sc) <- make.unique(colnames(sc))."
  ),
  list(
    "own: sc.var_names_make_unique().",
    "own: rownames(sc) <- make.unique(rownames(sc)).",
    "own: rownames(sc[[\"RNA\"]]) <- make.unique(rownames(sc[[\"RNA\"]]))."
  ),
  list(
    "set st.var_names = st.var_names.str.replace('^a', '', regex=True).",
    "set rownames(st) <- gsub('^a', '', rownames(st), perl = TRUE).",
    paste0(
      "set rownames(st[[\"Spatial\"]]) <- gsub('^a', '', ",
      "rownames(st[[\"Spatial\"]]), perl = TRUE)."
    )
  ),
  list(
    "st.obsm['X'] looks like coordinates: st.obsm['spatial'] = st.obsm['X'].",
    paste(
      "reducedDim(st, \"X\") looks like coordinates: pass coords =",
      "reducedDim(st, \"X\")."
    ),
    paste(
      "Embeddings(st, \"X\") looks like coordinates: pass coords =",
      "Embeddings(st, \"X\")."
    )
  ),
  list(
    "set st.obsm['spatial'] = st.obs[['a', 'b']].to_numpy().",
    "pass coords = colData(st)[c('a', 'b')].",
    "pass coords = st[[]][c('a', 'b')]."
  )
)

test_that("lines of Python become lines of R for the user's class", {
  seurat <- list(
    sc = list(seurat = TRUE, of = "RNA"),
    st = list(seurat = TRUE, of = "Spatial")
  )
  for (line in lines) {
    expect_identical(.inR(line[[1L]]), line[[2L]])
    expect_identical(.inR(line[[1L]], seurat), line[[length(line)]])
  }
})

test_that("what pip installs goes into the Python that computes", {
  said <- "found that it is not installed. %spip install 'homespot[plot]'"
  expect_identical(
    .inR(sprintf(said, "")), sprintf(said, paste(testPython(), "-m "))
  )
})

test_that("what the core says of an object is said in words of R", {
  problem <- smallProblem()
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = problem$sc))
  SummarizedExperiment::rowData(sce)$type <- c(
    rep("Antibody Capture", 3), rep("Gene Expression", 27)
  )
  text <- messageOf(mapCells(sce, problem$st), "homespot_data_warning")
  expect_match(text, paste(
    "Left out 3 feature(s) of the single-cell data that are not genes: 3",
    "'Antibody Capture' (\"beta'COP\", 'nan', ...). To keep them as genes, set",
    "rowData(sc)$type <- replace(as.character(rowData(sc)$type),",
    "rowData(sc)$type %in% c('Antibody Capture'), 'Gene Expression')."
  ), fixed = TRUE)
  line <- sub("\\.$", "", sub(".*, set ", "", text))
  names <- asNamespace("SummarizedExperiment")
  user <- list2env(list(sc = sce), parent = names)
  eval(parse(text = line), user)
  sce <- user$sc
  expect_identical(
    mappingMatrix(mapCells(sce, problem$st)),
    mappingMatrix(mapCells(problem$sc, problem$st))
  )
})

test_that("features that are not genes are left out of map and imputation", {
  problem <- smallProblem()
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = problem$sc))
  SummarizedExperiment::rowData(sce)$type <- c(
    rep("Antibody Capture", 3), rep("Gene Expression", 27)
  )
  map <- suppressWarnings(mapCells(sce, problem$st))
  expected <- suppressWarnings(mapCells(sce[-(1:3), ], problem$st))
  expect_identical(mappingMatrix(map), mappingMatrix(expected))
  genes <- suppressWarnings(imputeGenes(map, sce))
  expect_identical(rownames(genes), rownames(sce)[-(1:3)])
  expect_identical(
    SummarizedExperiment::assay(genes),
    SummarizedExperiment::assay(imputeGenes(map, sce[-(1:3), ]))
  )
})

test_that("other values of an object that is scaled are named", {
  problem <- smallProblem()
  scaled <- t(scale(t(problem$sc)))
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = scaled, logcounts = log1p(problem$sc), z = scaled)
  )
  SingleCellExperiment::altExp(sce, "raw") <-
    SummarizedExperiment::SummarizedExperiment(list(X = problem$sc))
  text <- messageOf(mapCells(sce, problem$st), "homespot_input_error")
  expect_match(text, paste(
    "Values that would do are in assay 'logcounts' (sc.assay.type =",
    "\"logcounts\"), in altExp 'raw' (sc = altExp(sc, \"raw\"))."
  ), fixed = TRUE)
  text <- messageOf(
    imputeGenes(mapCells(problem$sc, problem$st), sce), "homespot_input_error"
  )
  expect_match(text, "(assay.type = \"logcounts\")", fixed = TRUE)
})

# --- genes by another name ---------------------------------------------------

test_that("names of genes may stand in a column", {
  problem <- smallProblem()
  ids <- sprintf("ENSG%011d", seq_len(30))
  asSce <- function(x) {
    out <- SingleCellExperiment::SingleCellExperiment(list(counts = x))
    SummarizedExperiment::rowData(out)$symbol <- rownames(x)
    rownames(out) <- ids[match(rownames(x), rownames(problem$sc))]
    out
  }
  sce <- asSce(problem$sc)
  text <- messageOf(mapCells(sce, problem$st), "homespot_input_error")
  expect_match(text, "sc.gene.column = \"symbol\"", fixed = TRUE)
  expected <- mapCells(problem$sc, problem$st)
  map <- mapCells(sce, problem$st, sc.gene.column = "symbol")
  expect_identical(mappingMatrix(map), mappingMatrix(expected))
  expect_identical(mappingInfo(map)$sc_gene_column, "symbol")
  both <- mapCells(
    sce, asSce(problem$st), sc.gene.column = "symbol",
    st.gene.column = "symbol"
  )
  expect_identical(mappingMatrix(both), mappingMatrix(expected))
  # What follows uses them as well, and keeps the annotation.
  genes <- imputeGenes(map, sce, c("gene12", "TRUE"))
  expect_identical(
    SummarizedExperiment::assay(genes),
    SummarizedExperiment::assay(
      imputeGenes(expected, problem$sc, c("gene12", "TRUE"))
    )
  )
  expect_identical(
    SummarizedExperiment::rowData(genes)$symbol, c("gene12", "TRUE")
  )
  timeless <- function(x) x[names(x) != "seconds"]
  expect_identical(
    timeless(crossValidateGenes(
      sce, problem$st, folds = 2, sc.gene.column = "symbol"
    )),
    timeless(crossValidateGenes(problem$sc, problem$st, folds = 2))
  )
  expect_error(
    mapCells(sce, problem$st, sc.gene.column = "name"),
    "a column 'name' in rowData\\(sc\\), found 'symbol'",
    class = "homespot_input_error"
  )
})
