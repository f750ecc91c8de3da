#' How well a method predicts genes that it has not seen
#'
#' @description
#' Scores a method by genes held out: maps with the others, predicts these,
#' and compares with what was measured.
#' Counts are normalised once, by the totals over all genes, before any gene is
#' held out; predicted and compared are values on the log scale.
#' The single-cell data keeps all genes, as it does in use.
#'
#' @param sc,st Single-cell and spatial data, as for [mapCells()]; `st` may be a
#'   list of sections.
#' @param method The name of a registered method; a function; or several, a
#'   character vector or a list, by the names that the table shall give them,
#'   each a name, a list of a name and parameters
#'   (`list("ssa", preset = "genes", regularisation = 0.1)`), or a function.
#'   A function of the cells and the spots, a SingleCellExperiment and, where
#'   there are coordinates, a SpatialExperiment, with the assays `"logcounts"`
#'   and, where there are counts, `"counts"`, returns P: cells by spots, as a
#'   matrix of any class whose rows sum to 1 (those of a sparse one may sum to
#'   less), or as a [CellMapping-class].
#'   Where P has names of both, they are matched.
#' @param ... Parameters of the method, where that is one by name, as for
#'   [mapCells()].
#' @param folds How many folds the shared genes are divided into at random,
#'   `"loo"` for leave-one-out, or the fold of every gene, a vector or factor
#'   named by gene; genes without are never held out.
#' @param read.out How a gene at a spot is read from the map: `"scaled"`,
#'   `"mean"` or `"sum"`, as for [imputeGenes()].
#'   The map of a function is taken to be made from all genes that it was given.
#' @param output Path of a `.csv` file in which finished folds are kept.
#'   If it is there, the folds in it are not done again; it has to be of the
#'   same data and settings, which stand in a `.json` file beside it.
#'   Python goes on with what R began, and R with what Python began, where both
#'   hold the data in the same way (sparse or dense); but functions, which are
#'   known by their code, only R.
#' @param seed Seed of the division into folds, and of methods that draw random
#'   numbers.
#'   R's own generator is neither used nor changed.
#' @param sc.assay.type,st.assay.type,sc.scale,st.scale As for [mapCells()].
#' @param sc.gene.column,st.gene.column,preset,device The same.
#' @param sections,joint As for [mapCells()]: whether every section is mapped by
#'   itself in every fold.
#'   Genes are scored over the spots of all sections.
#' @param progress As for [mapCells()]; steps are folds.
#' @param BPPARAM Where the folds are done: [BiocParallel::SerialParam()], one
#'   after another in this process; or [BiocParallel::SnowParam()], in fresh R
#'   processes on this machine, each with a Python and the data of its own,
#'   which share the threads there are.
#'   A function that works there finds what it holds, and what it names with
#'   its package (`package::name`), but not what else this session has.
#'   Processes that are forked hang once Python was loaded, so
#'   [BiocParallel::MulticoreParam()] is refused.
#'
#' @return A data.frame with one row a gene and method: `gene`, `fold`,
#'   `method`, the scores `pcc`, `ssim`, `rmse` and `jsd` of [scoreGenes()] over
#'   the mapped spots, and `seconds`, the time the fold's map took.
#'   The scores are those of Python's `cross_validate()`, to the byte, where it
#'   works with as many threads.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the data, a parameter or the file is not
#' as described, or a function returns no P; `homespot_dependency_error` if
#' workers are asked for and BiocParallel is not installed; `homespot_error` if
#' a worker ended.
#' Errors of a function are passed on.
#'
#' @section Interruption:
#' Ctrl-C (Esc in RStudio) ends it, and the processes that it started.
#' Finished folds stay in `output`.
#'
#' @seealso [accuracyScore()] and [plotScores()] for the table,
#'   [imputeGenes()] which takes it as `scores`, [tuneMapping()].
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' scores <- crossValidateGenes(demo$sc, demo$st, folds = 3)
#' head(scores)
#' summary(scores$pcc)
#'
#' # A method of one's own: every cell everywhere.
#' everywhere <- function(sc, st) {
#'   matrix(1 / ncol(st), ncol(sc), ncol(st))
#' }
#' both <- crossValidateGenes(
#'   demo$sc, demo$st, list(ssa = "ssa", everywhere = everywhere), folds = 3
#' )
#' accuracyScore(both)
#'
#' @export
crossValidateGenes <- function(
    sc, st, method = "ssa", ..., folds = 10L, read.out = "scaled",
    output = NULL, seed = 0L, sc.assay.type = NULL, st.assay.type = NULL,
    sc.scale = "auto", st.scale = "auto", sc.gene.column = NULL,
    st.gene.column = NULL, sections = NULL, joint = NULL, preset = NULL,
    device = "auto", progress = NULL, BPPARAM = BiocParallel::SerialParam()) {
  name <- .functionName(substitute(method))
  # The default is not looked at, which needs no BiocParallel then.
  workers <- if (missing(BPPARAM)) 1L else .workers(BPPARAM)
  .checkString(read.out, "read.out")
  if (!is.null(output)) {
    output <- path.expand(.checkString(output, "output"))
  }
  seed <- .checkWhole(seed, "seed", 0L)
  .checkString(device, "device")
  methods <- .methods(method, name, preset, list(...))
  if (.lacksTorch(lapply(Filter(is.list, methods), `[[`, 1L), device)) {
    return(.withTorch("crossValidateGenes", .argumentsOf(
      crossValidateGenes, environment(), ...,
      but = if (missing(BPPARAM)) "BPPARAM"
    )))
  }
  settings <- lapply(Filter(is.list, methods), `[[`, 2L)
  pair <- .pair(
    sc, st, sc.assay.type, st.assay.type, sc.scale, st.scale, sc.gene.column,
    st.gene.column, sections, joint, settings
  )
  functions <- Filter(is.function, methods)
  folds <- do.call(.call, c(
    list("cross_validation"), pair$sides, list(.methodsToPython(methods)),
    pair$named, list(
      folds = .foldsToPython(folds), read_out = read.out, output = output,
      seed = seed, device = device,
      progress = .progress(progress, "Cross-validation")
    )
  ), quote = TRUE)
  left <- as.integer(.toR(.call("folds_left", folds)))
  if (workers == 1L || length(left) < 2L) {
    for (number in left) {
      .keepFold(folds, number, .runFold(folds, number))
    }
  } else {
    .runElsewhere(folds, left, functions, workers, BPPARAM)
  }
  .dataFrame(.call("fold_scores", folds))
}

# --- what is scored ----------------------------------------------------------

# Both data sets as Python has them, checked as far as R can, and the arguments
# of Python's verbs that go with them. `settings` are those of the methods,
# which may name columns of labels.
.pair <- function(
    sc, st, sc.assay.type, st.assay.type, sc.scale, st.scale, sc.gene.column,
    st.gene.column, sections, joint, settings) {
  .present(missing(sc), "single-cell data as `sc`")
  .present(missing(st), "spatial data as `st`")
  .checkStrings(sc.scale = sc.scale, st.scale = st.scale)
  .checkStrings(
    sc.gene.column = sc.gene.column, st.gene.column = st.gene.column,
    optional = TRUE
  )
  .checkSections(joint)
  scSide <- .side(sc, sc.assay.type, "sc")
  # Of cells only the spots' side is asked for places.
  scSide["coords"] <- list(NULL)
  stSides <- .spatialSides(st, st.assay.type, NULL)
  .checkGeneColumn(list(scSide), "sc", sc.gene.column)
  .checkGeneColumn(stSides, "st", st.gene.column)
  stSides <- .withSections(stSides, sections)
  sections <- .sectionsToPython(sections, st, stSides)
  for (given in settings) {
    .checkLabels(sc, list(scSide), "sc", given)
    .checkLabels(st, stSides, "st", given)
  }
  list(
    sides = list(.experiment(scSide), .spatialToPython(stSides)),
    named = list(
      sc_scale = sc.scale, st_scale = st.scale,
      sc_gene_column = sc.gene.column, st_gene_column = st.gene.column,
      sections = sections, joint = joint,
      .of = list(sc = scSide, st = .speaking(stSides))
    )
  )
}

.present <- function(missing, what) {
  if (missing) {
    .refuse(what, "none", "Pass both data sets.")
  }
}

.dataFrame <- function(value) {
  columns <- .columnsFromPython(value)
  as.data.frame(columns, optional = TRUE, stringsAsFactors = FALSE)
}

# --- methods -----------------------------------------------------------------

.functionName <- function(expr) {
  if (is.name(expr)) as.character(expr) else "function"
}

# By name: a function, or a list of the method's name and its settings.
.methods <- function(method, name, preset, given) {
  single <- is.character(method) && length(method) == 1L &&
    is.null(names(method))
  if (single) {
    settings <- c(if (!is.null(preset)) {
      list(preset = .checkString(preset, "preset"))
    }, given)
    return(stats::setNames(list(.plan(c(list(method), settings))), method))
  }
  if (!is.null(preset) || length(given)) {
    .refuse(
      "a preset and parameters with one method by name only",
      .some(c(if (!is.null(preset)) "preset", .named0(given))),
      "Pass list(name = list(method, parameter = value))."
    )
  }
  if (is.function(method)) {
    return(stats::setNames(list(method), name))
  }
  names <- names(method)
  if (is.character(method) && is.null(names)) {
    names <- method
  }
  if (!(is.list(method) || is.character(method)) || is.null(names) ||
        anyNA(names) || !all(nzchar(names)) || anyDuplicated(names)) {
    .refuse(
      paste(
        "a method: its name, a function of cells and spots, or several by",
        "names, each once"
      ),
      .describe(method),
      "Pass list(name = \"ssa\", other = function(sc, st) ...)."
    )
  }
  stats::setNames(lapply(as.list(method), .plan), names)
}

.named0 <- function(given) {
  if (is.null(names(given))) rep("", length(given)) else names(given)
}

.plan <- function(x) {
  if (is.function(x)) {
    return(x)
  }
  x <- as.list(x)
  if (!length(x) || !is.character(x[[1L]]) || length(x[[1L]]) != 1L ||
        is.na(x[[1L]])) {
    .refuse(
      paste(
        "a method: its name, a list of its name and parameters, or a function",
        "of cells and spots"
      ),
      .describe(x), "Use one of these."
    )
  }
  settings <- x[-1L]
  preset <- settings$preset
  settings$preset <- NULL
  settings <- .methodArguments(x[[1L]], settings)
  if (!is.null(preset)) {
    settings$preset <- .checkString(preset, "preset")
  }
  list(x[[1L]], settings)
}

.methodsToPython <- function(methods) {
  methods <- lapply(methods, function(method) {
    if (is.function(method)) {
      .call("r_method", .methodFromR(method), .codeOf(method))
    } else {
      list(method[[1L]], .dict(method[[2L]]))
    }
  })
  .dict(methods)
}

# What tells one function from another in the file of finished folds.
.codeOf <- function(f) {
  paste("function", rlang::hash(list(deparse(args(f)), deparse(body(f)))))
}

# A function of the user's as Python calls it.
.methodFromR <- function(f) {
  .there(".callable", f)
}

.callable <- function(f) {
  reticulate::r_to_py(function(cells, spots) {
    tryCatch(
      .mapFromMethod(f(.seen(cells), .seen(spots))),
      error = function(e) {
        # Python makes another error of it on the way.
        .state$failure <- e
        stop(e)
      }
    )
  }, convert = FALSE)
}

# One side as a function gets it.
.seen <- function(value) {
  names <- list(.toR(value$get("genes")), .toR(value$get("names")))
  counts <- value$get("counts")
  assays <- list(
    counts = if (!is.null(.fetch(counts))) .fromPython(counts),
    logcounts = .fromPython(value$get("log"))
  )
  assays <- lapply(Filter(Negate(is.null), assays), function(assay) {
    dimnames(assay) <- names
    assay
  })
  data <- .frame(
    .columnsFromPython(value$get("columns")), length(names[[2L]])
  )
  rownames(data) <- names[[2L]]
  coords <- .fetch(value$get("coordinates"))
  if (is.null(coords)) {
    return(SingleCellExperiment(assays, colData = data))
  }
  colnames(coords) <- .keys$COORDINATES[seq_len(ncol(coords))]
  SpatialExperiment(assays = assays, colData = data, spatialCoords = coords)
}

# What a function returned, for Python to check.
.mapFromMethod <- function(p) {
  if (is(p, "CellMapping")) {
    return(list(mapping = .mappingToPython(p)))
  }
  if (length(dim(p)) != 2L || is.data.frame(p) || is(p, "DataFrame")) {
    .refuse(
      "a map of cells x spots from the method", .describe(p),
      paste(
        "Return a matrix of probabilities, cells x spots, every row summing",
        "to 1."
      )
    )
  }
  .checkNumbers(p, "map")
  names <- dimnames(p)
  list(
    matrix = .mapToPython(p), cells = .namesToPython(names[[1L]], "cells"),
    spots = .namesToPython(names[[2L]], "spots")
  )
}

# --- folds -------------------------------------------------------------------

# How many, "loo", or the fold of every gene.
.foldsToPython <- function(folds) {
  genes <- names(folds)
  if (is.null(genes) && length(folds) == 1L && is.atomic(folds) &&
        !is.factor(folds) && !is.na(folds)) {
    return(.whole(folds))
  }
  whole <- is.double(folds) && all(folds == round(folds), na.rm = TRUE)
  column <- .columnToPython(unname(if (whole) as.integer(folds) else folds))
  if (is.null(genes) || anyNA(genes) || is.null(column)) {
    .refuse(
      paste(
        "folds to be a whole number, 'loo', or the fold of every gene, named",
        "by gene"
      ),
      .describe(folds), "Choose one of these."
    )
  }
  .call("values", column, as.list(genes))
}

# An error of the user's function stays what it is.
.runFold <- function(folds, number) {
  .state$failure <- NULL
  tryCatch(
    .dataFrame(.call("run_fold", folds, number)),
    error = function(e) {
      stop(if (is.null(.state$failure)) e else .state$failure)
    }
  )
}

.keepFold <- function(folds, number, scores) {
  .call("keep_fold", folds, number, .tableToPython(scores, "scores"))
}

# --- other processes ---------------------------------------------------------

# How many processes of which kind: 1 is this one.
.workers <- function(BPPARAM) {
  .requirePackage("BiocParallel", "work in parallel")
  if (!is(BPPARAM, "BiocParallelParam")) {
    .refuse(
      "BPPARAM of BiocParallel", .describe(BPPARAM),
      "Pass BiocParallel::SerialParam() or BiocParallel::SnowParam()."
    )
  }
  if (is(BPPARAM, "SerialParam")) {
    return(1L)
  }
  fork <- is(BPPARAM, "MulticoreParam") || is(BPPARAM, "SnowParam") &&
    identical(BPPARAM$.clusterargs$type, "FORK")
  if (fork || !is(BPPARAM, "SnowParam")) {
    .refuse(
      paste(
        "BPPARAM to be a SerialParam, or a SnowParam, whose workers are fresh",
        "R processes"
      ),
      if (fork) {
        paste(
          "one whose workers are forked, which hang once Python was loaded",
          sprintf("(%s)", class(BPPARAM)[1L])
        )
      } else {
        sprintf("a %s", class(BPPARAM)[1L])
      },
      sprintf(
        "Pass BiocParallel::SnowParam(%d).", BiocParallel::bpnworkers(BPPARAM)
      )
    )
  }
  as.integer(BiocParallel::bpnworkers(BPPARAM))
}

# Folds in processes that are started anew; each is kept as soon as it is done.
.runElsewhere <- function(folds, left, functions, workers, BPPARAM) {
  folder <- tempfile("homespot-folds-")
  dir.create(folder)
  started <- BiocParallel::bpisup(BPPARAM)
  finished <- FALSE
  on.exit({
    if (!finished && !started) {
      .endWorkers(folder)
      .forgetWorkers(BPPARAM)
    }
    unlink(folder, recursive = TRUE)
  })
  file <- file.path(folder, "folds.pickle")
  setup <- list(
    folder = folder, file = file, functions = functions,
    threads = .toR(.call("send_folds", folds, file, workers)),
    libraries = .libPaths(), python = homespotPython()$python
  )
  given <- 0L
  failure <- NULL
  nextFold <- function() {
    if (is.null(failure) && given < length(left)) {
      given <<- given + 1L
      left[given]
    }
  }
  keep <- function(done, answer) {
    # What fails here waits until no worker owes an answer any more.
    failure <<- tryCatch(
      {
        .signal(answer)
        .keepFold(folds, answer$number, answer$scores)
        failure
      },
      error = function(e) if (is.null(failure)) e else failure
    )
    done + 1L
  }
  .iterated(
    BiocParallel::bpiterate(
      nextFold, .elsewhere,
      setup = setup, REDUCE = keep, init = 0L, reduce.in.order = FALSE,
      BPPARAM = BPPARAM
    ),
    # BiocParallel would wait for what they are at, and now has an error.
    interrupted = function() if (!started) .endWorkers(folder), workers
  )
  finished <- TRUE
  if (!is.null(failure)) {
    stop(failure)
  }
}

# Its errors are those of the workers' processes, unless it was interrupted.
.iterated <- function(work, interrupted, workers) {
  wasInterrupted <- FALSE
  tryCatch(
    withCallingHandlers(
      work,
      interrupt = function(e) {
        wasInterrupted <<- TRUE
        interrupted()
      }
    ),
    error = function(e) {
      if (wasInterrupted) {
        rlang::interrupt()
      }
      .refuse(
        sprintf("%d R processes to do the work", workers),
        sprintf("that they could not (%s)", conditionMessage(e)),
        paste(
          "They have to be on this machine, with homespot installed; if memory",
          "ran out, use fewer."
        ), "homespot_error"
      )
    }
  )
}

# Warnings and the error of a worker, as they would have come here.
.signal <- function(answer) {
  for (warning in answer$warnings) {
    .warn(warning$message, warning$class)
  }
  if (!is.null(answer$error)) {
    rlang::abort(
      answer$error$message,
      class = answer$error$class, call = NULL
    )
  }
}

# Workers that nobody waits for any more, and the folders that R made them.
.endWorkers <- function(folder) {
  for (file in list.files(folder, "^[0-9]+$", full.names = TRUE)) {
    tools::pskill(as.integer(basename(file)))
    unlink(readLines(file), recursive = TRUE)
  }
}

# BiocParallel would want to tell them, at the latest when R ends.
.forgetWorkers <- function(BPPARAM) {
  for (node in BiocParallel::bpbackend(BPPARAM)) {
    try(close(node$con), silent = TRUE)
  }
  none <- BiocParallel::bpbackend(BiocParallel::SnowParam(1L))
  BiocParallel::bpbackend(BPPARAM) <- none
}

# What a worker runs: it finds the package where this process has it.
.elsewhere <- function(number, setup) {
  .libPaths(unique(c(setup$libraries, .libPaths())))
  get(".remoteFold", envir = asNamespace("homespot"))(number, setup)
}
environment(.elsewhere) <- baseenv()

# In the worker: a fold, with its warnings and its error as plain values.
.remoteFold <- function(number, setup) {
  writeLines(tempdir(), file.path(setup$folder, Sys.getpid()))
  plain <- function(e) {
    list(
      class = intersect(class(e), .errorClasses),
      message = conditionMessage(e)
    )
  }
  warnings <- list()
  error <- NULL
  scores <- tryCatch(
    withCallingHandlers(
      .withEnv("OMP_NUM_THREADS", as.character(setup$threads), {
        .runFold(.received(setup), number)
      }),
      warning = function(w) {
        known <- intersect(class(w), .warningClasses)
        warnings <<- c(warnings, list(list(
          class = if (length(known)) known[1L] else "warning",
          message = conditionMessage(w)
        )))
        tryInvokeRestart("muffleWarning")
      }
    ),
    error = function(e) {
      error <<- plain(e)
      NULL
    }
  )
  list(number = number, scores = scores, warnings = warnings, error = error)
}

# The folds that were sent, read once.
.received <- function(setup) {
  if (!identical(.state$foldsFile, setup$file)) {
    old <- options(homespot.python = setup$python)
    on.exit(options(old))
    .core()
    .state$folds <- .call(
      "received_folds", setup$file,
      .dict(lapply(setup$functions, .methodFromR))
    )
    .state$foldsFile <- setup$file
  }
  .state$folds
}
