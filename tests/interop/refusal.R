# A fresh R process whose Python is not right: prints the error's class and
# message, or what worked.

suppressPackageStartupMessages(library(homespot))
counts <- matrix(
  as.double(1:12 %% 5), 4,
  dimnames = list(paste0("gene", 1:4), paste0("c", 1:3))
)
tryCatch(
  {
    mapCells(counts, counts)
    cat("mapped\n", homespotPython()$python, "\n", sep = "")
  },
  homespot_error = function(e) {
    cat(class(e), conditionMessage(e), sep = "\n")
  }
)
