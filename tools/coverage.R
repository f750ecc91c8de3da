# Rscript tools/coverage.R LEAST: runs every file of tests/testthat in a process of its own, with the package
# instrumented, and fails below LEAST percent of the lines of R.

least <- as.numeric(commandArgs(trailingOnly = TRUE))
alone <- '
for (file in list.files("%s", "^test-.*[.]R$", full.names = TRUE)) {
  code <- sprintf(
    "suppressPackageStartupMessages(library(homespot)); testthat::test_file(\\"%%s\\", package = \\"homespot\\", %s)",
    file
  )
  log <- system2("Rscript", c("-e", shQuote(code)), stdout = TRUE, stderr = TRUE)
  if (!is.null(attr(log, "status"))) stop(paste(log, collapse = "\\n"))
  writeLines(basename(file))
}'
how <- paste0(
  'load_package = \\"installed\\", reporter = \\"summary\\", ',
  'stop_on_failure = TRUE, stop_on_warning = TRUE'
)
coverage <- covr::package_coverage(
  ".", type = "none", quiet = FALSE,
  code = sprintf(alone, normalizePath("tests/testthat"), how)
)
print(coverage)
found <- covr::percent_coverage(coverage)
if (found < least) stop(sprintf("%.1f percent of the lines of R, at least %g are asked for", found, least))
