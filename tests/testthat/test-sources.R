# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-sources.R",
# package = "homespot")'.

test_that("no function is defined twice, of which the later file would win", {
  folder <- test_path("..", "..", "R")
  skip_if_not(dir.exists(folder), "not in the repository")
  files <- list.files(folder, "\\.R$", full.names = TRUE)
  names <- unlist(lapply(files, function(file) {
    calls <- Filter(function(x) {
      is.call(x) && identical(x[[1L]], as.name("<-")) && is.name(x[[2L]])
    }, as.list(parse(file, keep.source = FALSE)))
    vapply(calls, function(x) as.character(x[[2L]]), "")
  }))
  expect_gt(length(names), 100L)
  expect_identical(names[duplicated(names)], character())
})
