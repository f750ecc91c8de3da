# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-imputeGenes.R",
# package = "homespot")'.

skipWithoutPython()

# Log values of three cells, in another order than the map's; one more cell.
expression <- matrix(
  c(
    3, 9, 1, 0,
    1, 9, 0, 2,
    0, 9, 4, 4,
    0, 9, 0, 0.5
  ), 4,
  byrow = TRUE, dimnames = list(
    c("g1", "NA", "1", "beta'COP"), c("cell3", "other", "cell1", "cell2")
  )
)

imputed <- function(x, ...) {
  SummarizedExperiment::assay(x, "imputed", ...)
}

asHdf5 <- function(x) {
  HDF5Array::writeHDF5Array(x, with.dimnames = TRUE)
}

asSce <- function(x, ...) {
  SingleCellExperiment::SingleCellExperiment(list(counts = x), ...)
}

test_that("values are those of the definition", {
  map <- smallMap()
  total <- expression[, rownames(map)] %*% mappingMatrix(map)
  sum <- imputeGenes(map, expression, scale = "log", read.out = "sum")
  expect_s4_class(sum, "SpatialExperiment")
  expect_identical(SummarizedExperiment::assayNames(sum), "imputed")
  expect_identical(dimnames(sum), dimnames(total))
  expect_equal(imputed(sum), total, tolerance = 1e-6)
  # By hand: 0.7 x 1 + 0.2 x 0 + 0.25 x 3, over a mass of 1.15.
  expect_equal(imputed(sum)["g1", "spot1"], 1.45, tolerance = 1e-6)
  mean <- imputeGenes(map, expression, scale = "log")
  expect_equal(imputed(mean)["g1", "spot1"], 1.45 / 1.15, tolerance = 1e-6)
  expect_equal(
    imputed(mean), t(t(total) / colSums(mappingMatrix(map))),
    tolerance = 1e-6
  )
})

test_that("counts become log(1 + 10,000 x / total) of all genes given", {
  map <- smallMap()
  counts <- round(2 * expression)
  x <- log1p(1e4 * t(t(counts) / colSums(counts)))[, rownames(map)]
  found <- imputeGenes(map, counts, "1", read.out = "sum")
  expect_equal(
    imputed(found), x["1", , drop = FALSE] %*% mappingMatrix(map),
    tolerance = 1e-6
  )
})

test_that("genes come in the order that was asked for, and from a factor", {
  map <- smallMap()
  all <- imputeGenes(map, expression, scale = "log")
  expect_identical(rownames(all), rownames(expression))
  some <- c("beta'COP", "NA", "1")
  for (genes in list(some, factor(some))) {
    found <- imputeGenes(map, expression, genes, scale = "log")
    expect_identical(rownames(found), some)
    expect_identical(imputed(found), imputed(all)[some, ])
  }
  one <- imputeGenes(map, asSce(expression), "NA", scale = "log")
  expect_identical(imputed(one), imputed(all)["NA", , drop = FALSE])
})

test_that("the result is the map's spots", {
  map <- smallMap()
  found <- imputeGenes(map, expression)
  expect_identical(
    SummarizedExperiment::colData(found), SummarizedExperiment::colData(map)
  )
  expect_identical(
    SpatialExperiment::spatialCoords(found),
    SpatialExperiment::spatialCoords(map)
  )
  expect_identical(S4Vectors::metadata(found)$homespot, c(
    mappingInfo(map), list(
      read_out = "mean", imputed_scale = "mean of log(1 + 10,000 x / total)"
    )
  ))
  expect_true(validObject(found))
  bare <- CellMapping(mappingMatrix(map))
  found <- imputeGenes(bare, expression)
  expect_identical(ncol(SpatialExperiment::spatialCoords(found)), 0L)
  expect_identical(found$sample_id, rep("sample01", 4))
})

# Every way in which the same numbers can come.
classes <- list(
  dgCMatrix = function(x) as(x, "CsparseMatrix"),
  dgTMatrix = function(x) as(as(x, "CsparseMatrix"), "TsparseMatrix"),
  SVT_SparseMatrix = function(x) as(x, "SVT_SparseMatrix"),
  DelayedMatrix = DelayedArray::DelayedArray,
  HDF5Matrix = asHdf5,
  "delayed operations" = function(x) (asHdf5(x) * 2) / 2,
  SummarizedExperiment = function(x) {
    SummarizedExperiment::SummarizedExperiment(list(counts = x))
  },
  SingleCellExperiment = function(x) {
    SingleCellExperiment::SingleCellExperiment(list(
      other = x + 1, counts = as(x, "CsparseMatrix")
    ))
  },
  SpatialExperiment = function(x) {
    SpatialExperiment::SpatialExperiment(
      assays = list(counts = asHdf5(x)),
      spatialCoords = cbind(x = seq_len(ncol(x)), y = 0)
    )
  }
)

problem <- smallProblem()
maps <- list(
  dense = mapCells(problem$sc, problem$st, coords = problem$coords),
  "k.best" = mapCells(
    problem$sc, problem$st,
    coords = problem$coords, k.best = 6
  )
)

for (kind in names(maps)) {
  test_that(sprintf("the same comes from every class, %s map", kind), {
    skip_if_not_installed("HDF5Array")
    map <- maps[[kind]]
    expected <- imputed(imputeGenes(map, problem$sc))
    log <- log1p(1e4 * t(t(problem$sc) / colSums(problem$sc)))
    p <- as.matrix(mappingMatrix(map))
    mean <- t(t(log %*% p) / colSums(p))
    expect_equal(
      imputed(imputeGenes(map, problem$sc, read.out = "mean")), mean,
      tolerance = 1e-5
    )
    # Scaled, so that a gene like the mean of those of the map has the mean that
    # was measured.
    genes <- mappingInfo(map)$genes
    measured <- log1p(1e4 * t(t(problem$st) / colSums(problem$st)))[genes, ]
    expect_equal(colMeans(measured), map$homespot_expression,
      tolerance = 1e-6, ignore_attr = TRUE
    )
    shrunk <- 0.8 * mean + 0.2 * rowMeans(log)
    odds <- function(v) expm1(v) / (1e4 - expm1(v))
    factor <- odds(colMeans(measured)) / odds(colMeans(shrunk[genes, ]))
    expect_equal(
      expected, log1p(1e4 / (1 + 1 / t(t(odds(shrunk)) * factor))),
      tolerance = 1e-5
    )
    found <- imputeGenes(map, problem$sc)
    expect_identical(
      SummarizedExperiment::rowData(found)$homespot_mapped,
      rownames(found) %in% genes
    )
    record <- S4Vectors::metadata(found)$homespot
    expect_identical(record$imputed_scale, "log(1 + 10,000 x / total)")
    for (class in names(classes)) {
      x <- classes[[class]](problem$sc)
      # In another order, and in blocks.
      x <- x[, rev(colnames(problem$sc))]
      found <- imputed(imputeGenes(map, x, block.size = 4))
      expect_identical(found, expected, label = class)
    }
  })
}

test_that("a map on disk gives the same", {
  skip_if_not_installed("HDF5Array")
  map <- smallMap()
  stored <- smallMap(asHdf5(mappingMatrix(map)))
  expect_identical(
    imputed(imputeGenes(stored, expression)),
    imputed(imputeGenes(map, expression))
  )
})

test_that("an assay can be named", {
  map <- smallMap()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = expression, tpm = expression * 2 + 1)
  )
  found <- imputeGenes(map, sce, assay.type = "tpm", scale = "log")
  expect_equal(
    imputed(found), 2 * imputed(imputeGenes(map, sce, scale = "log")) + 1,
    tolerance = 1e-6
  )
})

test_that("intervals are assays, and hold the imputed values", {
  skip_if_not_installed("HDF5Array")
  map <- smallMap()
  # Ten genes with one residual each at the levels 0 and 9: the quantile at
  # 0.5 * 1.1 of the absolute residuals 1 to 10 is 6, and twice that above.
  scores <- data.frame(
    gene = c("g1", paste0("other", 2:10)), fold = 1, method = "by hand",
    pcc = 0.5, ssim = 0.1, rmse = 1, jsd = 0.3, seconds = 1, read_out = "mean",
    residuals = sprintf("0:%d 9:%d", 1:10, -2 * (1:10))
  )
  found <- imputeGenes(
    map, expression, c("g1", "1"),
    scale = "log", scores = scores, level = 0.5
  )
  expect_identical(
    SummarizedExperiment::assayNames(found), c("imputed", "lower", "upper")
  )
  used <- S4Vectors::metadata(found)$homespot$intervals
  expect_identical(used$level, 0.5)
  expect_equal(as.vector(used$half), c(6, 12)[seq_along(used$half)])
  half <- used$half[findInterval(imputed(found), used$edges) + 1L]
  upper <- SummarizedExperiment::assay(found, "upper")
  lower <- SummarizedExperiment::assay(found, "lower")
  expect_equal(as.vector(upper - imputed(found)), half, tolerance = 1e-6)
  expect_equal(lower, pmax(imputed(found) - half, 0), tolerance = 1e-6)
  output <- withr::local_tempfile(fileext = ".h5ad")
  disk <- imputeGenes(
    map, expression, c("g1", "1"),
    scale = "log", scores = scores, level = 0.5, output = output
  )
  for (end in c("lower", "upper")) {
    expect_s4_class(SummarizedExperiment::assay(disk, end), "DelayedMatrix")
    expect_identical(
      as.matrix(SummarizedExperiment::assay(disk, end)),
      SummarizedExperiment::assay(found, end)
    )
  }
  expect_error(
    imputeGenes(map, expression, level = 0.5), "no scores",
    class = "homespot_input_error"
  )
  expectRefused(
    imputeGenes(map, expression, scores = scores, level = "0.5"),
    "level number | '0.5' |"
  )
})

test_that("annotation of the genes stays, whatever its class", {
  map <- smallMap()
  genes <- S4Vectors::DataFrame(
    symbol = letters[1:4], kind = factor(c("x", "y", "x", NA)),
    row.names = rownames(expression)
  )
  genes$parts <- I(list(1, "a", NULL, 4:5))
  genes$run <- S4Vectors::Rle(c(1L, 1L, 2L, 2L))
  some <- c("beta'COP", "g1")
  found <- imputeGenes(map, asSce(expression, rowData = genes), some)
  expect_identical(SummarizedExperiment::rowData(found), genes[some, ])
  one <- asSce(expression, rowData = genes["symbol"])
  found <- imputeGenes(map, one, some)
  expect_identical(
    SummarizedExperiment::rowData(found), genes[some, "symbol", drop = FALSE]
  )
})

test_that("scores of cross-validation go to the genes that have some", {
  map <- smallMap()
  scores <- data.frame(
    gene = c("1", "g1", "g1"), fold = c(1, 1, 2), method = "by hand",
    pcc = c(0.5, 0.2, 0.4), ssim = c(0.1, 0.2, 0.2), rmse = c(1, NA, NaN),
    jsd = 0.3
  )
  sce <- asSce(expression, rowData = S4Vectors::DataFrame(symbol = 1:4))
  for (table in list(scores, S4Vectors::DataFrame(scores))) {
    rows <- SummarizedExperiment::rowData(
      imputeGenes(map, sce, c("g1", "NA", "1"), scores = table)
    )
    expect_identical(names(rows), c(
      "symbol", "homespot_pcc", "homespot_ssim", "homespot_rmse",
      "homespot_jsd"
    ))
    expect_equal(rows$homespot_pcc, c(0.3, NaN, 0.5))
    expect_identical(rows$homespot_rmse, c(NaN, NaN, 1))
    expect_equal(rows$homespot_jsd, c(0.3, NaN, 0.3))
  }
  # Of several methods, that of the map.
  both <- rbind(scores, within(scores, {
    method <- "other"
    pcc <- 0.9
  }))
  rows <- SummarizedExperiment::rowData(
    imputeGenes(map, sce, "g1", scores = both)
  )
  expect_equal(rows$homespot_pcc, 0.3)
})

test_that("spots without mass have NaN, and a warning counts them", {
  p <- mappingMatrix(smallMap())
  p[, c(2, 4)] <- 0
  map <- smallMap(p / rowSums(p))
  text <- messageOf(
    imputeGenes(map, expression), "homespot_data_warning"
  )
  expect_identical(text, paste(
    "2 spot(s) hold no cell: their expression is missing (NaN). A map with a",
    "larger k.best, or a dense one, reaches them, and read.out = \"sum\" gives",
    "0."
  ))
  found <- suppressWarnings(imputed(imputeGenes(map, expression)))
  expect_true(all(is.nan(found[, c(2, 4)])))
  expect_true(all(is.finite(found[, c(1, 3)])))
  expect_no_warning(
    sum <- imputeGenes(map, expression, read.out = "sum")
  )
  expect_identical(unname(imputed(sum)[, c(2, 4)]), matrix(0, 4, 2))
})

test_that("a cell without any expression brings none", {
  map <- smallMap()
  counts <- round(2 * expression)
  counts[, "cell2"] <- 0
  found <- imputed(imputeGenes(map, counts, read.out = "sum"))
  expect_equal(
    found,
    imputed(suppressWarnings(imputeGenes(
      map[c("cell1", "cell3"), ], counts,
      read.out = "sum"
    ))),
    tolerance = 1e-6
  )
})

test_that("on disk is what is in memory", {
  skip_if_not_installed("HDF5Array")
  folder <- withr::local_tempdir()
  output <- file.path(folder, "genes of the tissue.h5ad")
  map <- maps$dense
  genes <- S4Vectors::DataFrame(
    symbol = toupper(rownames(problem$sc)), row.names = rownames(problem$sc)
  )
  sce <- asSce(problem$sc, rowData = genes)
  scores <- data.frame(
    gene = "gene05", pcc = 0.5, ssim = 0.25, rmse = 1, jsd = 0
  )
  memory <- imputeGenes(map, sce, scores = scores)
  disk <- imputeGenes(
    map, sce,
    scores = scores, output = output, block.size = 7
  )
  expect_identical(dir(folder, all.files = TRUE, no.. = TRUE), basename(output))
  expect_s4_class(imputed(disk), "DelayedMatrix")
  expect_identical(
    normalizePath(DelayedArray::path(imputed(disk))), normalizePath(output)
  )
  expect_identical(as.matrix(imputed(disk)), imputed(memory))
  expect_identical(
    SummarizedExperiment::rowData(disk), SummarizedExperiment::rowData(memory)
  )
  expect_identical(
    SummarizedExperiment::colData(disk), SummarizedExperiment::colData(memory)
  )
  expect_identical(S4Vectors::metadata(disk), S4Vectors::metadata(memory))
  # As Python's anndata reads it.
  text <- runPython(c(
    "import anndata",
    "a = anndata.read_h5ad(sys.argv[1])",
    "print(*a.var_names, sep='|')",
    "print(*a.obs_names, sep='|')",
    "print(*a.var.columns, *a.obs.columns, *a.obsm, sep='|')",
    "print(*a.var['symbol'], sep='|')",
    "print(a.uns['homespot']['read_out'], a.X.dtype)",
    "print(*(float(x).hex() for x in a.X.ravel()))",
    "print(*(float(x).hex() for x in a.obsm['spatial'].ravel()))"
  ), output)
  Encoding(text) <- "UTF-8"
  pieces <- strsplit(text, "|", fixed = TRUE)
  expect_identical(pieces[[1]], rownames(memory))
  expect_identical(pieces[[2]], colnames(memory))
  expect_identical(pieces[[3]], c(
    "symbol", "homespot_mapped", "homespot_pcc", "homespot_ssim",
    "homespot_rmse", "homespot_jsd",
    "homespot_expression", "sample_id", "x", "y", "spatial"
  ))
  expect_identical(pieces[[4]], genes$symbol)
  expect_identical(text[5], "scaled float32")
  numbers <- function(line) as.numeric(strsplit(line, " ")[[1]])
  expect_identical(numbers(text[6]), as.vector(imputed(memory)))
  expect_identical(
    numbers(text[7]), as.vector(t(SpatialExperiment::spatialCoords(map)))
  )
})

test_that("a file appears whole or not at all", {
  skip_if_not_installed("HDF5Array")
  folder <- withr::local_tempdir()
  output <- file.path(folder, "imputed.h5ad")
  map <- smallMap()
  expect_error(
    imputeGenes(map, expression, "nowhere", output = output),
    class = "homespot_input_error"
  )
  expect_length(dir(folder, all.files = TRUE, no.. = TRUE), 0L)
  first <- imputeGenes(map, expression, "g1", output = output)
  before <- tools::md5sum(output)
  expect_error(
    imputeGenes(map, expression, "nowhere", output = output),
    class = "homespot_input_error"
  )
  expect_identical(tools::md5sum(output), before)
  second <- imputeGenes(map, expression, c("1", "NA"), output = output)
  expect_identical(
    as.matrix(imputed(second)),
    imputed(imputeGenes(map, expression, c("1", "NA")))
  )
  expect_identical(dir(folder, all.files = TRUE, no.. = TRUE), "imputed.h5ad")
  withr::local_dir(folder)
  here <- imputeGenes(map, expression, "g1", output = "here.h5ad")
  withr::local_dir("/")
  expect_identical(
    as.matrix(imputed(here)), imputed(imputeGenes(map, expression, "g1"))
  )
})

test_that("annotation that a file cannot hold is warned of, and stays in R", {
  skip_if_not_installed("HDF5Array")
  output <- withr::local_tempfile(fileext = ".h5ad")
  sce <- asSce(expression, rowData = S4Vectors::DataFrame(n = 1:4))
  SummarizedExperiment::rowData(sce)$parts <- I(as.list(1:4))
  expect_warning(
    found <- imputeGenes(smallMap(), sce, output = output),
    "Left out 1 column\\(s\\) of the genes that are no plain vectors.*'parts'",
    class = "homespot_data_warning"
  )
  expect_identical(
    SummarizedExperiment::rowData(found), SummarizedExperiment::rowData(sce)
  )
  expect_no_warning(imputeGenes(smallMap(), sce))
})

test_that("inputs are not changed", {
  map <- smallMap()
  given <- list(
    map = map, dense = expression, sparse = as(expression, "CsparseMatrix"),
    sce = asSce(expression, rowData = S4Vectors::DataFrame(n = 1:4))
  )
  before <- unserialize(serialize(given, NULL))
  for (x in given[-1L]) {
    imputeGenes(map, x)
  }
  expect_identical(given, before)
})

# --- errors ------------------------------------------------------------------

changed <- function(...) {
  replace(expression, ...)
}

cases <- list(
  list(
    "unknown genes", list(expression, c("g1", "nowhere")),
    "'g1' 'NA' '1' | 1 | spelling whether"
  ),
  list(
    "no genes", list(expression, character()),
    "'g1' 'NA' '1' | none | gene"
  ),
  list(
    "a gene twice", list(expression, c("g1", "g1")),
    "'g1' 'NA' '1' | 'g1' | gene"
  ),
  list(
    "a missing gene, where one is named NA", list(expression, c("g1", NA)),
    "names genes | 1 | Drop"
  ),
  list(
    "other cells", list(expression[, -1]),
    "single-cell mapped | 1 ('cell3') | take mapping"
  ),
  list(
    "a cell twice", list(expression[, c(1, 1:4)]),
    "unique names | 'cell3' | make.unique(colnames(x))"
  ),
  list(
    "a gene twice in the data", list(expression[c(1, 1:4), ]),
    "unique single-cell | 1 ('g1') | make.unique(rownames(sce))"
  ),
  list(
    "no gene names", list(unname(expression)),
    "names | none | rownames()"
  ),
  list(
    "NaN", list(changed(2, NaN)),
    "numbers single-cell | 1 NaN | Replace cells"
  ),
  list(
    "negative values", list(changed(2, -2)),
    "negative single-cell | -2 | log-normalised instead"
  ),
  list(
    "no numbers", list(changed(2, "a")),
    "numbers single-cell | values character | Convert numbers"
  ),
  list(
    "a data.frame", list(as.data.frame(expression)),
    "SummarizedExperiment | data.frame 4 | as.matrix()"
  ),
  list(
    "nothing", list(),
    "single-cell mapped | none | imputeGenes"
  ),
  list(
    "an assay that is not there", list(
      asSce(expression),
      assay.type = "tpm"
    ),
    "'tpm' | 'counts' | assay.type"
  ),
  list(
    "an assay of a matrix", list(expression, assay.type = "counts"),
    "`assay.type` | 'counts' | object assays"
  ),
  list(
    "an unknown read-out", list(expression, read.out = "median"),
    "read.out 'scaled' 'mean' 'sum' | 'median' | Use"
  ),
  list(
    "two read-outs", list(expression, read.out = c("mean", "sum")),
    "read.out | 2 | Give"
  ),
  list(
    "an unknown scale", list(expression, scale = "raw"),
    "scale 'auto' 'counts' 'log' | 'raw' | Use"
  ),
  list(
    "blocks of nothing", list(expression, block.size = 0),
    "block.size 1 | 0 | Choose number"
  ),
  list(
    "a missing size of blocks", list(expression, block.size = NA),
    "block.size 1 | NA | Choose number"
  ),
  list(
    "half a gene", list(expression, block.size = 2.5),
    "block.size 1 | 2.5 | Choose number"
  ),
  list(
    "a file of another kind", list(expression, output = "k_best.csv"),
    ".h5ad | 'k_best.csv' | Rename"
  ),
  list(
    "no folder", list(expression, output = "/no_where/None.h5ad"),
    "folder exists | '/no_where/None.h5ad' | folder"
  ),
  list(
    "two files", list(expression, output = c("a.h5ad", "b.h5ad")),
    "output | 2 | Give"
  ),
  list(
    "scores that are no table", list(expression, scores = 1:3),
    "scores table | 3 | data.frame"
  ),
  list(
    "scores without columns", list(expression, scores = data.frame(gene = "1")),
    "scores columns | 'gene' | crossValidateGenes()"
  ),
  list(
    "scores of other genes", list(expression, scores = data.frame(
      gene = "g9", pcc = 1, ssim = 1, rmse = 0, jsd = 0
    )),
    "scores imputed | 'g9' | others"
  ),
  list(
    "scores of other methods", list(expression, scores = data.frame(
      gene = "g1", method = c("a", "b"), pcc = 1, ssim = 1, rmse = 0, jsd = 0
    )),
    "'by hand' | others only | Cross-validate well"
  )
)

for (case in cases) {
  test_that(paste("bad input:", case[[1]]), {
    expect_no_warning(expectRefused(
      do.call(imputeGenes, c(list(smallMap()), case[[2]])),
      paste(unlist(case[-(1:2)]), collapse = " ")
    ))
  })
}

test_that("what is no map is refused", {
  expectRefused(
    imputeGenes(expression, expression),
    "CellMapping | 4 | mapCells() loadMapping()"
  )
})

test_that("what R's doubles make too large is refused before the work", {
  skip_if_not(file.exists("/proc/meminfo"), "no /proc")
  n <- 3e5
  wide <- Matrix::sparseMatrix(
    i = c(1, 2, 3), j = c(1, 2, n), x = 1, dims = c(3, n),
    dimnames = list(paste0("cell", 1:3), sprintf("s%d", seq_len(n)))
  )
  genes <- Matrix::sparseMatrix(
    i = c(1, n), j = c(1, 3), x = 1, dims = c(n, 3),
    dimnames = list(sprintf("g%d", seq_len(n)), paste0("cell", 1:3))
  )
  text <- messageOf(
    imputeGenes(CellMapping(wide), genes), "homespot_too_large_error"
  )
  expect_match(text, paste(
    "of memory for 300,000 genes at 300,000 spots in Python and, as",
    "doubles, in R, found .* free. Ask for at most [0-9,]+ genes, or name an",
    "output file"
  ))
})

# --- the same verbs in Python ------------------------------------------------

test_that("R's arguments are Python's", {
  own <- c(
    map = "mapping", sce = "sc", assay.type = "layer",
    sc.assay.type = "sc_layer", st.assay.type = "st_layer"
  )
  verbs <- list(
    impute_genes = imputeGenes,
    deconvolve_spots = homespot::deconvolveSpots,
    annotate_cells = annotateCells, colocate_types = colocateTypes,
    type_distances = typeDistances, cell_distances = cellDistances
  )
  for (verb in names(verbs)) {
    python <- .toR(.call("signature", verb))
    r <- as.list(formals(verbs[[verb]]))
    r <- r[setdiff(names(r), "...")]
    renamed <- names(r) %in% names(own)
    names(r)[renamed] <- own[names(r)[renamed]]
    names(r) <- .snake(names(r))
    expect_identical(names(r), names(python), label = verb)
    required <- vapply(python, identical, NA, "<required>")
    expect_true(all(vapply(r[required], identical, NA, quote(expr = ))))
    expect_identical(lapply(r[!required], eval), python[!required])
  }
})
