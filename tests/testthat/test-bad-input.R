# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-bad-input.R",
# package = "homespot")'.
#
# One row a case: what is wrong, how the problem is spoilt, the arguments that
# go beside it, the class of the condition, and its text, whole.

skipWithoutPython()

input <- "homespot_input_error"
absent <- "homespot_device_error"

row <- function(what, spoil, arguments, class, text) {
  list(
    what = what, spoil = spoil, arguments = arguments, class = class,
    text = paste(text, collapse = " ")
  )
}

same <- function(p) p

# COME's arguments, for a quick run.
come <- function(...) {
  given <- list(...)
  quick <- list(
    method = "come", epochs = 1, pretrain.epochs = 1, hidden = 4, latent = 2
  )
  c(quick[setdiff(names(quick), names(given))], given)
}

# The problem with types of cells, or of spots.
typed <- function(types, side = "sc") {
  function(p) {
    columns <- S4Vectors::DataFrame(row.names = colnames(p[[side]]))
    columns$type <- if (length(types) == 1L) {
      rep(types, nrow(columns))
    } else {
      types
    }
    p[[side]] <- SummarizedExperiment::SummarizedExperiment(
      list(counts = p[[side]]), colData = columns
    )
    p
  }
}

checkpoint <- tempfile("come_", fileext = ".pt")

cases <- list(
  row("duplicated genes", function(p) {
    rownames(p$sc)[2] <- rownames(p$sc)[1]
    p
  }, list(), input, c(
    "Expected unique gene names in the single-cell data, found 1 that occur",
    "more than once (\"beta'COP\"). Sum the rows of one gene, or give them",
    "names of their own: rownames(sc) <- make.unique(rownames(sc))."
  )),
  row("duplicated cells", function(p) {
    colnames(p$sc)[2] <- "cell-1"
    p
  }, list(), input, c(
    "Expected unique cell names in the single-cell data, found 1 that occur",
    "more than once ('cell-1'). Give every cell a name of its own:",
    "colnames(sc) <- make.unique(colnames(sc))."
  )),
  row("duplicated spots", function(p) {
    colnames(p$st)[2] <- "spot-1"
    p
  }, list(), input, c(
    "Expected unique spot names in the spatial data, found 1 that occur more",
    "than once ('spot-1'). Give every spot a name of its own: colnames(st) <-",
    "make.unique(colnames(st))."
  )),
  row("no gene names", function(p) {
    rownames(p$sc) <- NULL
    p
  }, list(), input, c(
    "Expected gene names as row names of the single-cell data, found none.",
    "Set rownames(); rows are genes, columns are cells or spots."
  )),
  row("missing gene names", function(p) {
    rownames(p$st)[3] <- NA
    p
  }, list(), input, c(
    "Expected gene names as row names of the spatial data, found missing",
    "ones. Set rownames(); rows are genes, columns are cells or spots."
  )),
  row("missing cell names", function(p) {
    colnames(p$sc)[3] <- NA
    p
  }, list(), input, c(
    "Expected names of all cells, found 1 missing. Set colnames()."
  )),
  row("no shared genes", function(p) {
    rownames(p$st) <- paste0("other", seq_len(nrow(p$st)))
    p
  }, list(), input, c(
    "Expected at least 2 shared genes, found 0 (single-cell: \"beta'COP\",",
    "'nan', 'E(spl)m5-HLH', ...; spatial: 'other1', 'other2', 'other3',",
    "...). Check that both use the same kind of gene names."
  )),
  row("symbols against Ensembl ids", function(p) {
    rownames(p$st) <- sprintf("ENSG%011d", seq_len(nrow(p$st)))
    p
  }, list(), input, c(
    "Expected at least 2 shared genes, found 0 (single-cell: \"beta'COP\",",
    "'nan', 'E(spl)m5-HLH', ...; spatial: 'ENSG00000000001',",
    "'ENSG00000000002', 'ENSG00000000003', ...). The spatial data has Ensembl",
    "ids and the other gene symbols: translate one of them."
  )),
  row("cells transposed", function(p) {
    p$sc <- t(p$sc)
    p
  }, list(), input, c(
    "Expected at least 2 shared genes, found 0 (single-cell: 'cell-1',",
    "'cell-2', 'cell-3', ...; spatial: 'gene23', 'gene22', 'gene21', ...).",
    "The columns of the single-cell data have the names of the other's",
    "genes: pass genes x cells, that is t(x)."
  )),
  row("spots transposed", function(p) {
    p$st <- t(p$st)
    p["coords"] <- list(NULL)
    p
  }, list(), input, c(
    "Expected at least 2 shared genes, found 0 (single-cell: \"beta'COP\",",
    "'nan', 'E(spl)m5-HLH', ...; spatial: 'spot-1', 'spot-2', 'spot-3',",
    "...). The columns of the spatial data have the names of the other's",
    "genes: pass genes x spots, that is t(x)."
  )),
  row("NaN", function(p) {
    p$sc[1, 1] <- NaN
    p
  }, list(), input, c(
    "Expected finite numbers in the single-cell data, found 1 that are NaN",
    "or infinite. Replace them, or drop the cells or genes that have them."
  )),
  row("NA in logical values", function(p) {
    p$sc <- p$sc > 1
    p$sc[1, 1] <- NA
    p
  }, list(), input, c(
    "Expected finite numbers in the single-cell data, found 1 that are NaN",
    "or infinite. Replace them, or drop the cells or genes that have them."
  )),
  row("NA in integers", function(p) {
    storage.mode(p$st) <- "integer"
    p$st[1, 1] <- NA
    p
  }, list(), input, c(
    "Expected finite numbers in the spatial data, found 1 that are NaN or",
    "infinite. Replace them, or drop the spots or genes that have them."
  )),
  row("infinite", function(p) {
    p$st[1, 1] <- Inf
    p
  }, list(), input, c(
    "Expected finite numbers in the spatial data, found 1 that are NaN or",
    "infinite. Replace them, or drop the spots or genes that have them."
  )),
  row("negative, as scaled data", function(p) {
    p$sc <- t(scale(t(p$sc)))
    p$sc[1, 1] <- -3
    p
  }, list(), input, c(
    "Expected counts or log values, never negative, in the single-cell",
    "data, found values down to -3, as z-scores or scaled data have. Pass",
    "the counts or the log-normalised values instead."
  )),
  row("all-zero cells", function(p) {
    p$sc[, 2:3] <- 0
    p
  }, list(), "homespot_data_warning", c(
    "Dropped 2 cell(s) without any expression ('cell-2', 'cell-3')."
  )),
  row("one cell", function(p) {
    p$sc <- p$sc[, 1, drop = FALSE]
    p
  }, list(), input, c(
    "Expected at least 2 cells in the single-cell data, found 1. There is",
    "nothing to map."
  )),
  row("one spot", function(p) {
    p$st <- p$st[, 1, drop = FALSE]
    p$coords <- p$coords[1, , drop = FALSE]
    p
  }, list(), input, c(
    "Expected at least 2 spots in the spatial data, found 1. There is",
    "nothing to map."
  )),
  row("no genes", function(p) {
    p$sc <- p$sc[0, ]
    p
  }, list(), input, c(
    "Expected gene names as row names of the single-cell data, found",
    "none. Set rownames(); rows are genes, columns are cells or spots."
  )),
  row("text", function(p) {
    storage.mode(p$sc) <- "character"
    p
  }, list(), input, c(
    "Expected numbers in the single-cell data, found values of type",
    "character. Convert them to numbers."
  )),
  row("a data frame", function(p) {
    p$sc <- as.data.frame(p$sc)
    p
  }, list(), input, c(
    "Expected a matrix, a SummarizedExperiment or a Seurat object as",
    "single-cell data, found a data.frame of 30 x 12. Convert it first:",
    "as.matrix()."
  )),
  row("nothing as spatial data", function(p) {
    p$st <- NULL
    c(p, list(st = NULL))
  }, list(), input, c(
    "Expected a matrix, a SummarizedExperiment or a Seurat object as spatial",
    "data, found NULL. Give genes in rows, and cells or spots in columns."
  )),
  row("spots without a sample", function(p) {
    p$st <- SummarizedExperiment::SummarizedExperiment(
      list(counts = p$st),
      colData = S4Vectors::DataFrame(sample_id = c("a", NA, "", rep("b", 5)))
    )
    p
  }, list(), input, c(
    "Expected a `sample_id` of every spot, found 2 spot(s) without ('spot-2',",
    "'spot-3'). Set st$sample_id for them, or drop them."
  )),
  row("an assay that is not there", function(p) {
    p$sc <- SummarizedExperiment::SummarizedExperiment(
      list(counts = p$sc, logcounts = p$sc)
    )
    p
  }, list(sc.assay.type = "tpm"), input, c(
    "Expected an assay 'tpm' in sc, found the assays 'counts', 'logcounts'.",
    "Name one of these as sc.assay.type, or leave it out to use counts."
  )),
  row("an assay of a matrix", same, list(st.assay.type = "counts"), input, c(
    "Expected no `st.assay.type` for a matrix, found 'counts'. Leave it out,",
    "or give an object that has assays."
  )),
  row("an object without assays", function(p) {
    p$sc <- SummarizedExperiment::SummarizedExperiment()
    p
  }, list(), input, c(
    "Expected an assay in the single-cell data, found none. Add one, for",
    "example counts."
  )),
  row("coordinates of the wrong length", function(p) {
    p$coords <- p$coords[-1, ]
    p
  }, list(), input, c(
    "Expected coordinates for 8 spots, found 7 rows. Give one row for each",
    "spot, or rows with the names of the spots."
  )),
  row("missing coordinates", function(p) {
    p$coords[2, 1] <- NA
    p
  }, list(), input, c(
    "Expected finite coordinates of every spot, found 1 spot(s) with missing",
    "or infinite ones ('spot-2'). Drop these spots first, or map without",
    "coordinates."
  )),
  row("infinite coordinates", function(p) {
    p$coords[2:3, 1] <- Inf
    p
  }, list(), input, c(
    "Expected finite coordinates of every spot, found 2 spot(s) with missing",
    "or infinite ones ('spot-2', 'spot-3'). Drop these spots first, or map",
    "without coordinates."
  )),
  row("coordinates of other spots", function(p) {
    rownames(p$coords) <- paste0("x", seq_len(nrow(p$coords)))
    p
  }, list(), input, c(
    "Expected coordinates for every spot, found none for 8 of 8 ('spot-1',",
    "'spot-2', 'spot-3', ...; the rows of `coords` are 'x1', 'x2', 'x3', ...).",
    "Give every spot a row with its name."
  )),
  row("one coordinate", function(p) {
    p$coords <- p$coords[, 1, drop = FALSE]
    p
  }, list(), input, c(
    "Expected coordinates with a column x and a column y, found the columns",
    "'x'. Name the columns x and y, or keep two or three columns of numbers in",
    "the order x, y, z."
  )),
  row("an unknown method", same, list(method = "magic"), input, c(
    "Expected method to be one of <methods>, found 'magic'. Use one of",
    "these."
  )),
  row("a method that is no name", same, list(method = 1), input, c(
    "Expected `method` to be one string, found 1. Give one name."
  )),
  row("an unknown parameter", same, list(regularization = 1), input, c(
    "Expected parameters of method 'ssa' (n.genes, correlation,",
    "regularisation, marginals, relax.cells, relax.spots, tolerance,",
    "max.iter), found 'regularization'. Check the spelling."
  )),
  row("a parameter without a name", same, list("ssa", 3), input, c(
    "Expected parameters of method 'ssa' (n.genes, correlation,",
    "regularisation, marginals, relax.cells, relax.spots, tolerance,",
    "max.iter), found some without a name. Check the spelling."
  )),
  row("a parameter out of range", same, list(n.genes = 1), input, c(
    "Expected n.genes to be a whole number of at least 2, found 1. Choose",
    "such a number."
  )),
  row("no whole number", same, list(max.iter = 2.5), input, c(
    "Expected max.iter to be a whole number of at least 1, found 2.5.",
    "Choose such a number."
  )),
  row("regularisation of 0", same, list(regularisation = 0), input, c(
    "Expected regularisation to be a number from 1e-06 to 1e+06, found 0.0.",
    "Choose such a number."
  )),
  row("an unknown choice", same, list(correlation = "both"), input, c(
    "Expected correlation to be one of 'signed', 'absolute', found 'both'.",
    "Use one of these."
  )),
  row("an unknown preset", same, list(preset = "best"), input, c(
    "Expected preset of method 'ssa' to be one of 'paper', 'genes', found",
    "'best'. Correct or drop it."
  )),
  row("two presets", same, list(preset = c("paper", "genes")), input, c(
    "Expected `preset` to be one string, found 2 values (character). Give one",
    "name."
  )),
  row("a missing parameter", same, list(n.genes = NA), input, c(
    "Expected n.genes to be one value, found NA. Choose one."
  )),
  row("k.best of NA", same, list(k.best = NA), input, c(
    "Expected k.best to be a whole number of at least 1, found NA. Choose",
    "such a number."
  )),
  row("two k.best", same, list(k.best = c(3, 4)), input, c(
    "Expected k.best to be a whole number of at least 1, found 2 values",
    "(numeric). Choose such a number."
  )),
  row("a seed of NA", same, list(seed = NA), input, c(
    "Expected seed to be a whole number of at least 0, found NA. Choose such",
    "a number."
  )),
  row("a seed that is TRUE", same, list(seed = TRUE), input, c(
    "Expected seed to be a whole number of at least 0, found TRUE. Choose",
    "such a number."
  )),
  row("a missing device", same, list(device = NA), input, c(
    "Expected `device` to be one string, found NA. Give one name."
  )),
  row("a scale that is none", same, list(sc.scale = "raw"), input, c(
    "Expected sc.scale to be one of 'auto', 'counts', 'log', found 'raw'.",
    "Use one of these."
  )),
  row("a type that is none", same, list(dtype = "float16"), input, c(
    "Expected dtype to be one of 'float32', 'float64', found 'float16'. Use",
    "one of these."
  )),
  row("k.best of 0", same, list(k.best = 0), input, c(
    "Expected k.best to be a whole number of at least 1, found 0. Choose",
    "such a number."
  )),
  row("a seed below 0", same, list(seed = -1), input, c(
    "Expected seed to be a whole number of at least 0, found -1. Choose such",
    "a number."
  )),
  row("a device that is none", same, list(device = "gpu"), input, c(
    "Expected device 'auto', 'cpu', 'cuda' or 'cuda:<index>', found",
    "'gpu'. Use one of these."
  )),
  row("an absent device", same, list(device = "cuda:99"), absent, c(
    "Expected device 'cuda:99', found <n> CUDA device(s) that torch",
    "<version> can use. Use device = \"cpu\", or install a CUDA build of",
    "torch and the NVIDIA driver."
  )),
  row("progress that is none", same, list(progress = "yes"), input, c(
    "Expected `progress` to be TRUE, FALSE, NULL, 'log' or a function, found",
    "'yes'. Use one of these."
  )),
  row("labels that are not there", typed("a"), come(labels = "x"), input, c(
    "Expected a column 'x' in colData(sc), found 'type'. Name one that is",
    "there as labels."
  )),
  row("labels of spots that are not there", typed("a", "st"), come(
    st.labels = "x"
  ), input, c(
    "Expected a column 'x' in colData(st), found 'type'. Name one that is",
    "there as st.labels."
  )),
  row("labels of an object without columns", function(p) {
    p$sc <- SummarizedExperiment::SummarizedExperiment(list(counts = p$sc))
    p
  }, come(labels = "x"), input, c(
    "Expected a column 'x' in colData(sc), found no columns. Name one that is",
    "there as labels."
  )),
  row("labels of a matrix", same, come(st.labels = "x"), input, c(
    "Expected a column 'x' in colData(st), found a matrix of 30 x 8, which",
    "has no colData. Put it into a SingleCellExperiment with that column, or",
    "leave st.labels out."
  )),
  row("labels that are no name", typed("a"), come(labels = 1), input, c(
    "Expected labels to be a name, found 1.0. Name one, or leave it out."
  )),
  row("two columns of labels", same, come(labels = c("a", "b")), input, c(
    "Expected labels of the data's 12 cells, found 2 value(s). Pass one a cell",
    "in the data's order, a vector with their names, or a column's name."
  )),
  row("labels of other cells", same, come(
    labels = stats::setNames(rep(c("a", "b"), 6), letters[1:12])
  ), input, c(
    "Expected labels of the data's cells, by name, found 12 cell(s) without",
    "('cell-1', 'cell-2', 'cell-3', ...); the labels have names like 'a', 'b',",
    "'c', .... Pass the labels of the data that was mapped."
  )),
  row("labels that are no values", same, come(
    labels = list(1:3, "b")
  ), input, c(
    "Expected labels as the name of a column, a vector, a factor or a list by",
    "name, found an object of class list. Pass one of these."
  )),
  row("labels that are no plain values", typed(I(as.list(1:12))), come(
    labels = "type"
  ), input, c(
    "Expected plain values in column 'type' of colData(sc), found an object",
    "of class AsIs. Make it a factor or text first."
  )),
  row("cells of one type", typed(factor("a")), come(labels = "type"), input, c(
    "Expected cells of two types or more, found only 'a'. Leave the labels",
    "out."
  )),
  row("spots of one type", typed("a", "st"), come(st.labels = "type"), input, c(
    "Expected spots of two types or more, found only 'a'. Leave the labels",
    "out."
  )),
  row("missing labels", typed(
    factor(c("a", NA, NA, rep("b", 9)))
  ), come(labels = "type"), input, c(
    "Expected a label of every cell, found 2 cell(s) without ('cell-2',",
    "'cell-3'). Label them, or drop these cells."
  )),
  row("missing labels that are numbers", typed(
    c(1L, NA, rep(2L, 10))
  ), come(labels = "type"), input, c(
    "Expected a label of every cell, found 1 cell(s) without ('cell-2').",
    "Label them, or drop these cells."
  )),
  row("as many types as cells", typed(letters[1:12]), come(
    labels = "type"
  ), input, c(
    "Expected fewer types than cells, found 12 types of 12 cells. Name the",
    "column with the types, or leave the labels out."
  )),
  row("labels without a use", typed("a"), list(labels = "type"), input, c(
    "Expected parameters of method 'ssa' (n.genes, correlation,",
    "regularisation, marginals, relax.cells, relax.spots, tolerance,",
    "max.iter), found 'labels'. Check the spelling."
  )),
  row("no epochs", same, come(epochs = 0), input, c(
    "Expected epochs to be a whole number of at least 1, found 0. Choose such",
    "a number."
  )),
  row("a checkpoint of other data", function(p) {
    other <- smallProblem(seed = 2L)
    do.call(mapCells, c(
      list(other$sc, other$st), come(checkpoint = checkpoint)
    ))
    p
  }, come(checkpoint = checkpoint), input, c(
    "Expected a checkpoint of the same data, settings and seed, found one of",
    sprintf("another run in '%s'. Name another file, or remove", checkpoint),
    "this one to start anew."
  )),
  row("a checkpoint that is none", function(p) {
    writeLines("none", checkpoint)
    p
  }, come(checkpoint = checkpoint), input, c(
    sprintf("Expected a checkpoint, found '%s', which is none.", checkpoint),
    "Name another file."
  )),
  row("a checkpoint in no folder", same, come(
    checkpoint = "/no_where/at_all/come.pt"
  ), input, c(
    "Expected checkpoint in a folder that exists, found",
    "'/no_where/at_all/come.pt'. Make the folder first."
  ))
)

runCase <- function(case, convert = identity) {
  problem <- case$spoil(smallProblem())
  mapped <- function() {
    do.call(mapCells, c(
      list(convert(problem$sc), convert(problem$st), coords = problem$coords),
      case$arguments
    ))
  }
  text <- messageOf(mapped(), case$class)
  # What differs between machines and grows with every method.
  text <- sub("found \\d+ CUDA", "found <n> CUDA", text)
  text <- sub("torch \\S+ can", "torch <version> can", text)
  known <- sort(names(methodParameters()))
  sub(.some(known, length(known)), "<methods>", text, fixed = TRUE)
}

for (case in cases) {
  test_that(paste("bad input:", case$what), {
    text <- runCase(case)
    expect_type(text, "character")
    expect_identical(text, case$text)
    # No word of Python's where R has its own.
    expect_no_match(text, "Traceback|py_last_error|None\\b|\\bTrue\\b|_layer")
  })
}

sparse <- c(
  "duplicated genes", "NaN", "infinite", "no shared genes", "one cell",
  "missing gene names"
)

for (case in Filter(function(case) case$what %in% sparse, cases)) {
  test_that(paste("bad input, the same from sparse data:", case$what), {
    expect_identical(
      runCase(case, function(x) as(x, "CsparseMatrix")), case$text
    )
  })
}

test_that("errors have classes, and show no trace of Python", {
  error <- tryCatch(
    mapCells(smallProblem()$sc, smallProblem()$st, n.genes = 1),
    error = identity
  )
  expect_s3_class(error, c("homespot_input_error", "homespot_error"))
  expect_s3_class(error, "rlang_error")
  expect_null(error$call)
})

test_that("names and paths of the user's stay as they are", {
  for (path in c("/tmp/my_dir/no_such.h5ad", "/None/it's k_best/True.h5ad")) {
    shown <- if (grepl("'", path)) dQuote(path, FALSE) else sQuote(path, FALSE)
    expect_identical(messageOf(loadMapping(path)), sprintf(
      "Expected an .h5ad file, found no file at %s. Check the path.", shown
    ))
  }
  problem <- smallProblem()
  colnames(problem$sc)[1] <- "x-cell_a_b-1"
  problem$sc[, 1] <- 0
  expect_identical(
    messageOf(mapCells(problem$sc, problem$st), "homespot_data_warning"),
    "Dropped 1 cell(s) without any expression ('x-cell_a_b-1')."
  )
})

test_that("a map that R's doubles make too large is refused before the work", {
  skip_if_not(file.exists("/proc/meminfo"), "no /proc")
  names <- sprintf("n%d", seq_len(4e5))
  huge <- Matrix::sparseMatrix(
    i = rep_len(1:2, 4e5), j = seq_len(4e5), x = 1, dims = c(2L, 4e5L),
    dimnames = list(c("g1", "g2"), names)
  )
  text <- messageOf(mapCells(huge, huge), "homespot_too_large_error")
  expect_match(text, paste(
    "TiB of memory for a map of 400,000 cells x 400,000 spots in Python",
    "and, as doubles, in R, found .* free. Use k.best, which keeps"
  ))
})

test_that("both data sets are asked for", {
  expect_identical(messageOf(mapCells(smallProblem()$sc)), paste(
    "Expected spatial data as `st`, found none. Call mapCells(sc, st)."
  ))
  expect_identical(messageOf(mapCells()), paste(
    "Expected single-cell data as `sc`, found none. Call mapCells(sc, st)."
  ))
})
