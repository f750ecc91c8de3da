# Cross-validation, tuning, scores, simulated spots and calibration as R
# computes them, in one fresh process: tables for Python to compare.

source(Sys.getenv("HOMESPOT_EXCHANGE"))
folder <- Sys.getenv("HOMESPOT_PROBLEM")
out <- Sys.getenv("HOMESPOT_OUT")
# As the workers below, of which two share two.
Sys.setenv(OMP_NUM_THREADS = "1")

results <- list()
keep <- function(name, x) {
  results[[name]] <<- lapply(as.list(x), encode)
}

problem <- readProblem(folder)
sc <- problem$sc
st <- problem$st
several <- list(
  ssa = "ssa", soft = list("ssa", preset = "genes", regularisation = 0.2),
  correlation = "correlation"
)

# --- cross-validation

scores <- crossValidateGenes(sc, st, several, folds = 3, seed = 2)
keep("several", scores)
keep("sum", crossValidateGenes(
  sc, st,
  regularisation = 0.1, folds = 3, read.out = "sum", st.scale = "log"
))
keep("loo", crossValidateGenes(sc[1:24, ], st, "correlation", folds = "loo"))
fold <- factor(c("b", "a", "b"), c("b", "a"))
names(fold) <- c("NA", "gene03", "beta'COP")
keep("given", crossValidateGenes(sc, st, folds = fold))

# Sections by themselves, as a column or as a list; genes by another name.
keep("apart", crossValidateGenes(sc, st, folds = 2, sections = "lamina"))
keep("apart by values", crossValidateGenes(
  sc, st, folds = 2, sections = stats::setNames(
    as.character(SummarizedExperiment::colData(st)$lamina), colnames(st)
  )
))
parts <- lapply(stats::setNames(nm = unique(st$lamina)), function(name) {
  st[, st$lamina == name]
})
keep("listed", suppressWarnings(
  crossValidateGenes(sc, parts, folds = 2, joint = FALSE),
  classes = "homespot_data_warning"
))
named <- sc
SummarizedExperiment::rowData(named)$symbol <- rownames(named)
rownames(named) <- sprintf("ENSG%011d", seq_len(nrow(named)) - 1L)
keep("symbols", crossValidateGenes(
  named, st, folds = 2, sc.gene.column = "symbol"
))
keep("tuned apart", tuneMapping(
  sc, st, "ssa", list(regularisation = 0.1),
  folds = 2, outer.folds = 2, sections = "lamina"
)$outer)

# What Python began goes on here, and what is begun here goes on there.
keep("continued", crossValidateGenes(
  sc, st, several,
  folds = 3, seed = 2, output = file.path(folder, "begun.csv")
))
written <- crossValidateGenes(
  sc, st, several,
  folds = 3, seed = 2, output = file.path(out, "written.csv")
)

# In fresh processes, with a function of this session.
uniform <- function(sc, st) {
  stopifnot(Sys.getenv("OMP_NUM_THREADS") == "1")
  matrix(1 / ncol(st), ncol(sc), ncol(st))
}
keep("parallel", crossValidateGenes(
  sc, st, list(ssa = "ssa", uniform = uniform),
  folds = 3, seed = 2, BPPARAM = BiocParallel::SnowParam(2L)
))

# --- tuning

tuned <- tuneMapping(
  sc, st, "ssa",
  list(regularisation = c(0.05, 0.2), read.out = c("mean", "sum")),
  folds = 2, outer.folds = 2, n.genes = 45
)
keep("tried", tuned$tried)
keep("outer", tuned$outer)
keep("settings", c(tuned$settings, read_out = tuned$read.out))

# --- scores

counts <- SummarizedExperiment::assay(st)
log <- log1p(counts)
keep("genes", scoreGenes(log, log1p(2 * counts[rev(rownames(counts)), ])))
turned <- as.matrix(log[, rev(seq_len(ncol(log)))])
keep("dense", scoreGenes(as.matrix(log), turned))
parts <- as.matrix(counts[1:5, ]) + 1
parts <- t(t(parts) / colSums(parts))
other <- parts[, c(2:ncol(parts), 1L)]
colnames(other) <- colnames(parts)
keep("spots", scoreProportions(parts, other[5:1, ]))
keep("types", scoreProportions(parts, other, by = "type"))
keep("accuracy", accuracyScore(scores))

places <- SpatialExperiment::spatialCoords(st)
rownames(places) <- colnames(st)
moved <- places[c(2:nrow(places), 1L), ]
rownames(moved) <- rownames(places)
back <- rev(seq_len(nrow(moved)))
keep("distances", placeDistances(places, moved[back, ]))
kinds <- rep(c("b", "a"), length.out = nrow(places))
keep("kde", kdeDivergence(places[, 1:2], moved[back, 1:2], kinds))

# --- known truth

data <- simulateSpots(st, cells.per.spot = 3, n.parts = 3L, part = 1L, seed = 4)
keep("sc", SummarizedExperiment::colData(data$sc))
keep("st", SummarizedExperiment::colData(data$st))
keep("values", list(
  cells = colnames(data$sc), spots = colnames(data$st),
  genes = rownames(data$st),
  sc = as.matrix(SummarizedExperiment::assay(data$sc)),
  st = as.matrix(SummarizedExperiment::assay(data$st)),
  coordinates = SpatialExperiment::spatialCoords(data$st),
  pitch = S4Vectors::metadata(data$st)$homespot$pitch
))
shifted <- simulateSpots(
  st, cells.per.spot = 3, n.parts = 3L, part = 1L, platform = "laplace",
  platform.sd = 0.4, depth = 0.5, dropout = 0.1, seed = 4
)$sc
keep("shifted", list(
  sc = as.matrix(SummarizedExperiment::assay(shifted)),
  factor = SummarizedExperiment::rowData(shifted)$true_factor
))
map <- mapCells(data$sc, data$st)
keep("calibration", calibrateMapping(map, places[, 1:2], c(0.5, 0.9)))
keep("confident", calibrateMapping(
  placeCells(map, data$sc, level = 0.5), places[, 1:2],
  level = 0.5, confident = TRUE
))

writeJson(results, file.path(out, "evaluate.json"))
