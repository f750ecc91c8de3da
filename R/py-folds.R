# Folds of a cross-validation, here or in R processes of their own.

# How many processes of which kind: 1 is this one.
.workers <- function(BPPARAM) {
  .requirePackage("BiocParallel", "work in parallel")
  .refuseIf(
    !is(BPPARAM, "BiocParallelParam"), "BPPARAM of BiocParallel",
    .describe(BPPARAM),
    "Pass BiocParallel::SerialParam() or BiocParallel::SnowParam()."
  )
  if (is(BPPARAM, "SerialParam")) {
    return(1L)
  }
  fork <- is(BPPARAM, "MulticoreParam") || is(BPPARAM, "SnowParam") &&
    identical(BPPARAM$.clusterargs$type, "FORK")
  .refuseIf(
    fork || !is(BPPARAM, "SnowParam"), paste(
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
      nextFold, .foldInWorker,
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
.foldInWorker <- function(number, setup) {
  .libPaths(unique(c(setup$libraries, .libPaths())))
  get(".remoteFold", envir = asNamespace("homespot"))(number, setup)
}

environment(.foldInWorker) <- baseenv()

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
    .state$folds <- .call(
      "received_folds", setup$file,
      .dict(lapply(setup$functions, .methodFromR))
    )
    .state$foldsFile <- setup$file
  }
  .state$folds
}

.runFold <- function(folds, number) {
  .dataFrame(.call("run_fold", folds, number))
}

.keepFold <- function(folds, number, scores) {
  .call("keep_fold", folds, number, .tableToPython(scores, "scores"))
}

# How many, "loo", or the fold of every gene.
.foldsToPython <- function(folds) {
  genes <- names(folds)
  if (is.null(genes) && length(folds) == 1L && is.atomic(folds) &&
        !is.factor(folds) && !is.na(folds)) {
    return(.whole(folds))
  }
  whole <- is.double(folds) && all(folds == round(folds), na.rm = TRUE)
  column <- .columnToPython(unname(if (whole) as.integer(folds) else folds))
  .refuseIf(
    is.null(genes) || anyNA(genes) || is.null(column), paste(
      "folds to be a whole number, 'loo', or the fold of every gene, named",
      "by gene"
    ),
    .describe(folds), "Choose one of these."
  )
  .call("values", column, as.list(genes))
}
