# A map that is saved or loaded again and again, until whoever starts this
# process ends it. Arguments: the folder of its file, save or load, and how many
# times. It tells when it begins, and what came of it: the interruption, or
# nothing of it, and the files that are then there.

suppressPackageStartupMessages(library(homespot))

given <- commandArgs(trailingOnly = TRUE)
path <- file.path(given[1L], "map.h5ad")
p <- matrix(withr::with_seed(1, runif(1200 * 800)), 1200,
  dimnames = list(paste0("c", 1:1200), paste0("s", 1:800))
)
p <- p / rowSums(p)
map <- CellMapping(p, coords = cbind(x = 1:800, y = 0))

say <- function(...) cat(..., "\n", sep = "", file = stderr())
once <- function() {
  invisible(
    if (given[2L] == "save") saveMapping(map, path) else loadMapping(path)
  )
}
# The first time takes longer.
saveMapping(map, path)
once()
stored <- mappingMatrix(loadMapping(path))
say("seconds ", system.time(once())[["elapsed"]])
for (i in seq_len(as.integer(given[3L]))) {
  where <- "within"
  outcome <- tryCatch(
    {
      say("begun")
      once()
      where <- "after"
      Sys.sleep(10)
      "lost"
    },
    interrupt = function(e) where
  )
  same <- identical(mappingMatrix(loadMapping(path)), stored)
  files <- list.files(given[1L], all.files = TRUE, no.. = TRUE)
  say("outcome ", paste(c(outcome, same, files), collapse = " "))
}
