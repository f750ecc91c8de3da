# A method of another Python package, through all verbs of R that take one:
# Rscript nearest.R exchange.R PROBLEM OUT
arguments <- commandArgs(TRUE)
source(arguments[[1L]])
problem <- readProblem(arguments[[2L]])
out <- arguments[[3L]]

map <- mapCells(problem$sc, problem$st, method = "nearest", sharpness = 2)
writeMap(map, file.path(out, "map"))
saveMapping(map, file.path(out, "map.h5ad"))
scores <- crossValidateGenes(
  problem$sc, problem$st, c("nearest", "correlation"),
  folds = 2
)
tuned <- tuneMapping(
  problem$sc, problem$st, "nearest",
  folds = 2, outer.folds = 2
)
mappingReport(map, file.path(out, "report.html"))
curves <- if (requireNamespace("ggplot2", quietly = TRUE)) plotLosses(map)$data
refused <- tryCatch(
  mapCells(problem$sc, problem$st, method = "nearest", sharpness = 0),
  homespot_input_error = conditionMessage
)
writeJson(list(
  names = I(names(methodParameters())),
  parameters = methodParameters("nearest"),
  shown = I(grep("^method:", utils::capture.output(show(map)), value = TRUE)),
  info = mappingInfo(map)$solver$sentence,
  scored = I(sort(unique(as.character(scores$method)))),
  tried = I(sort(unique(tuned$tried$sharpness))),
  terms = I(unique(as.character(curves$term))),
  refused = refused
), file.path(out, "nearest.json"))
