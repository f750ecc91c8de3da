# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-annData.R",
# package = "homespot")'.

skipWithoutPython()

raster <- function(seed, n = 3L, m = 2L, depth = 3L) {
  withr::with_seed(seed, grDevices::as.raster(
    array(sample(0:255, n * m * depth, replace = TRUE), c(n, m, depth)),
    max = 255L
  ))
}

# Every slot filled, with names that AnnData has no place for.
richObject <- function() {
  cells <- sprintf("cell/%d", 1:6)
  genes <- c("beta'COP", "NA", "gene/3", "1", "\u03b1")
  counts <- matrix(c(0:28, NA)[1:30] %% 7, 5, dimnames = list(genes, cells))
  counts[5, 6] <- 3
  sparse <- as(counts * 0.1, "CsparseMatrix")
  whole <- counts
  storage.mode(whole) <- "integer"
  protein <- SingleCellExperiment::SingleCellExperiment(
    list(counts = whole[1:2, ], "log/x" = counts[1:2, ] / 3),
    colData = S4Vectors::DataFrame(
      depth = c(1.5, 2:6), row.names = cells
    ),
    rowData = S4Vectors::DataFrame(
      clone = c("c1", NA), row.names = genes[1:2]
    ),
    metadata = list(lot = "A7")
  )
  rows <- S4Vectors::DataFrame(
    symbol = c("x", "x", NA, "y", "z"), variable = c(TRUE, NA, FALSE, TRUE, NA),
    row.names = genes
  )
  rows$loadings <- matrix(1:10 / 7, 5, dimnames = list(NULL, c("PC1", "PC2")))
  x <- SpatialExperiment::SpatialExperiment(
    assays = list(logcounts = sparse, counts = counts, "a/b" = whole,
      flag = counts > 2
    ),
    rowData = rows,
    colData = S4Vectors::DataFrame(
      sample_id = rep(c("s/1", "two"), each = 3),
      type = factor(c("b", NA, "a", "b", "b", "a"), c("b", "a", "unused")),
      grade = factor(rep(c("lo", "hi"), 3), c("lo", "hi"), ordered = TRUE),
      text = c("x", "NA", NA, "x", "", "x"), own = letters[1:6],
      flag = c(TRUE, NA, FALSE, TRUE, TRUE, TRUE), all = rep(c(TRUE, FALSE), 3),
      count = c(1L, NA, -3L, 4L, 5L, 2147483647L), number = c(1, NA, -Inf, 0:2),
      "odd/name \u00fc" = 1:6, odd_name = 6:1, "odd/name" = c(0.5, 1:5),
      check.names = FALSE, row.names = cells
    ),
    reducedDims = list(
      UMAP = matrix(1:12 / 3, 6, dimnames = list(cells, c("U1", "U2"))),
      PCA = matrix(12:1 / 7, 6, dimnames = list(cells, NULL)),
      "few/of" = t(sparse)
    ),
    altExps = list(protein = protein, hash = protein[2, ]),
    mainExpName = "RNA",
    spatialCoords = matrix(c(6:1, 1:6 / 10), 6,
      dimnames = list(cells, c("pxl_col", "pxl_row"))
    ),
    metadata = list(
      zeta = 1L, alpha = 2, name = "one", flag = TRUE, many = c(0.5, NA, 2),
      whole = c(1L, NA), text = c("a", NA, "a"), none = character(),
      missing = NA_character_, factor = factor(c("u", "v"), c("v", "u")),
      colours = c(b = "#ff0000", "a/1" = "#00ff00"), array = array(1:24, 2:4),
      nested = list(z = list(y = 1:3, "x/x" = "text"), a = FALSE),
      frame = data.frame(
        t = c("x", NA, "x"), n = c(1.5, 2, NA), stringsAsFactors = FALSE
      ),
      table = S4Vectors::DataFrame(k = 1:2, row.names = c("r1", "r2")),
      spatial = list("s/1" = list(
        scalefactors = list(spot_diameter_fullres = 89.5)
      ))
    )
  )
  SpatialExperiment::imgData(x) <- S4Vectors::DataFrame(
    sample_id = c("s/1", "s/1", "two"),
    image_id = c("lowres", "hires", "lowres"),
    data = I(lapply(1:3, function(seed) {
      SpatialExperiment::SpatialImage(raster(seed, depth = 3L + (seed == 3L)))
    })),
    scaleFactor = c(0.05, 0.15, NA)
  )
  SingleCellExperiment::colPair(x, "near/by") <- S4Vectors::SelfHits(
    c(1L, 2L, 2L, 6L), c(3L, 1L, 4L, 6L), nnode = 6L, weight = c(0.5, 0, 2, 1)
  )
  SingleCellExperiment::colPair(x, "bare") <- S4Vectors::SelfHits(
    c(1L, 5L), c(2L, 6L), nnode = 6L
  )
  SingleCellExperiment::rowPair(x, "genes") <- S4Vectors::SelfHits(
    c(1L, 3L), c(5L, 2L), nnode = 5L, x = c(-1, 1)
  )
  x
}

test_that("every slot comes back as it was", {
  x <- richObject()
  path <- withr::local_tempfile(fileext = ".h5ad")
  expect_identical(expect_silent(writeAnnData(x, path)), path)
  back <- expect_silent(readAnnData(path))
  expect_true(methods::validObject(back))
  expect_s4_class(back, "SpatialExperiment")
  expect_identical(SummarizedExperiment::assays(back),
    SummarizedExperiment::assays(x)
  )
  expect_identical(SummarizedExperiment::colData(back),
    SummarizedExperiment::colData(x)
  )
  expect_identical(SummarizedExperiment::rowData(back),
    SummarizedExperiment::rowData(x)
  )
  expect_identical(SpatialExperiment::spatialCoords(back),
    SpatialExperiment::spatialCoords(x)
  )
  expect_identical(SpatialExperiment::imgData(back),
    SpatialExperiment::imgData(x)
  )
  expect_identical(SingleCellExperiment::reducedDims(back),
    SingleCellExperiment::reducedDims(x)
  )
  expect_identical(SingleCellExperiment::colPairs(back),
    SingleCellExperiment::colPairs(x)
  )
  expect_identical(SingleCellExperiment::rowPairs(back),
    SingleCellExperiment::rowPairs(x)
  )
  expect_identical(S4Vectors::metadata(back), S4Vectors::metadata(x))
  expect_identical(SingleCellExperiment::mainExpName(back), "RNA")
  expect_identical(
    SingleCellExperiment::altExpNames(back), c("protein", "hash")
  )
  for (name in c("protein", "hash")) {
    expected <- SingleCellExperiment::altExp(x, name)
    found <- SingleCellExperiment::altExp(back, name)
    expect_identical(SummarizedExperiment::assays(found),
      SummarizedExperiment::assays(expected)
    )
    expect_identical(SummarizedExperiment::colData(found),
      SummarizedExperiment::colData(expected)
    )
    expect_identical(SummarizedExperiment::rowData(found),
      SummarizedExperiment::rowData(expected)
    )
    expect_identical(S4Vectors::metadata(found),
      S4Vectors::metadata(expected)
    )
  }
})

test_that("plainer objects come back, and delayed ones in memory", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  counts <- matrix(as.double(0:11), 3)
  written <- function(x, ...) {
    writeAnnData(x, path, ...)
    expect_silent(readAnnData(path))
  }
  back <- written(SummarizedExperiment::SummarizedExperiment(list(counts)))
  expect_identical(class(back)[1L], "SingleCellExperiment")
  expect_null(colnames(back))
  expect_null(rownames(back))
  expect_identical(SummarizedExperiment::assay(back), counts)

  dimnames(counts) <- list(letters[1:3], LETTERS[1:4])
  sparse <- as(counts, "CsparseMatrix")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(
      dense = DelayedArray::DelayedArray(counts) * 0.1,
      sparse = DelayedArray::DelayedArray(sparse),
      pattern = sparse > 3, packed = as(sparse, "SVT_SparseMatrix")
    ),
    reducedDims = list(spatial = matrix(1:8, 4)),
    colData = S4Vectors::DataFrame(run = S4Vectors::Rle(c("a", "a", "b", "b")))
  )
  withr::with_options(list(DelayedArray.auto.block.size = 16), {
    back <- written(sce, assay.type = "sparse")
  })
  # Spatial coordinates are what a SpatialExperiment has.
  expect_identical(class(back)[1L], "SingleCellExperiment")
  found <- SummarizedExperiment::assays(back)
  expect_identical(names(found), c("dense", "sparse", "pattern", "packed"))
  expect_identical(found$dense, counts * 0.1)
  expect_identical(found$sparse, sparse)
  expect_identical(found$packed, sparse)
  expect_identical(as.matrix(found$pattern), (counts > 3) * 1)
  expect_identical(
    unname(SingleCellExperiment::reducedDim(back, "spatial")), matrix(1:8, 4)
  )
  expect_identical(back$run, c("a", "a", "b", "b"))

  empty <- SpatialExperiment::SpatialExperiment(
    colData = S4Vectors::DataFrame(row.names = c("s1", "s2"))
  )
  back <- written(empty)
  expect_s4_class(back, "SpatialExperiment")
  expect_identical(dim(back), c(0L, 2L))
  expect_identical(colnames(back), c("s1", "s2"))
  expect_identical(back$sample_id, empty$sample_id)
  expect_identical(dim(SpatialExperiment::spatialCoords(back)), c(2L, 0L))

  # Another reader of such files.
  testthat::skip_if_not_installed("HDF5Array")
  writeAnnData(sce, path, assay.type = "dense")
  other <- HDF5Array::H5ADMatrix(path)
  expect_identical(as.matrix(other), counts * 0.1)
  expect_identical(
    as.matrix(HDF5Array::H5ADMatrix(path, "sparse")), counts
  )
})

test_that("what AnnData has no place for is named in one warning", {
  x <- SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix(1:6, 2, dimnames = list(c("a", "b"), letters[3:5]))),
    colData = S4Vectors::DataFrame(day = Sys.Date() + 1:3, ok = 1:3),
    reducedDims = list(PCA = structure(
      matrix(1:3 / 3, 3),
      percentVar = 99
    )),
    metadata = list(
      fit = stats::lm(dist ~ speed, cars), ok = "kept",
      nested = list(f = mean, ok = 1L), list = list(1, 2), 3,
      absent = NULL
    )
  )
  SummarizedExperiment::rowRanges(x) <- methods::as(
    c(a = "chr1:1-10", b = "chr2:2-20"), "GRanges"
  )
  SingleCellExperiment::rowPair(x, "p") <- S4Vectors::SelfHits(
    1L, 2L, nnode = 2L, x = 0.5, note = "n"
  )
  SingleCellExperiment::colPair(x, "twice") <- S4Vectors::SelfHits(
    c(1L, 1L), c(2L, 2L), nnode = 3L, x = c(0.5, 1)
  )
  SingleCellExperiment::altExp(x, "more") <- x[1, ]
  path <- withr::local_tempfile(fileext = ".h5ad")
  said <- character()
  withCallingHandlers(writeAnnData(x, path), homespot_data_warning = \(w) {
    said <<- c(said, conditionMessage(w))
    rlang::cnd_muffle(w)
  })
  expect_length(said, 1L)
  for (what in c(
    "colData$day,", "attributes of reducedDim 'PCA' ('percentVar')",
    "values of the pairs 'p' ('note')", "rowRanges", "metadata$fit",
    "which of the pairs 'twice' stand there more than once",
    "metadata$nested$f", "metadata$list", "1 metadata without a name",
    "colData$day of altExp 'more'"
  )) {
    expect_match(said, what, fixed = TRUE)
  }
  back <- readAnnData(path)
  expect_identical(names(SummarizedExperiment::colData(back)), "ok")
  expect_identical(
    S4Vectors::metadata(back), list(ok = "kept", nested = list(ok = 1L))
  )
  expect_identical(
    SingleCellExperiment::rowPair(back, "p"),
    S4Vectors::SelfHits(1L, 2L, nnode = 2L, x = 0.5)
  )
})

test_that("files of Python are read, with images, raw and what R has not", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  runPython(c(
    "import anndata as ad, numpy as np, pandas as pd, scipy.sparse as sp",
    "rng = np.random.default_rng(0)",
    "x = sp.random(4, 3, 0.5, format='csc', dtype='f4', rng=rng)",
    "obs = pd.DataFrame({'array_row': [0, 1, 2, 3]}, index=list('abcd'))",
    "obs['library_id'] = pd.Categorical(['B', 'A', 'B', 'A'])",
    "obs['when'] = pd.Categorical(['x', None, 'y', 'x'], ordered=True)",
    "var = pd.DataFrame({'hv': [True, False, True]}, index=['g1', 'g2', 'g3'])",
    "a = ad.AnnData(x, obs, var)",
    "a.raw = ad.AnnData(np.arange(20).reshape(4, 5), obs[[]],",
    "    pd.DataFrame({'id': list('vwxyz')}, index=list('pqrst')))",
    "a = a[:, ['g3', 'g1']].copy()",
    "a.layers['counts'] = np.arange(8, dtype='i8').reshape(4, 2)",
    "a.layers['X'] = a.X.toarray() > 0",
    "a.obsm['spatial'] = np.arange(8).reshape(4, 2)",
    "a.obsm['X_pca'] = np.ones((4, 2), dtype='f4')",
    "a.obsm['scores'] = pd.DataFrame({'u': [1., 2, 3, 4]}, index=a.obs_names)",
    "a.obsm['text'] = np.array([['a'], ['b'], ['c'], ['d']])",
    "a.varm['PCs'] = np.array([[1., 2, 3], [4, 5, 6]])",
    "a.obsp['connectivities'] = sp.csr_matrix(np.diag([1., 2, 3], 1))",
    "a.uns['neighbors'] = {'params': {'n_neighbors': 15, 'method': 'umap'}}",
    "a.uns['type_colors'] = np.array(['#ff0000', '#00ff00'], dtype=object)",
    "a.uns['log1p'] = {'base': None}",
    "a.uns['ranks'] = np.array([('g1', 0.5), ('g3', 0.25)],",
    "    dtype=[('name', 'O'), ('score', 'f8')])",
    "library = lambda k: {'images': {'hires': np.full((2, 3, 3), k / 255,",
    "    dtype='f4'), 'lowres': np.full((1, 1, 3), k, dtype='u1')},",
    "    'scalefactors': {'tissue_hires_scalef': 0.5, 'tissue_lowres_scalef':",
    "    0.1, 'spot_diameter_fullres': 10. * k}, 'metadata': {'source': 'v'}}",
    "a.uns['spatial'] = {'A': library(1), 'B': library(2)}",
    sprintf("a.write_h5ad(%s)", dQuote(path, FALSE))
  ))
  expect_warning(
    x <- readAnnData(path),
    paste0(
      "Left out of the experiment, which has no place for them: ",
      "obsm['text'] (object of 4 x 1), uns$log1p$base (NoneType)."
    ),
    fixed = TRUE, class = "homespot_data_warning"
  )
  expect_s4_class(x, "SpatialExperiment")
  expect_identical(dimnames(x), list(c("g3", "g1"), letters[1:4]))
  expect_identical(
    SummarizedExperiment::assayNames(x), c("X", "X_1", "counts")
  )
  found <- SummarizedExperiment::assays(x)
  expect_s4_class(found$X, "dgCMatrix")
  expect_identical(as.matrix(found$X) > 0, found$X_1)
  expect_identical(unname(found$counts), matrix(0:7, 2))
  expect_identical(x$library_id, factor(c("B", "A", "B", "A")))
  expect_identical(x$sample_id, c("B", "A", "B", "A"))
  expect_identical(
    x$when, factor(c("x", NA, "y", "x"), c("x", "y"), ordered = TRUE)
  )
  expect_identical(
    unname(SpatialExperiment::spatialCoords(x)),
    matrix(0:7 + 0, 4, byrow = TRUE)
  )
  expect_identical(SpatialExperiment::spatialCoordsNames(x), c("x", "y"))
  expect_identical(
    SingleCellExperiment::reducedDimNames(x), c("X_pca", "scores")
  )
  expect_identical(
    SummarizedExperiment::rowData(x)$PCs, matrix(1:6 + 0, 2, byrow = TRUE)
  )
  pairs <- SingleCellExperiment::colPair(x, "connectivities")
  expect_identical(pairs, S4Vectors::SelfHits(1:3, 2:4, 4L, x = c(1, 2, 3)))
  raw <- SingleCellExperiment::altExp(x, "raw")
  expect_identical(
    unname(SummarizedExperiment::assay(raw, "X")), matrix(0:19, 5)
  )
  expect_identical(SummarizedExperiment::rowData(raw)$id, letters[22:26])
  images <- SpatialExperiment::imgData(x)
  expect_identical(images$sample_id, c("A", "A", "B", "B"))
  expect_identical(images$image_id, c("hires", "lowres", "hires", "lowres"))
  expect_identical(images$scaleFactor, c(0.5, 0.1, 0.5, 0.1))
  expect_identical(
    as.matrix(SpatialExperiment::imgRaster(images$data[[3L]])),
    matrix("#020202", 2, 3)
  )
  info <- S4Vectors::metadata(x)
  expect_identical(info$spatial$B, list(
    metadata = list(source = "v"),
    scalefactors = list(spot_diameter_fullres = 20)
  ))
  expect_identical(info$neighbors$params$n_neighbors, 15L)
  expect_identical(info$type_colors, c("#ff0000", "#00ff00"))
  expect_identical(
    info$ranks, S4Vectors::DataFrame(name = c("g1", "g3"), score = c(0.5, 0.25))
  )

  # X None, no coordinates, a name twice.
  runPython(c(
    "import anndata as ad, numpy as np, pandas as pd",
    "a = ad.AnnData(None, pd.DataFrame(index=['a', 'b']),",
    "    pd.DataFrame(index=['g', 'g']))",
    sprintf("a.write_h5ad(%s)", dQuote(path, FALSE))
  ))
  x <- expect_silent(readAnnData(path))
  expect_identical(class(x)[1L], "SingleCellExperiment")
  expect_identical(dimnames(x), list(c("g", "g"), c("a", "b")))
  expect_length(SummarizedExperiment::assays(x), 0L)
})

test_that("alternative experiments follow what Python did to the cells", {
  x <- richObject()
  path <- withr::local_tempfile(fileext = ".h5ad")
  writeAnnData(x, path)
  edit <- function(code) {
    runPython(c(
      "import anndata as ad", sprintf("path = %s", dQuote(path, FALSE)),
      "a = ad.read_h5ad(path)", code, "a.write_h5ad(path)"
    ))
    readAnnData(path)
  }
  back <- edit(c(
    "a = a[a.obs_names[[4, 1]]].copy()",
    "a.obs['new'] = ['u', 'v']; a.obs = a.obs[['new', *a.obs.columns[:-1]]]",
    "a.obsm['X_new'] = a.obsm['UMAP'] * 0; del a.layers['logcounts']"
  ))
  expected <- x[, c(5, 2)]
  expect_identical(
    SummarizedExperiment::assay(SingleCellExperiment::altExp(back, "hash")),
    SummarizedExperiment::assay(SingleCellExperiment::altExp(expected, "hash"))
  )
  expect_identical(
    SummarizedExperiment::assayNames(back), c("counts", "a/b", "flag")
  )
  expect_identical(
    names(SummarizedExperiment::colData(back)),
    c(names(SummarizedExperiment::colData(x)), "new")
  )
  expect_identical(
    SingleCellExperiment::reducedDimNames(back),
    c("UMAP", "PCA", "few/of", "X_new")
  )
  expect_warning(
    back <- edit("a.obs_names = ['renamed', *a.obs_names[1:]]"),
    "altExp 'protein', which is of other cells",
    class = "homespot_data_warning"
  )
  expect_length(SingleCellExperiment::altExpNames(back), 0L)
})

test_that("what is no experiment, or no file, is refused", {
  x <- SingleCellExperiment::SingleCellExperiment(list(counts = diag(2)))
  path <- withr::local_tempfile(fileext = ".h5ad")
  refused <- function(expr, pattern) {
    expect_error(expr, pattern, class = "homespot_input_error")
  }
  refused(writeAnnData(diag(2), path), "a SummarizedExperiment")
  refused(writeAnnData(smallMap(), path), "Use saveMapping\\(\\)")
  refused(writeAnnData(x, sub("h5ad$", "rds", path)), "ends in .h5ad")
  refused(writeAnnData(x, path, assay.type = "pca"), "the assays 'counts'")
  refused(readAnnData(path), "no file at")
  letters <- SummarizedExperiment::SummarizedExperiment(
    list(text = matrix("a", 1, 1))
  )
  refused(writeAnnData(letters, path), "values of type character")
  expect_false(file.exists(path))
})

test_that("places, and a reducedDim of that name, are kept apart", {
  st <- demoData()$st
  reducedDim(st, "spatial") <- matrix(-1, ncol(st), 2)
  path <- withr::local_tempfile(fileext = ".h5ad")
  writeAnnData(st, path)
  found <- readAnnData(path)
  expect_identical(spatialCoords(found), spatialCoords(st))
  places <- unname(reducedDim(found, "spatial"))
  expect_identical(places, matrix(-1, ncol(st), 2))
})

test_that("a map in an experiment is written whole", {
  demo <- demoData()
  x <- addMapping(demo$st, mapCells(demo$sc, demo$st))
  path <- withr::local_tempfile(fileext = ".h5ad")
  expect_no_warning(writeAnnData(x, path))
  genes <- as.vector(metadata(x)$homespot$genes)
  expect_identical(metadata(readAnnData(path))$homespot$genes, genes)
})

test_that("images of CELLxGENE are read beside what is no sample", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  runPython(c(
    "import anndata as ad, numpy as np, pandas as pd",
    "a = ad.AnnData(np.ones((3, 2)), pd.DataFrame(index=list('abc')))",
    "a.obsm['spatial'] = np.arange(6.).reshape(3, 2)",
    "tissue = {'images': {'hires': np.full((2, 3, 3), 9, dtype='u1')},",
    "    'scalefactors': {'tissue_hires_scalef': 0.5,",
    "    'spot_diameter_fullres': 7.}}",
    "a.uns['spatial'] = {'is_single': np.bool_(True), 'lib': tissue}",
    sprintf("a.write_h5ad(%s)", dQuote(path, FALSE))
  ))
  check <- function(x) {
    expect_identical(x$sample_id, rep("lib", 3L))
    images <- SpatialExperiment::imgData(x)
    expect_identical(images$sample_id, "lib")
    expect_identical(images$scaleFactor, 0.5)
    expect_identical(
      as.matrix(SpatialExperiment::imgRaster(images$data[[1L]])),
      matrix("#090909", 2, 3)
    )
    expect_identical(S4Vectors::metadata(x)$spatial, list(
      is_single = TRUE,
      lib = list(scalefactors = list(spot_diameter_fullres = 7))
    ))
  }
  x <- expect_silent(readAnnData(path))
  check(x)
  expect_silent(writeAnnData(x, path))
  check(readAnnData(path))
})

test_that("nullable strings, and SeuratDisk's column _index, are read", {
  path <- withr::local_tempfile(fileext = ".h5ad")
  runPython(c(
    "import anndata as ad, h5py, numpy as np, pandas as pd",
    "text = lambda *values: pd.array(values, dtype='string')",
    "obs = pd.DataFrame({'type': text('x', None, 'y')},",
    "    index=pd.Index(['a', 'b', 'c'], dtype='string'))",
    "var = pd.DataFrame(index=pd.Index(['g', 'h'], dtype='string'))",
    "raw = pd.DataFrame({'symbol': text('G', 'H')}, index=var.index)",
    "ad.settings.allow_write_nullable_strings = True",
    sprintf("f = h5py.File(%s, 'w')", dQuote(path, FALSE)),
    "f.attrs.update({'encoding-type': 'anndata', 'encoding-version': '0.1.0'})",
    "x = np.arange(6.).reshape(3, 2)",
    "for key, value in {'X': x, 'obs': obs, 'var': var}.items():",
    "    ad.io.write_elem(f, key, value)",
    "g = f.create_group('raw')",
    "g.attrs.update({'encoding-type': 'raw', 'encoding-version': '0.1.0'})",
    "ad.io.write_elem(g, 'X', x)",
    "ad.io.write_elem(g, 'var', raw)",
    "objects = lambda *values: np.array(values, dtype=object)",
    "ad.io.write_elem(g['var'], 'features', objects('g', 'h'))",
    "g['var'].attrs['_index'] = 'features'",
    "g['var'].attrs['column-order'] = objects('_index', 'symbol')",
    "f.close()"
  ))
  check <- function(x) {
    expect_identical(dimnames(x), list(c("g", "h"), c("a", "b", "c")))
    expect_identical(as.character(x$type), c("x", NA, "y"))
    raw <- SingleCellExperiment::altExp(x, "raw")
    expect_identical(rownames(raw), c("g", "h"))
    columns <- SummarizedExperiment::rowData(raw)
    expect_identical(names(columns), c("_index", "symbol"))
    expect_identical(as.character(columns$symbol), c("G", "H"))
    expect_identical(as.character(columns[["_index"]]), c("g", "h"))
  }
  x <- expect_silent(readAnnData(path))
  check(x)
  expect_silent(writeAnnData(x, path))
  runPython(c(
    "import h5py", sprintf("f = h5py.File(%s)", dQuote(path, FALSE)),
    "found = set()",
    "f.visititems(lambda _, e: found.add(e.attrs.get('encoding-type')))",
    "assert 'nullable-string-array' not in found"
  ))
  check(readAnnData(path))
})

test_that("other forms are read, or it is said what they are", {
  folder <- withr::local_tempdir()
  path <- file.path(folder, "cells.zarr")
  runPython(c(
    "import anndata as ad, numpy as np, pandas as pd, warnings",
    "warnings.simplefilter('ignore')",
    "obs, var = (pd.DataFrame(index=list(names)) for names in ('abc', 'gh'))",
    "a = ad.AnnData(np.arange(6.).reshape(3, 2), obs, var)",
    sprintf("a.write_zarr(%s)", dQuote(path, FALSE))
  ))
  x <- expect_silent(readAnnData(path))
  expect_identical(
    as.matrix(SummarizedExperiment::assay(x, "X")),
    matrix(0:5 + 0, 2, dimnames = list(c("g", "h"), c("a", "b", "c")))
  )
  rds <- file.path(folder, "cells.rds")
  saveRDS(1, rds)
  for (read in list(readAnnData, loadMapping)) {
    expect_error(
      read(rds), "an R object \\(.rds\\). writeAnnData\\(\\)",
      class = "homespot_input_error"
    )
  }
  expect_error(
    loadMapping(path), "a zarr folder of AnnData",
    class = "homespot_input_error"
  )
})

test_that("a map is saved beside what no file holds, and loaded", {
  map <- smallMap()
  SummarizedExperiment::rowData(map)[["_index"]] <- rownames(map)
  SummarizedExperiment::rowData(map)$kept <- seq_len(nrow(map))
  path <- withr::local_tempfile(fileext = ".h5ad")
  expect_warning(
    saveMapping(map, path),
    "Left out of the file, as .h5ad cannot hold it: obs\\['_index'\\]",
    class = "homespot_data_warning"
  )
  back <- loadMapping(path)
  expect_false("_index" %in% names(SummarizedExperiment::rowData(back)))
  expect_identical(
    SummarizedExperiment::rowData(back)$kept, seq_len(nrow(map))
  )
  # As a newer anndata writes it.
  runPython(c(
    "import anndata as ad, h5py",
    "ad.settings.allow_write_nullable_strings = True",
    sprintf("path = %s", dQuote(path, FALSE)),
    "a = ad.read_h5ad(path)",
    "a.obs.index = a.obs.index.astype('string')",
    "f = h5py.File(path, 'r+')",
    "del f['obs']",
    "ad.io.write_elem(f, 'obs', a.obs)",
    "f.close()"
  ))
  expect_identical(rownames(loadMapping(path)), rownames(map))
})
