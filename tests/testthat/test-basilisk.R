# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-basilisk.R",
# package = "homespot")'.
#
# The environment's definition. Making it takes a network and gigabytes, which
# is left to the machines that have them.

pins <- function() {
  pip <- methods::slot(homespotEnv, "pip")
  stats::setNames(sub(".*==", "", pip), sub("==.*", "", pip))
}

# A list of the repository's pyproject.toml; an installed package has none.
pyproject <- function(list) {
  path <- testthat::test_path("..", "..", "pyproject.toml")
  testthat::skip_if_not(file.exists(path), "not in the repository")
  lines <- readLines(path)
  first <- grep(sprintf("^%s = \\[", list), lines)[1]
  last <- first + grep("^\\]", lines[-seq_len(first)])[1]
  wanted <- sub('^ *"([^"]+)".*$', "\\1", lines[(first + 1):(last - 1)])
  name <- sub("[<>=!~].*$", "", wanted)
  stats::setNames(substring(wanted, nchar(name) + 1), name)
}

inRange <- function(version, range) {
  all(vapply(strsplit(range, ",", fixed = TRUE)[[1]], function(part) {
    operator <- sub("[0-9].*$", "", part)
    match.fun(operator)(
      numeric_version(version), numeric_version(sub("^[<>=]+", "", part))
    )
  }, NA))
}

test_that("every package is pinned exactly, and Python by its minor version", {
  pip <- methods::slot(homespotEnv, "pip")
  expect_match(pip, "^[A-Za-z0-9_-]+==[0-9][0-9.]*(post[0-9]+)?$")
  expect_match(methods::slot(homespotEnv, "packages"), "^python=3\\.1[12]$")
  expect_false(is.unsorted(pip))
  expect_identical(methods::slot(homespotEnv, "pkgname"), "homespot")
})

test_that("the pins and the ranges are those of pyproject.toml", {
  needed <- pyproject("dependencies")
  # The environment can write reports, too.
  ranges <- c(needed, pyproject("plot"))
  expect_setequal(names(pins()), names(ranges))
  for (name in names(ranges)) {
    expect_true(inRange(pins()[[name]], ranges[[name]]), label = name)
  }
  expect_setequal(.requirements(names(.needed)), paste0(names(needed), needed))
  expect_identical(
    .requirements(names(.neededByCome)), paste0("torch", pyproject("come"))
  )
  lines <- readLines(test_path("..", "..", "pyproject.toml"))
  expect_true(sprintf('requires-python = ">=%s"', .oldestPython) %in% lines)
})

wheelsOf <- function(environment) {
  wheels <- utils::read.csv(
    system.file("extdata", "wheels.csv", package = "homespot")
  )
  wheels[wheels$environment == environment, ]
}

test_that("every pin has a wheel on every platform, and its size is told", {
  platforms <- c(
    "Linux-x86_64", "Linux-aarch64", "Darwin-arm64", "Windows-x86-64"
  )
  torch <- stats::setNames(sub(".*==", "", .torchPin), "torch")
  for (environment in c("core", "torch")) {
    wheels <- wheelsOf(environment)
    wanted <- c(pins(), if (environment == "torch") torch)
    expect_setequal(wheels$platform, platforms)
    for (platform in platforms) {
      here <- wheels[wheels$platform == platform, ]
      versions <- stats::setNames(here$version, here$package)
      expect_identical(versions[names(wanted)], wanted, label = platform)
      expect_gt(sum(here$megabytes), 100)
    }
    expect_false(anyNA(wheels))
    machine <- Sys.info()[c("sysname", "machine")]
    here <- wheels[wheels$platform == paste(machine, collapse = "-"), ]
    skip_if(nrow(here) == 0L, "another platform")
    expect_match(
      .download(environment), sprintf("^%d packages, .* MB", nrow(here))
    )
  }
})

test_that("the first environment is small, and has no torch", {
  wheels <- wheelsOf("core")
  sizes <- tapply(wheels$megabytes, wheels$platform, sum)
  expect_true(all(sizes <= 250))
  expect_false(any(grepl("torch|nvidia|cuda|triton", wheels$package)))
  expect_true(inRange(sub(".*==", "", .torchPin), pyproject("come")[["torch"]]))
})

test_that("R/basilisk.R stands alone, as configure reads it", {
  source <- test_path("..", "..", "R", "basilisk.R")
  skip_if_not(file.exists(source), "not in the repository")
  found <- freshR(function(source) {
    frame <- new.env()
    eval(parse(file = source), envir = frame)
    vapply(ls(frame), function(name) class(frame[[name]])[1], "")
  }, source = source)
  expect_identical(unname(found), "BasiliskEnvironment")
})

test_that("configure does nothing unless it is asked", {
  for (file in c("configure", "configure.win")) {
    path <- test_path("..", "..", file)
    skip_if_not(file.exists(path), "not in the repository")
    expect_match(readLines(path)[1], "^#!/bin/sh")
    expect_match(
      readLines(path), "basilisk::configureBasiliskEnv()",
      fixed = TRUE, all = FALSE
    )
    expect_identical(unname(file.access(path, 1)), 0L)
  }
})

test_that("both halves are of one version, that of DESCRIPTION", {
  skipWithoutPython()
  expect_identical(
    homespotPython()$homespot, as.character(utils::packageVersion("homespot"))
  )
})
