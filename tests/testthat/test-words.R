# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-words.R",
# package = "homespot")'.

skipWithoutPython()

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
