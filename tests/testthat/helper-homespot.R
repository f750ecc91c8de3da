# Loaded before every test file.

# Without a Python the tests that need one are skipped; a Python that is named
# and does not work is an error.
skipWithoutPython <- function() {
  named <- nzchar(Sys.getenv("RETICULATE_PYTHON")) ||
    !is.null(getOption("homespot.python"))
  if (named) {
    return(invisible(homespotPython()))
  }
  testthat::skip_if_not(
    suppressMessages(hasPython()),
    paste(
      "no Python with the core's packages: set RETICULATE_PYTHON to one, or",
      "let basilisk make its environment"
    )
  )
}

# What takes long runs with `make test-all`.
skipUnlessSlow <- function() {
  slow <- nzchar(Sys.getenv("HOMESPOT_SLOW_TESTS"))
  testthat::skip_if_not(slow, "slow; HOMESPOT_SLOW_TESTS runs it")
}

# A map that needs no Python: 3 cells, 4 spots in two samples. It is made once,
# as Bioconductor takes a while.
smallMap <- local({
  map <- NULL
  function(p = NULL, ...) {
    if (!is.null(p) || ...length()) {
      return(.smallMap(p, ...))
    }
    if (is.null(map)) {
      map <<- .smallMap(matrix(
        c(
          0.7, 0.1, 0.1, 0.1,
          0.2, 0.5, 0.2, 0.1,
          0.25, 0.25, 0.25, 0.25
        ), 3,
        byrow = TRUE, dimnames = list(paste0("cell", 1:3), paste0("spot", 1:4))
      ))
    }
    map
  }
})

.smallMap <- function(p, ...) {
  CellMapping(p,
    coords = cbind(x = c(0, 1, 0, 1), y = c(0, 0, 1, 1)),
    cells = S4Vectors::DataFrame(cell_type = c("A", "B", "A")),
    spots = S4Vectors::DataFrame(
      sample_id = c("one", "one", "two", "two"), area = 1:4
    ),
    info = list(method = "by hand", shared_frame = TRUE), ...
  )
}

# A small mapping problem: genes x cells and genes x spots, whole numbers, with
# names that go wrong when they are taken for something else.
oddGenes <- c("beta'COP", "nan", "E(spl)m5-HLH", "TRUE", "1", "a.b", "\u03b1")

smallProblem <- function(seed = 1L, cells = 12L, spots = 8L, genes = 30L) {
  withr::with_seed(seed, {
    names <- c(oddGenes, sprintf("gene%02d", seq_len(genes - length(oddGenes))))
    sc <- matrix(stats::rpois(genes * cells, 2), genes,
      dimnames = list(names, sprintf("cell-%d", seq_len(cells)))
    )
    st <- matrix(stats::rpois(genes * spots, 5), genes,
      dimnames = list(rev(names), sprintf("spot-%d", seq_len(spots)))
    )
    storage.mode(sc) <- storage.mode(st) <- "double"
    list(
      sc = sc, st = st,
      coords = cbind(x = seq_len(spots), y = stats::runif(spots))
    )
  })
}

# Runs code in a fresh R process with these variables of the environment; it
# returns a plain value.
freshR <- function(code, env = character(), ...) {
  callr::r(code,
    args = list(...), libpath = .libPaths(), spinner = FALSE,
    env = c(callr::rcmd_safe_env(), env), show = FALSE, package = FALSE
  )
}

# The package as it is loaded here: installed, or from its sources.
packagePath <- function() {
  path <- getNamespaceInfo("homespot", "path")
  if (file.exists(file.path(path, "R", "mapCells.R"))) path else ""
}

# What loads homespot in another process as it is loaded here.
loadHomespot <- function() {
  path <- packagePath()
  f <- function() {
    if (nzchar(path)) {
      pkgload::load_all(path, quiet = TRUE)
    } else {
      library(homespot)
    }
  }
  environment(f) <- list2env(list(path = path), parent = globalenv())
  f
}

# The Python of these tests, for processes of its own.
testPython <- function() {
  homespotPython()$python
}

# Runs a Python script with the core of this package; returns its output.
runPython <- function(script, ...) {
  file <- withr::local_tempfile(fileext = ".py")
  folder <- dirname(homespotPython()$core)
  writeLines(c(
    "import sys", sprintf("sys.path.insert(0, %s)", dQuote(folder, FALSE)),
    script
  ), file)
  out <- system2(testPython(), c(shQuote(file), shQuote(c(...))),
    stdout = TRUE, stderr = TRUE
  )
  if (!is.null(attr(out, "status"))) {
    stop(paste(out, collapse = "\n"))
  }
  out
}

# The message of the error or warning that an expression gives.
messageOf <- function(expr, class = "error") {
  tryCatch(
    {
      force(expr)
      NULL
    },
    condition = function(cnd) {
      if (inherits(cnd, class)) conditionMessage(cnd) else stop(cnd)
    }
  )
}

withoutColnames <- function(x) {
  colnames(x) <- NULL
  x
}

# What a call warns of, and its value.
warned <- function(expr) {
  said <- character()
  value <- withCallingHandlers(expr, homespot_data_warning = function(w) {
    said <<- c(said, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  list(value = value, said = said)
}

# The data of most tests is random: no gene has a pattern, and a map says
# nothing of places. It says so, which is tested where it matters.
.saidByChance <- paste0(
  "^(Two halves of the genes agree on the places of cells no more often|",
  "[0-9]+ of [0-9]+ cell\\(s\\) are not confident, though)"
)
.withoutChance <- function(verb) {
  called <- getExportedValue("homespot", verb)
  function(...) {
    withCallingHandlers(called(...), warning = function(w) {
      if (grepl(.saidByChance, conditionMessage(w))) {
        invokeRestart("muffleWarning")
      }
    })
  }
}
for (verb in c(
  "addMapping", "assignCells", "calibrateMapping", "combineSections",
  "crossValidateGenes", "deconvolveSpots", "mapCells", "mappingReport",
  "placeCells", "tuneMapping"
)) {
  assign(verb, .withoutChance(verb))
}
rm(verb)
