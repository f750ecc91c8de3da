# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-wrong-kinds.R",
# package = "homespot")'.
#
# Every argument of every exported function gets values of kinds that it was
# not made for. It takes them, or it refuses them in homespot's own words. Each
# argument gets two kinds; HOMESPOT_SLOW_TESTS tries them all.

skipWithoutPython()

problem <- smallProblem()
map <- mapCells(problem$sc, problem$st, coords = problem$coords)
labelled <- rep(c("a", "b"), length.out = nrow(map))
placed <- placeCells(map, as = "SpatialExperiment", sce = local({
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = problem$sc)
  )
  sce$type <- rep(c("a", "b"), length.out = ncol(sce))
  sce
}))
spe <- SpatialExperiment::SpatialExperiment(
  list(counts = problem$st),
  spatialCoords = problem$coords
)
types <- deconvolveSpots(map, labelled)
truth <- problem$coords
rownames(truth) <- colnames(problem$st)
atSpots <- matrix(1:12 / 78, 3, dimnames = list(letters[1:3], LETTERS[1:4]))
scores <- data.frame(
  gene = c("a", "b"), fold = 1L, method = "ssa", pcc = 0.1, ssim = 0.2,
  rmse = 0.3, jsd = 0.4, seconds = 1
)
folder <- withr::local_tempdir()
saved <- file.path(folder, "saved.h5ad")
saveMapping(map, saved)

# What goes beside the argument that is wrong.
calls <- list(
  accuracyScore = list(scores = scores),
  addMapping = list(x = placed, map = map),
  annotateCells = list(map = map, labels = rep(c("a", "b"), 4L)),
  assignCells = list(map = map, capacity = 3L, candidates = 8L),
  calibrateMapping = list(
    map = map, truth = truth[rep(1:8, length.out = nrow(map)), ],
    levels = c(0.5, 0.9), level = 0.9, confident = NULL
  ),
  cellDistances = list(map = map, cells = NULL),
  CellMapping = list(
    mapping = atSpots, coords = NULL, cells = NULL, spots = NULL,
    left.over = NULL, info = list()
  ),
  cellModes = list(map = map, n.modes = 2L, min.share = 0.1, reach = 3, k = 5L),
  colocateTypes = list(map = map, labels = labelled),
  combineSections = list(map, weights = NULL, shared.frame = FALSE),
  crossValidateGenes = list(
    sc = problem$sc, st = problem$st, method = "correlation", folds = 2L,
    read.out = "mean", output = NULL, seed = 0L, sc.assay.type = NULL,
    st.assay.type = NULL, sc.scale = "auto", st.scale = "auto",
    sc.gene.column = NULL, st.gene.column = NULL, sections = NULL,
    joint = NULL, preset = NULL, device = "cpu", progress = FALSE,
    BPPARAM = NULL
  ),
  deconvolveSpots = list(
    map = map, labels = labelled, read.out = "sum", density = NULL,
    confident = NULL,
    sc = problem$sc, st = problem$st, level = 0.5, sc.assay.type = NULL,
    st.assay.type = NULL
  ),
  fitTypes = list(
    reference = problem$sc, st = problem$st, labels = labelled, level = 0.5,
    sc.assay.type = NULL, st.assay.type = NULL, sc.scale = "auto",
    st.scale = "auto", sc.gene.column = NULL, st.gene.column = NULL,
    coords = problem$coords
  ),
  hasPython = list(torch = FALSE),
  homeSpot = list(map = map),
  imputeGenes = list(
    map = map, sce = problem$sc, genes = "a.b", read.out = NULL,
    assay.type = NULL, scale = "auto", scores = NULL, level = NULL,
    output = NULL, block.size = 16L
  ),
  kdeDivergence = list(
    true = problem$coords, found = problem$coords, labels = rep("a", 8L)
  ),
  loadMapping = list(path = saved, backed = FALSE),
  mapCells = list(
    sc = problem$sc, st = problem$st, method = "ssa", preset = NULL,
    sc.assay.type = NULL, st.assay.type = NULL, sc.scale = "auto",
    st.scale = "auto", sc.gene.column = NULL, st.gene.column = NULL,
    coords = problem$coords, sections = NULL, joint = NULL,
    shared.frame = FALSE, k.best = NULL, dtype = "float32", seed = 0L,
    device = "cpu", progress = FALSE, regularisation = 0.05,
    marginals = "uniform", max.iter = 50L
  ),
  mappingInfo = list(map = map),
  mappingMatrix = list(map = map),
  mappingReport = list(
    map = map, output = file.path(folder, "map.html"), sc = NULL, st = NULL,
    labels = NULL, genes = NULL, scores = NULL, sc.assay.type = NULL,
    st.assay.type = NULL, sc.scale = "auto", st.scale = "auto", unit = NULL,
    title = NULL
  ),
  methodParameters = list(method = "ssa"),
  placeCells = list(
    map = map, sce = NULL, as = "coords", position = "sharpened", k = 5L,
    level = 0.9, max.radius = NULL, reduction = "spatial"
  ),
  placeDistances = list(true = problem$coords, found = problem$coords),
  plotCalibration = list(table = data.frame(stated = 0.5, observed = 0.4)),
  plotCells = list(
    tissue = placed, label = "type", jitter = TRUE, unit = NULL, size = NULL
  ),
  plotColocation = list(matrix = diag(2L), name = "r"),
  plotConfidence = list(tissue = placed, jitter = TRUE, unit = NULL, size = 1),
  plotGene = list(
    spe = spe, imputed = NULL, gene = "a.b", assay.type = NULL,
    imputed.type = NULL, scale = "auto", unit = NULL, size = 1
  ),
  plotAgreement = list(map = map),
  plotLosses = list(map = map),
  plotMapping = list(
    map = map, cell = "cell-1", label = NULL, labels = NULL, unit = NULL,
    size = 1
  ),
  plotMarginals = list(map = map),
  plotScores = list(table = scores, metric = "pcc", reference = NULL),
  plotSpots = list(
    x = spe, values = 1:8, name = "value", assay.type = NULL, unit = NULL,
    size = 1
  ),
  plotTypes = list(types = types, kind = "proportion", unit = NULL, size = 1),
  readAnnData = list(path = saved),
  renormalise = list(map = map),
  saveMapping = list(map = map, path = file.path(folder, "map.h5ad")),
  scoreGenes = list(
    true = problem$st, found = problem$st, true.assay.type = NULL,
    found.assay.type = NULL
  ),
  scoreProportions = list(
    true = types, found = types, by = "spots", true.assay.type = NULL,
    found.assay.type = NULL
  ),
  simulateSpots = list(
    spe = spe, cells.per.spot = 2, n.parts = 2L, part = 1L, leave.out = TRUE,
    assay.type = NULL, shared.frame = FALSE, seed = 0L
  ),
  tuneMapping = list(
    sc = problem$sc, st = problem$st, method = "correlation",
    grid = list(regularisation = c(0.05, 0.1)), folds = 2L, outer.folds = 2L,
    seed = 0L, sc.assay.type = NULL, st.assay.type = NULL, sc.scale = "auto",
    st.scale = "auto", sc.gene.column = NULL, st.gene.column = NULL,
    sections = NULL, joint = NULL, preset = NULL, device = "cpu",
    progress = FALSE
  ),
  typeDistances = list(map = map, labels = labelled),
  writeAnnData = list(
    x = spe, path = file.path(folder, "x.h5ad"), assay.type = NULL
  )
)

# Text that says UTF-8 and is not.
broken <- "caf\xe9"
Encoding(broken) <- "UTF-8"

kinds <- list(
  "NULL" = NULL, "list()" = list(), "NA" = NA, "character(0)" = character(),
  "a function" = mean, "a data.frame" = data.frame(a = 1:2),
  "complex" = 1i, "text" = "a", "-1" = -1, "Inf" = Inf, "2^31" = 2^31,
  "a factor" = factor("a"), "an environment" = new.env(),
  "text that is not UTF-8" = broken, "NaN" = NaN, "TRUE" = TRUE,
  "a date" = as.Date("2020-01-01"), "a formula" = y ~ x,
  "two texts" = c("a", "b"), "a list of functions" = list(mean)
)

# Calls an exported function. The call has names for its values: an error that
# looked at the values themselves would take a hundred times as long.
called <- function(name, given) {
  symbols <- paste0("given", seq_along(given))
  here <- list2env(
    stats::setNames(given, symbols),
    parent = asNamespace("homespot")
  )
  given[] <- lapply(symbols, as.name)
  do.call(name, given, envir = here)
}

# The error of another library, or NULL. Pictures are drawn.
foreign <- function(name, given) {
  withr::local_dir(withr::local_tempdir())
  withr::local_pdf(NULL)
  tryCatch(
    {
      value <- suppressMessages(suppressWarnings(called(name, given)))
      if (inherits(value, "ggplot")) {
        suppressMessages(suppressWarnings(ggplot2::ggplotGrob(value)))
      }
      NULL
    },
    homespot_error = function(e) NULL,
    error = conditionMessage
  )
}

slow <- nzchar(Sys.getenv("HOMESPOT_SLOW_TESTS"))

# The kinds that the nth argument is tried with.
someKinds <- function(n) {
  if (slow) {
    return(names(kinds))
  }
  names(kinds)[c(3L * n, 5L * n + 1L) %% length(kinds) + 1L]
}

faults <- function(name) {
  arguments <- which(nzchar(names(calls[[name]])))
  found <- character()
  for (at in arguments) {
    for (kind in someKinds(at + match(name, names(calls)))) {
      given <- calls[[name]]
      given[at] <- list(kinds[[kind]])
      error <- foreign(name, given)
      if (!is.null(error)) {
        found <- c(found, sprintf(
          "%s(%s = %s): %s", name, names(given)[at], kind, error
        ))
      }
    }
  }
  found
}

test_that("every exported function is tried", {
  exported <- getNamespaceExports("homespot")
  verbs <- Filter(function(name) {
    is.function(get(name, asNamespace("homespot")))
  }, exported)
  # Generics of other packages, functions without arguments, and an
  # installation.
  others <- c(
    "assays<-", "cbind", "rbind", "[", "demoData", "homespotPython",
    "homespotSetup"
  )
  expect_setequal(setdiff(verbs, others), setdiff(names(calls), others))
})

for (name in names(calls)) {
  test_that(paste("wrong kinds end in homespot's own errors:", name), {
    expect_identical(faults(name), character())
  })
}

test_that("text that is not UTF-8 is refused before it can end R", {
  expect_error(
    called("mapCells", c(calls$mapCells[c("sc", "st")], marginals = broken)),
    "text in UTF-8",
    class = "homespot_input_error"
  )
})
