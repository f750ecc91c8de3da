#' Which Python computes
#'
#' @description
#' The numbers come from a core in Python, which is part of this package.
#' `homespotPython()` says which Python runs it, and why; it starts that
#' Python if none runs yet.
#' `hasPython()` tells whether there is one, and gives the reason as a message
#' where not; it installs and downloads nothing. `hasPython(torch = TRUE)` asks
#' the same for COME.
#'
#' The Python is chosen in this order:
#'
#' 1. the Python that is already loaded into this R process, or hosts it (R
#'    inside Python, by rpy2);
#' 2. the one that the user named: `options(homespot.python = )`, the path of
#'    a Python or of a virtual environment, else the environment variable
#'    `RETICULATE_PYTHON`;
#' 3. an environment that basilisk makes, with exact versions.
#'    [homespotSetup()] makes it; so does the first call, after it has said how
#'    much it downloads and, in an interactive session, asked.
#'    Elsewhere `options(homespot.download = TRUE)` allows it.
#'
#' COME and GPUs need torch, which no other method does, and which that
#' environment does not hold.
#' Where the Python that computes has none, `method = "come"` and
#' `device = "cuda"` run in an R process of their own, with the same results:
#' with the Python that `options(homespot.torch.python = )` names, else with a
#' second environment of basilisk's, which `homespotSetup(torch = TRUE)` or the
#' first use makes in the same way.
#'
#' @details
#' There is no falling through: a Python of step 1 or 2 that lacks a package
#' is an error.
#' R can load one Python per session, so another one needs a fresh session.
#' The core is loaded from the installed R package, so that both halves are of
#' one version; a homespot that a hosting Python has loaded already has to be
#' of this version.
#' homespot forks no process, and basilisk does not fork one for it: after
#' Python's compiled loops have run, forks die or hang, so in a fork of the
#' process that has loaded homespot every call is an error.
#'
#' `basilisk::setBasiliskShared(FALSE)`, before the first call, keeps Python out
#' of this process, so that another one can be loaded here: it is run by an R
#' process of its own, to which plain R objects are sent.
#' The results are the same.
#' There is no bar there, and Ctrl-C ends that process: the next call starts
#' another.
#'
#' @return
#' `homespotPython()`: a list of class `homespotPython`, which prints itself,
#' with `python` (the path), `why`, `version` (of Python), `homespot` (version
#' of the core), `core` (the folder it was loaded from), `device` (what
#' `device = "auto"` takes for large maps: `"cpu"`, or `"cuda:0"` where torch
#' finds a GPU) and
#' `packages` (versions, named by package).
#' `hasPython()`: `TRUE` or `FALSE`.
#'
#' @param torch Whether COME has to run, too, which needs torch.
#'
#' @section Errors:
#' Of class `homespot_dependency_error` if the Python lacks a package, has one
#' that is too old or too new, has loaded a homespot of another version, or if
#' the environment cannot be made.
#' The message names what is missing and the ways out.
#'
#' @examples
#' if (hasPython()) {
#'   homespotPython()
#' }
#'
#' @export
homespotPython <- function() {
  .core()
  .state$python
}

#' @rdname homespotPython
#' @export
hasPython <- function(torch = FALSE) {
  if (is.null(.state$bridge) && is.null(.namedPython()) &&
        is.null(.loadedPython()) && !.isMade(homespotEnv)) {
    message(
      "homespot: there is no Python environment yet. homespotSetup() makes it ",
      "(", .download("core"), ")."
    )
    return(FALSE)
  }
  tryCatch(
    {
      .core()
      !isTRUE(torch) || .hasTorch()
    },
    homespot_error = function(e) {
      message(conditionMessage(e))
      FALSE
    }
  )
}

#' @export
print.homespotPython <- function(x, ...) {
  cat(
    sprintf("Python:   %s (%s)\n", x$python, x$version),
    sprintf("why:      %s\n", x$why),
    sprintf("homespot: %s, from %s\n", x$homespot, x$core),
    sprintf("device:   %s\n", x$device),
    sprintf("packages: %s\n", paste(names(x$packages), x$packages,
      collapse = ", "
    )),
    sep = ""
  )
  invisible(x)
}
