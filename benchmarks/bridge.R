# What does crossing cost? A sparse table of 50,000 cells x 2,000 genes at 5 %
# density goes from R to Python and back, by homespot's bridge, by reticulate's
# own conversion and by anndata2ri. Every contender runs in a process of its
# own: seconds are the least of five crossings, memory is the peak of the
# first above what the process held before (Linux), beside the bytes of the
# data in R. Each row also says what arrived: names, sparse, the same numbers.
#
#   Rscript benchmarks/bridge.R [--small]
#
# homespot has to be installed; anndata2ri is left out where it is not.

size <- list(cells = 50000L, genes = 2000L, density = 0.05)

makeCounts <- function(cells, genes, density) {
  set.seed(1)
  n <- round(genes * density)
  rows <- vapply(seq_len(cells), function(cell) {
    sort.int(sample.int(genes, n), method = "quick")
  }, integer(n))
  methods::new("dgCMatrix",
    i = as.vector(rows) - 1L, p = as.integer(seq(0, n * cells, by = n)),
    x = as.double(sample.int(9L, n * cells, replace = TRUE)),
    Dim = c(genes, cells), Dimnames = list(
      paste0("Gene", seq_len(genes)), paste0("cell", seq_len(cells))
    )
  )
}

# Peak memory in MiB since the last reset, and what is held now.
memory <- function(field) {
  status <- tryCatch(readLines("/proc/self/status"), error = function(e) "")
  line <- grep(paste0("^", field, ":"), status, value = TRUE)
  if (length(line)) as.numeric(gsub("\\D", "", line)) / 1024 else NA_real_
}

resetPeak <- function() {
  try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
}

# Runs `cross` five times; `check` says what arrived.
measure <- function(cross, check) {
  seconds <- numeric(5)
  for (k in seq_along(seconds)) {
    gc()
    resetPeak()
    before <- memory("VmRSS")
    seconds[k] <- system.time(arrived <- cross())[["elapsed"]]
    if (k == 1L) {
      peak <- memory("VmHWM") - before
      found <- check(arrived)
    }
    rm(arrived)
  }
  c(list(seconds = min(seconds), peak = peak), found)
}

toPython <- function(x) {
  reticulate::r_to_py(x, convert = FALSE)
}

# --- R to Python ---------------------------------------------------------

arrivedInPython <- function(x) {
  function(arrived) {
    matrix <- arrived$matrix
    shape <- unlist(reticulate::py_to_r(matrix$shape))
    list(
      names = identical(reticulate::py_to_r(arrived$genes), rownames(x)) &&
        identical(reticulate::py_to_r(arrived$cells), colnames(x)),
      sparse = reticulate::py_has_attr(matrix, "indptr"),
      ready = identical(reticulate::py_to_r(matrix$format), "csr") &&
        identical(shape, rev(dim(x))),
      same = isTRUE(all.equal(reticulate::py_to_r(matrix$sum()), sum(x@x)))
    )
  }
}

there <- list(
  homespot = function(x) {
    function() {
      list(
        matrix = homespot:::.toPython(x), genes = toPython(rownames(x)),
        cells = toPython(colnames(x))
      )
    }
  },
  reticulate = function(x) {
    function() {
      list(matrix = toPython(x), genes = toPython(NULL), cells = toPython(NULL))
    }
  }
)

# --- Python to R ---------------------------------------------------------

arrivedInR <- function(x) {
  function(arrived) {
    list(
      names = identical(rownames(arrived), colnames(x)) &&
        identical(colnames(arrived), rownames(x)),
      sparse = methods::is(arrived, "sparseMatrix"),
      ready = methods::is(arrived, "dgCMatrix"),
      same = isTRUE(all.equal(sum(arrived), sum(x@x)))
    )
  }
}

back <- list(
  homespot = function(x) {
    value <- homespot:::.core()$`_plain_matrix`(homespot:::.toPython(x))
    names <- reticulate::dict(
      cells = colnames(x), genes = rownames(x), convert = FALSE
    )
    function() {
      arrived <- homespot:::.fromPython(value)
      dimnames(arrived) <- list(
        reticulate::py_to_r(names$get("cells")),
        reticulate::py_to_r(names$get("genes"))
      )
      arrived
    }
  },
  reticulate = function(x) {
    crossed <- homespot:::.toPython(x)
    function() reticulate::py_to_r(crossed)
  }
)

# --- one contender, in this process --------------------------------------

runOne <- function(way, contender, size) {
  suppressMessages({
    loadNamespace("homespot")
    homespot::homespotPython()
  })
  ways <- list(there = there, back = back)
  checks <- list(there = arrivedInPython, back = arrivedInR)
  small <- makeCounts(100L, 50L, 0.1)
  ways[[way]][[contender]](small)()
  x <- makeCounts(size$cells, size$genes, size$density)
  result <- measure(ways[[way]][[contender]](x), checks[[way]](x))
  result$data <- as.numeric(utils::object.size(x)) / 2^20
  result
}

# --- all of them ---------------------------------------------------------

script <- function() {
  argument <- grep("^--file=", commandArgs(), value = TRUE)
  normalizePath(sub("^--file=", "", argument[1L]))
}

inProcess <- function(way, contender, size) {
  out <- tempfile(fileext = ".rds")
  sizes <- unlist(size)
  if (contender == "anndata2ri") {
    program <- homespot::homespotPython()$python
    arguments <- c(
      file.path(dirname(script()), "_bridge_anndata2ri.py"), script(), way, sizes,
      out
    )
    env <- paste0("R_HOME=", R.home())
  } else {
    program <- file.path(R.home("bin"), "Rscript")
    arguments <- c(script(), "--one", way, contender, sizes, out)
    env <- character()
  }
  log <- tempfile(fileext = ".log")
  status <- system2(
    program, shQuote(arguments),
    env = env, stdout = log, stderr = log
  )
  if (status == 0L) {
    return(readRDS(out))
  }
  message(paste(utils::tail(readLines(log), 3L), collapse = "\n"))
  NULL
}

machine <- function() {
  python <- homespot::homespotPython()
  version <- function(package) as.character(utils::packageVersion(package))
  cpu <- tryCatch(
    {
      lines <- readLines("/proc/cpuinfo")
      sub(".*: ", "", grep("^model name", lines, value = TRUE)[1L])
    },
    error = function(e) Sys.info()[["machine"]]
  )
  data.frame(
    cpu = cpu, cores = parallel::detectCores(), python = python$version,
    R = paste(R.version$major, R.version$minor, sep = "."),
    homespot = python$homespot, reticulate = version("reticulate"),
    Matrix = version("Matrix"), numpy = python$packages[["numpy"]],
    scipy = python$packages[["scipy"]], anndata = python$packages[["anndata"]]
  )
}

runAll <- function(size) {
  contenders <- c("homespot", "reticulate", "anndata2ri")
  rows <- list()
  for (way in c("there", "back")) {
    for (contender in contenders) {
      found <- inProcess(way, contender, size)
      if (is.null(found)) {
        message(contender, " could not be run.")
        next
      }
      rows[[length(rows) + 1L]] <- data.frame(
        way = c(there = "R to Python", back = "Python to R")[[way]],
        contender = contender, cells = size$cells, genes = size$genes,
        density = size$density, seconds = round(found$seconds, 4),
        peak_mib = round(found$peak, 1), data_mib = round(found$data, 1),
        names = found$names, sparse = found$sparse, ready = found$ready,
        same = found$same
      )
    }
  }
  table <- do.call(rbind, rows)
  for (column in c("seconds", "peak_mib")) {
    own <- table[[column]][table$contender == "homespot"]
    own <- own[match(table$way, unique(table$way))]
    table[[paste0(column, "_to_homespot")]] <- round(table[[column]] / own, 2)
  }
  print(table[setdiff(names(table), c("cells", "genes", "density"))],
    row.names = FALSE
  )
  results <- file.path(dirname(script()), "results")
  dir.create(results, showWarnings = FALSE)
  utils::write.csv(
    cbind(table, machine()), file.path(results, "bridge.csv"),
    row.names = FALSE, quote = FALSE
  )
}

# Sourced (by _bridge_anndata2ri.py), it defines; run, it runs.
if (sys.nframe() == 0L) {
  arguments <- commandArgs(trailingOnly = TRUE)
  if ("--one" %in% arguments) {
    size <- list(
      cells = as.integer(arguments[4]), genes = as.integer(arguments[5]),
      density = as.numeric(arguments[6])
    )
    saveRDS(runOne(arguments[2], arguments[3], size), arguments[7])
  } else {
    if ("--small" %in% arguments) {
      size$cells <- 2000L
    }
    runAll(size)
  }
}
