# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-bad-input.R",
# package = "homespot")'.
#
# One row a case: what is wrong, how the problem is spoilt, the arguments that
# go beside it, the class of the condition, and the words of its message.

skipWithoutPython()

input <- "homespot_input_error"
absent <- "homespot_device_error"

row <- function(what, spoil, arguments, class, words) {
  list(
    what = what, spoil = spoil, arguments = arguments, class = class,
    words = paste(words, collapse = " ")
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
    "unique single-cell | 1 (\"beta'COP\") | make.unique(rownames(sc))"
  )),
  row("duplicated cells", function(p) {
    colnames(p$sc)[2] <- "cell-1"
    p
  }, list(), input, c(
    "unique single-cell | 1 ('cell-1') | make.unique(colnames(sc))"
  )),
  row("duplicated spots", function(p) {
    colnames(p$st)[2] <- "spot-1"
    p
  }, list(), input, c(
    "unique spatial | 1 ('spot-1') | make.unique(colnames(st))"
  )),
  row("no gene names", function(p) {
    rownames(p$sc) <- NULL
    p
  }, list(), input, c(
    "names | none | rownames()"
  )),
  row("missing gene names", function(p) {
    rownames(p$st)[3] <- NA
    p
  }, list(), input, c(
    "names | missing ones | rownames()"
  )),
  row("missing cell names", function(p) {
    colnames(p$sc)[3] <- NA
    p
  }, list(), input, c(
    "names cells | 1 | colnames()"
  )),
  row("no shared genes", function(p) {
    rownames(p$st) <- paste0("other", seq_len(nrow(p$st)))
    p
  }, list(), input, c(
    "2 | 0 beta'COP 'nan' 'E(spl)m5-HLH' | Check names"
  )),
  row("symbols against Ensembl ids", function(p) {
    rownames(p$st) <- sprintf("ENSG%011d", seq_len(nrow(p$st)))
    p
  }, list(), input, c(
    "2 | 0 beta'COP 'nan' 'E(spl)m5-HLH' | spatial translate"
  )),
  row("cells transposed", function(p) {
    p$sc <- t(p$sc)
    p
  }, list(), input, c(
    "2 | 0 'cell-1' 'cell-2' 'cell-3' | columns single-cell"
  )),
  row("spots transposed", function(p) {
    p$st <- t(p$st)
    p["coords"] <- list(NULL)
    p
  }, list(), input, c(
    "2 | 0 beta'COP 'nan' 'E(spl)m5-HLH' | columns spatial"
  )),
  row("NaN", function(p) {
    p$sc[1, 1] <- NaN
    p
  }, list(), input, c(
    "numbers single-cell | 1 NaN | Replace cells"
  )),
  row("NA in logical values", function(p) {
    p$sc <- p$sc > 1
    p$sc[1, 1] <- NA
    p
  }, list(), input, c(
    "numbers single-cell | 1 NaN | Replace cells"
  )),
  row("NA in integers", function(p) {
    storage.mode(p$st) <- "integer"
    p$st[1, 1] <- NA
    p
  }, list(), input, c(
    "numbers spatial | 1 NaN | Replace spots"
  )),
  row("infinite", function(p) {
    p$st[1, 1] <- Inf
    p
  }, list(), input, c(
    "numbers spatial | 1 NaN | Replace spots"
  )),
  row("negative, as scaled data", function(p) {
    p$sc <- t(scale(t(p$sc)))
    p$sc[1, 1] <- -3
    p
  }, list(), input, c(
    "negative single-cell | -3 | log-normalised instead"
  )),
  row("one cell", function(p) {
    p$sc <- p$sc[, 1, drop = FALSE]
    p
  }, list(), input, c(
    "2 | 1 | data more"
  )),
  row("one spot", function(p) {
    p$st <- p$st[, 1, drop = FALSE]
    p$coords <- p$coords[1, , drop = FALSE]
    p
  }, list(), input, c(
    "2 | 1 | data more"
  )),
  row("no genes", function(p) {
    p$sc <- p$sc[0, ]
    p
  }, list(), input, c(
    "names | none | rownames()"
  )),
  row("text", function(p) {
    storage.mode(p$sc) <- "character"
    p
  }, list(), input, c(
    "numbers single-cell | values character | Convert numbers"
  )),
  row("a data frame", function(p) {
    p$sc <- as.data.frame(p$sc)
    p
  }, list(), input, c(
    "SummarizedExperiment | data.frame 30 12 | as.matrix()"
  )),
  row("nothing as spatial data", function(p) {
    p$st <- NULL
    c(p, list(st = NULL))
  }, list(), input, c(
    "SummarizedExperiment | NULL | genes columns"
  )),
  row("spots without a sample", function(p) {
    p$st <- SummarizedExperiment::SummarizedExperiment(
      list(counts = p$st),
      colData = S4Vectors::DataFrame(sample_id = c("a", NA, "", rep("b", 5)))
    )
    p
  }, list(), input, c(
    "`sample_id` | 2 spot-2 'spot-3' | st$sample_id"
  )),
  row("an assay that is not there", function(p) {
    p$sc <- SummarizedExperiment::SummarizedExperiment(
      list(counts = p$sc, logcounts = p$sc)
    )
    p
  }, list(sc.assay.type = "tpm"), input, c(
    "'tpm' | 'counts' 'logcounts' | sc.assay.type"
  )),
  row("an assay of a matrix", same, list(st.assay.type = "counts"), input, c(
    "`st.assay.type` | 'counts' | object assays"
  )),
  row("an object without assays", function(p) {
    p$sc <- SummarizedExperiment::SummarizedExperiment()
    p
  }, list(), input, c(
    "assay single-cell | none | example counts"
  )),
  row("coordinates of the wrong length", function(p) {
    p$coords <- p$coords[-1, ]
    p
  }, list(), input, c(
    "8 | 7 | names spots"
  )),
  row("missing coordinates", function(p) {
    p$coords[2, 1] <- NA
    p
  }, list(), input, c(
    "finite coordinates | 1 ('spot-2') | coordinates out"
  )),
  row("infinite coordinates", function(p) {
    p$coords[2:3, 1] <- Inf
    p
  }, list(), input, c(
    "finite coordinates | 2 spot-2 'spot-3' | coordinates out"
  )),
  row("coordinates of other spots", function(p) {
    rownames(p$coords) <- paste0("x", seq_len(nrow(p$coords)))
    p
  }, list(), input, c(
    "coordinates spot | 8 spot-1 'spot-2' 'spot-3' | spot row"
  )),
  row("one coordinate", function(p) {
    p$coords <- p$coords[, 1, drop = FALSE]
    p
  }, list(), input, c(
    "coordinates column | 'x' | columns"
  )),
  row("an unknown method", same, list(method = "magic"), input, c(
    "method | 'magic' | Use"
  )),
  row("a method that is no name", same, list(method = 1), input, c(
    "method | 1 | Give"
  )),
  row("an unknown parameter", same, list(regularization = 1), input, c(
    "'ssa' n.genes relax.cells relax.spots | 'regularization' | Check",
    "spelling"
  )),
  row("a parameter without a name", same, list("ssa", 3), input, c(
    "'ssa' n.genes relax.cells relax.spots | some without | Check spelling"
  )),
  row("a parameter out of range", same, list(n.genes = 1), input, c(
    "n.genes 2 | 1 | Choose number"
  )),
  row("no whole number", same, list(max.iter = 2.5), input, c(
    "max.iter 1 | 2.5 | Choose number"
  )),
  row("regularisation of 0", same, list(regularisation = 0), input, c(
    "backend pot regularisation 0 | NULL | above 0"
  )),
  row("an unknown choice", same, list(correlation = "both"), input, c(
    "correlation 'signed' 'absolute' | 'both' | Use"
  )),
  row("an unknown preset", same, list(preset = "best"), input, c(
    "'ssa' 'paper' 'genes' | 'best' | Correct drop"
  )),
  row("two presets", same, list(preset = c("paper", "genes")), input, c(
    "preset | 2 | Give"
  )),
  row("a missing parameter", same, list(n.genes = NA), input, c(
    "n.genes | NA | Choose"
  )),
  row("k.best of NA", same, list(k.best = NA), input, c(
    "k.best 1 | NA | Choose number"
  )),
  row("two k.best", same, list(k.best = c(3, 4)), input, c(
    "k.best 1 | 2 | Choose number"
  )),
  row("a seed of NA", same, list(seed = NA), input, c(
    "seed 0 | NA | Choose number"
  )),
  row("a seed that is TRUE", same, list(seed = TRUE), input, c(
    "seed 0 | TRUE | Choose number"
  )),
  row("a missing device", same, list(device = NA), input, c(
    "device | NA | Give"
  )),
  row("a scale that is none", same, list(sc.scale = "raw"), input, c(
    "sc.scale 'auto' 'counts' 'log' | 'raw' | Use"
  )),
  row("a type that is none", same, list(dtype = "float16"), input, c(
    "dtype 'float32' 'float64' | 'float16' | Use"
  )),
  row("k.best of 0", same, list(k.best = 0), input, c(
    "k.best 1 | 0 | Choose number"
  )),
  row("a seed below 0", same, list(seed = -1), input, c(
    "seed 0 | -1 | Choose number"
  )),
  row("a device that is none", same, list(device = "gpu"), input, c(
    "'auto' 'cpu' 'cuda' 'cuda:<index>' | 'gpu' | Use"
  )),
  row("an absent device", same, list(device = "cuda:99"), absent, c(
    "'cuda:99' | CUDA | CUDA NVIDIA"
  )),
  row("progress that is none", same, list(progress = "yes"), input, c(
    "progress TRUE FALSE NULL | 'yes' | Use"
  )),
  row("labels that are not there", typed("a"), come(labels = "x"), input, c(
    "'x' colData(sc) | 'type' | labels"
  )),
  row("labels of spots that are not there", typed("a", "st"), come(
    st.labels = "x"
  ), input, c(
    "'x' colData(st) | 'type' | st.labels"
  )),
  row("labels of an object without columns", function(p) {
    p$sc <- SummarizedExperiment::SummarizedExperiment(list(counts = p$sc))
    p
  }, come(labels = "x"), input, c(
    "'x' colData(sc) | columns | labels"
  )),
  row("labels of a matrix", same, come(st.labels = "x"), input, c(
    "'x' colData(st) | 30 8 colData | SingleCellExperiment st.labels"
  )),
  row("labels that are no name", typed("a"), come(labels = 1), input, c(
    "labels | 1.0 | Name"
  )),
  row("two columns of labels", same, come(labels = c("a", "b")), input, c(
    "12 | 2 | order vector"
  )),
  row("labels of other cells", same, come(
    labels = stats::setNames(rep(c("a", "b"), 6), letters[1:12])
  ), input, c(
    "labels cells | 12 cell-1 'cell-2' 'cell-3' | labels mapped"
  )),
  row("labels that are no values", same, come(
    labels = list(1:3, "b")
  ), input, c(
    "labels column | object class | Pass"
  )),
  row("labels that are no plain values", typed(I(as.list(1:12))), come(
    labels = "type"
  ), input, c(
    "'type' colData(sc) | AsIs | factor text"
  )),
  row("cells of one type", typed(factor("a")), come(labels = "type"), input, c(
    "cells types | 'a' | labels"
  )),
  row("spots of one type", typed("a", "st"), come(st.labels = "type"), input, c(
    "spots types | 'a' | labels"
  )),
  row("missing labels", typed(
    factor(c("a", NA, NA, rep("b", 9)))
  ), come(labels = "type"), input, c(
    "label cell | 2 cell-2 'cell-3' | Label cells"
  )),
  row("missing labels that are numbers", typed(
    c(1L, NA, rep(2L, 10))
  ), come(labels = "type"), input, c(
    "label cell | 1 ('cell-2') | Label cells"
  )),
  row("as many types as cells", typed(letters[1:12]), come(
    labels = "type"
  ), input, c(
    "fewer types | 12 | column labels"
  )),
  row("labels without a use", typed("a"), list(labels = "type"), input, c(
    "'ssa' n.genes relax.cells relax.spots | 'labels' | Check spelling"
  )),
  row("no epochs", same, come(epochs = 0), input, c(
    "epochs 1 | 0 | Choose number"
  )),
  row("a checkpoint of other data", function(p) {
    other <- smallProblem(seed = 2L)
    do.call(mapCells, c(
      list(other$sc, other$st), come(checkpoint = checkpoint)
    ))
    p
  }, come(checkpoint = checkpoint), input, c(
    "checkpoint same settings | another run | remove anew"
  )),
  row("a checkpoint that is none", function(p) {
    writeLines("none", checkpoint)
    p
  }, come(checkpoint = checkpoint), input, c(
    "checkpoint | damaged | another file"
  )),
  row("a checkpoint in no folder", same, come(
    checkpoint = "/no_where/at_all/come.pt"
  ), input, c(
    "checkpoint folder | '/no_where/at_all/come.pt' | folder"
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
  expectRefused(mapped(), case$words, class = case$class, plain = plain)
}

# Without what differs between machines and grows with every method.
plain <- function(text) {
  text <- sub("found \\d+ CUDA", "found <n> CUDA", text)
  text <- sub("torch \\S+ can", "torch <version> can", text)
  text <- sub(checkpoint, "<checkpoint>", text, fixed = TRUE)
  known <- sort(names(methodParameters()))
  sub(.some(known, length(known)), "<methods>", text, fixed = TRUE)
}

for (case in cases) {
  test_that(paste("bad input:", case$what), {
    text <- runCase(case)
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
    runCase(case, function(x) as(x, "CsparseMatrix"))
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
    expectRefused(loadMapping(path), ".h5ad |", shown, "| Check path")
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
  text <- messageOf(
    mapCells(huge, huge, storage = "stored"), "homespot_too_large_error"
  )
  expect_match(text, paste(
    "TiB of memory for a map of 400,000 cells x 400,000 spots in Python",
    "and, as doubles, in R, found .* free. Map at most [0-9,]+ cells at a",
    "time, or use k.best = "
  ))
})

test_that("cells without expression are dropped, with a warning", {
  problem <- smallProblem()
  problem$sc[, 2:3] <- 0
  expect_identical(
    messageOf(mapCells(problem$sc, problem$st), "homespot_data_warning"),
    "Dropped 2 cell(s) without any expression ('cell-2', 'cell-3')."
  )
})

test_that("both data sets are asked for", {
  expectRefused(mapCells(smallProblem()$sc), "`st` | none | mapCells")
  expectRefused(mapCells(), "`sc` | none | mapCells")
})
