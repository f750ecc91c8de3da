# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-advice.R",
# package = "homespot")'.
#
# What a message advises is done as it says, and the map is then the expected
# one.

skipWithoutPython()

problem <- smallProblem()
scaled <- function(x) x - 100
inSpe <- function(assays, ...) {
  SpatialExperiment::SpatialExperiment(
    assays = assays, spatialCoords = problem$coords, ...
  )
}
inSce <- function(assays, ...) {
  SingleCellExperiment::SingleCellExperiment(assays, ...)
}
spe <- inSpe(list(counts = problem$st))
sce <- inSce(list(counts = problem$sc))
expected <- mapCells(sce, spe)

said <- function(expr) messageOf(expr, "homespot_input_error")

expectSameMap <- function(map, other = expected) {
  expect_identical(unname(mappingMatrix(map)), unname(mappingMatrix(other)))
  expect_identical(
    unname(SpatialExperiment::spatialCoords(map)),
    unname(SpatialExperiment::spatialCoords(other))
  )
}

# --- values ------------------------------------------------------------------

test_that("an altExp is advised with the places of its object", {
  st <- inSpe(list(scaled = scaled(problem$st)))
  SingleCellExperiment::altExp(st, "raw") <- inSce(list(counts = problem$st))
  line <- paste0(
    "toSpatialExperiment(altExp(st, \"raw\", withColData = TRUE), ",
    "spatialCoords = spatialCoords(st), imgData = imgData(st))"
  )
  expect_match(
    said(mapCells(sce, st)),
    sprintf("do are in altExp 'raw' (st = %s).", line), fixed = TRUE
  )
  suppressPackageStartupMessages(library(SpatialExperiment))
  expectSameMap(mapCells(sce, eval(parse(text = line))))
  st <- inSce(list(scaled = scaled(problem$st)))
  SingleCellExperiment::reducedDim(st, "spatial") <- problem$coords
  SingleCellExperiment::altExp(st, "raw") <- inSce(list(counts = problem$st))
  expect_match(said(mapCells(sce, st)), paste0(
    "(st = altExp(st, \"raw\", withColData = TRUE), coords = reducedDim(st, ",
    "\"spatial\"))"
  ), fixed = TRUE)
  expectSameMap(mapCells(
    sce, SingleCellExperiment::altExp(st, "raw", withColData = TRUE),
    coords = SingleCellExperiment::reducedDim(st, "spatial")
  ))
})

test_that("values that would do are looked for in the section without", {
  good <- inSpe(list(counts = problem$st, logcounts = log1p(problem$st)))
  bad <- inSpe(
    list(scaled = scaled(problem$st), raw = problem$st), sample_id = "b"
  )
  st <- list(a = good, b = bad)
  text <- said(suppressWarnings(mapCells(sce, st)))
  line <- "assay(st$b, \"counts\") <- assay(st$b, \"raw\")"
  expect_match(text, sprintf(
    "Values that would do are in assay 'raw' of section 'b' (%s).", line
  ), fixed = TRUE)
  assay <- SummarizedExperiment::assay
  `assay<-` <- SummarizedExperiment::`assay<-`
  eval(parse(text = line))
  other <- list(a = spe, b = inSpe(list(counts = problem$st)))
  expectSameMap(
    suppressWarnings(mapCells(sce, st)), suppressWarnings(mapCells(sce, other))
  )
  expect_match(
    said(suppressWarnings(mapCells(sce, unname(list(good, bad))))),
    "of section 2 (assay(st[[2]], ", fixed = TRUE
  )
})

test_that("only values of the same genes are advised", {
  proteins <- matrix(1, 3, 12, dimnames = list(
    c("CD3", "CD4", "CD8"), colnames(problem$sc)
  ))
  sc <- inSce(list(scaled = scaled(problem$sc)))
  SingleCellExperiment::altExp(sc, "ADT") <- inSce(list(counts = proteins))
  expect_match(said(mapCells(sc, spe)), "Pass the counts or the")
  SingleCellExperiment::altExp(sc, "RNA") <- inSce(list(counts = problem$sc))
  text <- said(mapCells(sc, spe))
  expect_match(text, "in altExp 'RNA' (sc = altExp(sc, \"RNA\"))", fixed = TRUE)
  expect_no_match(text, "ADT")
  # Where the proteins are what is mapped.
  sc <- inSce(list(counts = proteins))
  SingleCellExperiment::altExp(sc, "RNA") <- inSce(list(counts = problem$sc))
  expect_match(said(mapCells(sc, spe)), paste(
    "30 would match by the genes in altExp 'RNA' of sc: pass sc = altExp(sc,",
    "\"RNA\")."
  ), fixed = TRUE)
  skip_if_not_installed("Seurat")
  suppressPackageStartupMessages(library(Seurat))
  sparse <- function(x) as(x, "CsparseMatrix")
  x <- CreateSeuratObject(sparse(problem$sc))
  x[["ADT"]] <- CreateAssay5Object(sparse(proteins))
  DefaultAssay(x) <- "ADT"
  expect_match(
    said(mapCells(x, spe)), "pass sc.assay.type = c(\"RNA\", \"counts\").",
    fixed = TRUE
  )
  expectSameMap(mapCells(x, spe, sc.assay.type = c("RNA", "counts")))
})

# --- names of genes ----------------------------------------------------------

test_that("names of genes of Seurat's older assays can be changed as advised", {
  skip_if_not_installed("Seurat")
  suppressPackageStartupMessages(library(Seurat))
  counts <- as(problem$st, "CsparseMatrix")
  rownames(counts) <- paste0("hg38-GENE", seq_len(nrow(counts)))
  sc <- problem$sc[rownames(problem$st), ]
  rownames(sc) <- paste0("GENE", seq_len(nrow(sc)))
  st <- CreateSeuratObject(CreateAssayObject(counts), assay = "Spatial")
  text <- said(mapCells(sc, st, coords = problem$coords))
  line <- sub("^.* set (st.*)[.]$", "\\1", text)
  expect_match(line, "as(st[[\"Spatial\"]], \"Assay5\")", fixed = TRUE)
  suppressWarnings(eval(parse(text = line)))
  map <- mapCells(sc, st, coords = problem$coords)
  rownames(counts) <- rownames(sc)
  expectSameMap(map, mapCells(sc, counts, coords = problem$coords))
})

test_that("names of genes may stand in a column alone", {
  st <- spe
  SummarizedExperiment::rowData(st)$Symbol <- rownames(spe)
  rownames(st) <- NULL
  expect_match(
    said(mapCells(sce, st)), "set st.gene.column = \"Symbol\"", fixed = TRUE
  )
  expectSameMap(mapCells(sce, st, st.gene.column = "Symbol"))
  sc <- sce
  SummarizedExperiment::rowData(sc)$Symbol <- rownames(sce)
  rownames(sc) <- NULL
  map <- mapCells(
    sc, st, sc.gene.column = "Symbol", st.gene.column = "Symbol"
  )
  expectSameMap(map)
  expect_identical(
    SummarizedExperiment::assay(imputeGenes(map, sc, "gene12")),
    SummarizedExperiment::assay(imputeGenes(expected, sce, "gene12"))
  )
})

test_that("names of genes may stand in a list", {
  st <- spe
  names <- as.list(rownames(spe))
  rownames(st) <- sprintf("ENSG%011d", seq_len(30))
  SummarizedExperiment::rowData(st)$Symbol <- as(names, "CharacterList")
  expectSameMap(mapCells(sce, st, st.gene.column = "Symbol"))
  names[[3L]] <- c(names[[3L]], "alias")
  SummarizedExperiment::rowData(st)$Symbol <- as(names, "CharacterList")
  line <- paste0(
    "rowData(st)$Symbol <- sapply(as.list(rowData(st)$Symbol), \"[\", 1)"
  )
  expect_match(said(mapCells(sce, st)), paste0(
    "30 would match by the first names in rowData(st)$Symbol, which is a ",
    "list: set ", line, ", and st.gene.column = \"Symbol\"."
  ), fixed = TRUE)
  expectRefused(
    mapCells(sce, st, st.gene.column = "Symbol"),
    "one name gene rowData(st)$Symbol | list several 1 | first set", line
  )
  rowData <- SummarizedExperiment::rowData
  `rowData<-` <- SummarizedExperiment::`rowData<-`
  eval(parse(text = line))
  expectSameMap(mapCells(sce, st, st.gene.column = "Symbol"))
})

# --- names of cells and spots ------------------------------------------------

test_that("cells and spots without names go through every verb", {
  sc <- sce
  st <- spe
  colnames(sc) <- colnames(st) <- NULL
  map <- mapCells(sc, st)
  expectSameMap(map)
  places <- placeCells(expected, sce)
  expect_identical(placeCells(map, sc)$homespot_x, places$homespot_x)
  expect_identical(addMapping(sc, map)$homespot_x, places$homespot_x)
  expect_identical(
    addMapping(st, map)$homespot_cells, addMapping(spe, expected)$homespot_cells
  )
  genes <- imputeGenes(map, sc)
  expect_identical(
    SingleCellExperiment::altExpNames(addMapping(st, genes)), "imputed"
  )
  expect_identical(
    scoreGenes(problem$st, imputeGenes(expected, sce)),
    scoreGenes(unname(problem$st) |> `rownames<-`(rownames(st)), genes)
  )
  skip_if_not_installed("ggplot2")
  expect_identical(
    plotGene(st, genes, "gene12")$data$value,
    plotGene(spe, imputeGenes(expected, sce), "gene12")$data$value
  )
})

test_that("a gene is drawn at the spots that were mapped", {
  skip_if_not_installed("ggplot2")
  st <- spe
  st$in_tissue <- rep(c(1, 0), c(6, 2))
  map <- suppressWarnings(mapCells(sce, st))
  drawn <- plotGene(st, imputeGenes(map, sce), "gene12")$data
  expect_identical(unique(drawn$name), colnames(st)[1:6])
  measured <- drawn$value[seq_len(6)]
  total <- colSums(problem$st)[1:6]
  expect_equal(
    measured, unname(log1p(1e4 * problem$st["gene12", 1:6] / total))
  )
})

# --- coordinates -------------------------------------------------------------

test_that("coordinates may be numbers in text", {
  table <- data.frame(
    y = as.character(problem$coords[, 2]), x = factor(problem$coords[, 1])
  )
  table$y <- format(problem$coords[, 2], digits = 17)
  expectSameMap(mapCells(sce, problem$st, coords = table))
  table$y[2] <- "1,5"
  expectRefused(
    mapCells(sce, problem$st, coords = table),
    "numbers 'y' coordinates | 1 text '1,5' | Correct NA"
  )
})

test_that("that there are no coordinates is said, but not of a bare table", {
  st <- inSce(list(counts = problem$st))
  st$depth <- colSums(problem$st)
  expect_identical(warned(mapCells(sce, st))$said, paste(
    "The spatial data has no coordinates, so cells will have no place. If it",
    "is to have some, pass coords: a row for each spot, with columns x and y."
  ))
  expect_length(warned(mapCells(sce, problem$st))$said, 0L)
  SingleCellExperiment::reducedDim(st, "spatial") <- matrix(1, 8, 5)
  expectRefused(
    mapCells(sce, st),
    "two three columns coordinates reducedDim(st, \"spatial\") | 5 x y |",
    "coords reducedDim(st, \"spatial\")[, 1:2]"
  )
})

# --- lists of sections -------------------------------------------------------

test_that("what is wrong with a section of a list is said of it", {
  bad <- spe
  SpatialExperiment::spatialCoords(bad)[3, ] <- NA
  text <- expectRefused(
    mapCells(sce, list(a = spe, b = bad)), "finite coordinates | 1 'spot-3' |"
  )
  expect_match(text, "^Section 'b': ")
  text <- expectRefused(mapCells(sce, list(spe, NULL)), "matrix | NULL |")
  expect_match(text, "^Section 2: ")
})

test_that("sections keep the names that some have", {
  found <- warned(mapCells(sce, list(a = spe, spe)))
  expect_identical(
    found$value$homespot_section, rep(c("a", "section2"), each = 8)
  )
  other <- expected
  colnames(other) <- paste0("other", seq_len(8))
  map <- combineSections(a = expected, b = other)
  expect_identical(map$homespot_section, rep(c("a", "b"), each = 8))
  expect_identical(map$sample_id, rep(c("a", "b"), each = 8))
  expect_match(
    said(combineSections(a = expected, a = other)), "'a' more than once"
  )
})

test_that("what is to be set in sections of a list is a line for all of them", {
  st <- list(a = spe, b = spe)
  st$a$in_tissue <- st$b$in_tissue <- rep(c(1, 0), c(6, 2))
  found <- warned(mapCells(sce, st))
  line <- "st <- lapply(st, function(x) { x$in_tissue <- 1; x })"
  expect_true(any(grepl(line, found$said, fixed = TRUE)))
  eval(parse(text = line))
  expect_identical(ncol(warned(mapCells(sce, st))$value), 16L)
})

test_that("sections of logical values and dates have R's names", {
  st <- spe
  st$left <- rep(c(TRUE, FALSE), each = 4)
  st$day <- as.Date("2025-01-01") + rep(0:1, each = 4)
  map <- mapCells(sce, st, sections = "left")
  expect_setequal(map$homespot_section, c("TRUE", "FALSE"))
  expect_identical(map$homespot_section, as.character(map$left))
  map <- mapCells(sce, st, sections = "day")
  expect_identical(map$homespot_section, as.character(map$day))
  expect_s3_class(map$day, "Date")
  far <- cellDistances(map)
  expect_false(any(is.nan(far)))
  expect_true(anyNA(far))
})

test_that("simulated spots keep their sample", {
  cells <- inSpe(list(counts = problem$st), sample_id = "one")
  found <- simulateSpots(cells, cells.per.spot = 2, n.parts = 2L)
  expect_identical(unique(found$st$sample_id), "one")
})

# --- labels ------------------------------------------------------------------

test_that("a table of one column is labels, and logical ones have R's names", {
  types <- data.frame(
    type = rep(c("a", "b"), 6), row.names = rev(colnames(sce))
  )
  inOrder <- rev(types$type)
  of <- function(labels) {
    SummarizedExperiment::assay(deconvolveSpots(expected, labels))
  }
  expect_identical(of(types), of(inOrder))
  expect_identical(of(S4Vectors::DataFrame(types)), of(inOrder))
  expect_identical(rownames(of(inOrder == "a")), c("FALSE", "TRUE"))
})
