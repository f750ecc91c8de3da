# Trainings that would not end by themselves, on part of the demo data; whoever
# starts this process interrupts them. Arguments: how progress is told, for
# each.

suppressPackageStartupMessages(library(homespot))

# R code between Python's steps, for an interruption that arrives in it.
busy <- function(done, total, note) {
  line <- sprintf("{\"done\": %d, \"total\": %d}\n", done, total)
  cat(line, file = stderr())
  start <- Sys.time()
  while (Sys.time() - start < 2) {}
}
demo <- demoData()
demo$sc <- demo$sc[, seq_len(800)]
ways <- commandArgs(trailingOnly = TRUE)
for (i in seq_along(ways)) {
  warned <- character()
  map <- withCallingHandlers(
    mapCells(demo$sc, demo$st,
      method = "come", labels = "cell_type", n.genes = 100, hidden = 32,
      latent = 16, pretrain.epochs = 2, epochs = 100000 + i,
      progress = switch(ways[i], "function" = busy, log = "log", bar = NULL)
    ),
    homespot_convergence_warning = function(w) {
      warned <<- c(warned, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  )
  solver <- mappingInfo(map)$solver
  cat("finished:", solver$finished, "\n")
  cat("epochs:", solver$epochs, "\n")
  cat("valid:", validObject(map), dim(map), "\n")
  cat("warned:", warned, "\n")
  method <- grep("^method:", capture.output(show(map)), value = TRUE)
  cat(method, "\n")

  # And this process still computes.
  again <- mapCells(demo$sc, demo$st, method = "correlation")
  cat("again:", validObject(again), "\n")
}
