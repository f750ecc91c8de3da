# The progress of long work: a bar of cli where someone is looking, else
# nothing; "log", which the core writes itself, since it knows the name of each
# step; or a function of the user's.
.progress <- function(progress, what, envir = parent.frame()) {
  if (is.null(progress)) {
    progress <- interactive()
  }
  .refuseIf(
    !.isOfUser(progress) && !isTRUEorFALSE(progress),
    "`progress` to be TRUE, FALSE, NULL, 'log' or a function",
    .describe(progress), "Use one of these."
  )
  # A process of its own has no screen, and does not call back.
  if (!is.null(.state$process)) {
    if (.isOfUser(progress)) {
      .refuseProgress(progress)
    }
    return(FALSE)
  }
  if (is.function(progress)) {
    .checkProgress(progress)
    reticulate::r_to_py(.ofUser(function(done, total, note) {
      progress(done, total, note)
      NULL
    }), convert = TRUE)
  } else if (isTRUE(progress)) {
    .bar(what, envir)
  } else {
    progress
  }
}

# What needs this process: a function of the user's, or the log.
.isOfUser <- function(progress) {
  is.function(progress) || identical(progress, "log")
}

.refuseProgress <- function(progress) {
  .refuse(
    paste(
      "`progress` to be TRUE, FALSE or NULL where Python runs in a process of",
      "its own"
    ),
    .describe(progress), "Leave it out."
  )
}

# A function that cannot take the three values would fail in the middle.
.checkProgress <- function(progress) {
  arguments <- formals(args(progress))
  needed <- names(Filter(function(x) identical(x, quote(expr = )), arguments))
  needed <- setdiff(needed, "...")
  fits <- "..." %in% names(arguments) || length(arguments) >= 3L
  if (!is.null(args(progress)) && (!fits || length(needed) > 3L)) {
    .refuse(
      paste(
        "a progress function of three values: the steps done, the most there",
        "will be, and a note"
      ),
      sprintf("one of %s", .counted(arguments)),
      "Define it as function(done, total, note)."
    )
  }
}

.counted <- function(arguments) {
  names <- names(arguments)
  if (length(names)) paste(names, collapse = ", ") else "none"
}

.bar <- function(what, envir) {
  bar <- cli::cli_progress_bar(
    what,
    total = NA, format = paste(
      "{cli::pb_name}{cli::pb_spin} {cli::pb_current}/{cli::pb_total}",
      "{cli::pb_status}"
    ), .envir = envir, clear = TRUE,
    # A method may have several stages, each with a total of its own: the bar
    # is not over where the first one is.
    auto_terminate = FALSE
  )
  reticulate::r_to_py(function(done, total, note) {
    cli::cli_progress_update(
      set = done, total = total, status = note, id = bar, .envir = envir
    )
    NULL
  }, convert = TRUE)
}
