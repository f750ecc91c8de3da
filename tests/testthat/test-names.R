# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-names.R",
# package = "homespot")'.

test_that("every name that 0.99.0 exported stays", {
  path <- getNamespaceInfo("homespot", "path")
  declared <- parseNamespaceFile(basename(path), dirname(path))
  s3 <- declared$S3methods
  # The fourth column names the package of a generic that is loaded later.
  generics <- ifelse(is.na(s3[, 4L]), "", paste0(s3[, 4L], "::"))
  found <- c(
    sprintf("export(%s)", declared$exports),
    sprintf("exportClasses(%s)", declared$exportClasses),
    sprintf("exportMethods(%s)", declared$exportMethods),
    sprintf("S3method(%s%s,%s)", generics, s3[, 1L], s3[, 2L])
  )
  lines <- readLines(test_path("public-names.txt"))
  names <- grep("^#", lines, value = TRUE, invert = TRUE)
  expect_gt(length(names), 60L)
  expect_identical(setdiff(names, found), character())
  # Each is there, not only declared.
  exports <- grep("^export\\(", names, value = TRUE)
  exports <- sub("^export\\((.*)\\)$", "\\1", exports)
  expect_true(all(exports %in% getNamespaceExports("homespot")))
})
