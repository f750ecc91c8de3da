# Alone: Rscript -e 'testthat::test_file("tests/testthat/
# test-python-numbers.R", package = "homespot")'.

skipWithoutPython()

# The map of the demo data, made in a Python process of its own.
script <- c(
  "import json",
  "import numpy as np, anndata as ad, pandas as pd",
  "from scipy import io, sparse",
  "import homespot",
  "folder, out, method, k, dense = sys.argv[1:6]",
  "def read(side, table):",
  "    x = io.mmread(f'{folder}/demo_{side}_counts.mtx.gz')",
  "    x = sparse.csr_matrix(sparse.csr_matrix(x).T.astype(np.float32))",
  "    genes = pd.read_csv(f'{folder}/demo_{side}_genes.txt.gz', header=None)",
  "    obs = pd.read_csv(f'{folder}/demo_{side}_{table}.csv.gz', index_col=0)",
  "    x = x.toarray() if dense == 'yes' else x",
  "    var = pd.DataFrame(index=genes[0].to_numpy(dtype=str))",
  "    return ad.AnnData(x, obs=obs, var=var)",
  "sc, st = read('sc', 'cells'), read('st', 'spots')",
  "xy = st.obs[['x', 'y']].to_numpy()",
  "st.obsm['spatial'] = np.ascontiguousarray(xy)",
  "best = None if k == '0' else int(k)",
  "m = homespot.map_cells(sc, st, method, k_best=best)",
  "p = m.X.toarray() if sparse.issparse(m.X) else m.X",
  "assert p.dtype == np.float32",
  "p.astype('<f4').tofile(out + '.f4')",
  "placed = homespot.place_cells(m, sc)",
  "placed.obsm['spatial'].astype('<f8').tofile(out + '.f8')",
  "placed.obs['homespot_spread'].to_numpy().tofile(out + '.spread')",
  "pd.Series(placed.obs['homespot_spot']).to_csv(out + '.csv')",
  "homespot.save(m, out + '.h5ad')"
)

pythonAnswer <- function(method, k = 0L, dense = FALSE) {
  out <- tempfile("python-")
  runPython(
    script, system.file("extdata", package = "homespot"), out, method, k,
    if (dense) "yes" else "no"
  )
  out
}

rawFloat <- function(x) {
  writeBin(as.vector(t(as.matrix(x))), raw(), size = 4L, endian = "little")
}

# Byte for byte; says how many numbers differ, which a comparison of millions
# of bytes would take minutes to print.
expectSameBytes <- function(found, expected, size, label) {
  expect_identical(length(found), length(expected), label = label)
  number <- (which(found != expected) - 1L) %/% size
  expect_identical(
    length(unique(number)), 0L,
    label = paste("numbers that differ of", label)
  )
}

# A file has its keys in alphabetical order.
sorted <- function(x) {
  if (is.list(x) && length(x)) lapply(x[order(names(x))], sorted) else x
}

readAll <- function(path) {
  readBin(path, "raw", file.size(path))
}

for (method in c("ssa", "correlation")) {
  test_that(sprintf("R and Python give the same bytes: %s", method), {
    demo <- demoData()
    map <- mapCells(demo$sc, demo$st, method = method)
    out <- pythonAnswer(method)
    expectSameBytes(
      rawFloat(mappingMatrix(map)), readAll(paste0(out, ".f4")), 4L, "P"
    )
    placed <- placeCells(map, demo$sc, as = "SpatialExperiment")
    expectSameBytes(
      writeBin(
        as.vector(t(SpatialExperiment::spatialCoords(placed))), raw(),
        endian = "little"
      ),
      readAll(paste0(out, ".f8")), 8L, "positions"
    )
    expectSameBytes(
      writeBin(placed$homespot_spread, raw(), endian = "little"),
      readAll(paste0(out, ".spread")), 8L, "spreads"
    )
    expect_identical(
      unname(homeSpot(map)),
      utils::read.csv(paste0(out, ".csv"))$homespot_spot
    )
    dense <- mapCells(as.matrix(
      SummarizedExperiment::assay(demo$sc)
    ), as.matrix(SummarizedExperiment::assay(demo$st)), method = method)
    out <- pythonAnswer(method, dense = TRUE)
    expectSameBytes(
      rawFloat(mappingMatrix(dense)), readAll(paste0(out, ".f4")), 4L,
      "P of dense data"
    )
  })
}

test_that("a map that Python saved is the same in R, and back", {
  demo <- demoData()
  map <- mapCells(demo$sc, demo$st, k.best = 15L)
  out <- pythonAnswer("ssa", 15L)
  loaded <- loadMapping(paste0(out, ".h5ad"))
  expect_identical(mappingMatrix(loaded), mappingMatrix(map))
  cells <- SummarizedExperiment::rowData(map)
  found <- SummarizedExperiment::rowData(loaded)
  expect_identical(names(found), names(cells))
  for (name in names(cells)) {
    expect_identical(
      if (is.factor(found[[name]])) as.character(found[[name]]) else
        found[[name]],
      cells[[name]]
    )
  }
  expect_identical(
    unname(SpatialExperiment::spatialCoords(loaded)),
    unname(SpatialExperiment::spatialCoords(map))
  )
  record <- mappingInfo(map)
  expect_identical(sorted(mappingInfo(loaded)), sorted(record))

  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(map, path)
  read <- runPython(c(
    "import homespot, numpy as np",
    "a, b = homespot.load(sys.argv[1]), homespot.load(sys.argv[2])",
    "print((a.X != b.X).nnz, a.X.dtype == b.X.dtype)",
    "print(a.obs.equals(b.obs), a.obs_names.equals(b.obs_names))",
    "print(np.array_equal(a.varm['spatial'], b.varm['spatial']))",
    "def same(x, y):",
    "    if isinstance(x, dict):",
    "        return x.keys() == y.keys() and all(same(x[k], y[k]) for k in x)",
    "    return type(x) is type(y) and np.array_equal(x, y)",
    "print(same(a.uns['homespot'], b.uns['homespot']))"
  ), paste0(out, ".h5ad"), path)
  expect_identical(read, c("0 True", "True True", "True", "True"))
})
