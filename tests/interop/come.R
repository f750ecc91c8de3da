# COME as R runs it: every case of Python's, from the same files. Run by a
# fresh R and by one that Python hosts, so the folders come by environment
# variables.

source(Sys.getenv("HOMESPOT_EXCHANGE"))
folder <- Sys.getenv("HOMESPOT_PROBLEM")
out <- Sys.getenv("HOMESPOT_OUT")

withLabels <- function(x, side) {
  labels <- read.csv(
    file.path(folder, sprintf("%s_labels.csv", side)),
    stringsAsFactors = FALSE
  )
  for (name in names(labels)) {
    SummarizedExperiment::colData(x)[[name]] <- labels[[name]]
  }
  x
}

problem <- readProblem(folder)
sc <- withLabels(problem$sc, "sc")
st <- withLabels(problem$st, "st")
cases <- jsonlite::fromJSON(
  file.path(folder, "come.json"),
  simplifyVector = FALSE
)
valuesOf <- function(x, column) {
  stats::setNames(SummarizedExperiment::colData(x)[[column]], colnames(x))
}
for (name in names(cases)) {
  arguments <- cases[[name]]
  if (name %in% c("as values", "as a list")) {
    arguments$labels <- valuesOf(sc, arguments$labels)
    arguments$st_labels <- valuesOf(st, arguments$st_labels)
    arguments[c("labels", "st_labels")] <- if (name == "as values") {
      list(unname(arguments$labels), factor(unname(arguments$st_labels)))
    } else {
      list(rev(arguments$labels), as.list(rev(arguments$st_labels)))
    }
  }
  if (!is.null(arguments$checkpoint)) {
    # A copy of its own: the file goes on with the run.
    own <- file.path(out, basename(arguments$checkpoint))
    file.copy(arguments$checkpoint, own)
    arguments$checkpoint <- own
  }
  map <- mapCase(sc, st, c(list(method = "come"), arguments))
  writeMap(map, file.path(out, name))
  saveMapping(map, file.path(out, paste0(name, ".h5ad")))
}
