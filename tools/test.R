# Rscript tools/test.R [FILTER]: tests/testthat, or the files whose names match,
# with the package that is installed;
# then what took longest. Warnings fail, as errors do.
suppressPackageStartupMessages(library(homespot))
# One after the other: several processes would not tell how long a test takes.
Sys.setenv(TESTTHAT_PARALLEL = "false")
filter <- commandArgs(trailingOnly = TRUE)
found <- testthat::test_dir(
  "tests/testthat",
  filter = if (length(filter)) filter[1L], package = "homespot",
  load_package = "installed", reporter = "summary", stop_on_failure = FALSE
)
table <- as.data.frame(found)
slowest <- utils::head(table[order(-table$real), ], 15L)
cat("\n== slowest 15 tests\n", sprintf(
  "%6.2fs %s: %s\n", slowest$real, slowest$file, slowest$test
), sprintf("%6.2fs in all\n", sum(table$real)), sep = "")
quit(status = any(table$failed > 0L | table$error | table$warning > 0L))
