#' Make the Python environment ahead of time
#'
#' @description
#' Makes what the first map would else make, and checks it: the Python
#' environment, for an installation script or before the network is left.
#' Where a Python is named or loaded already (see [homespotPython()]) there is
#' nothing to make, and it is only checked.
#'
#' @details
#' The environment is basilisk's: in its cache folder; in the folder
#' `BASILISK_EXTERNAL_DIR`; or, where `BASILISK_USE_SYSTEM_DIR=1` was set when
#' this package was installed, in the package's own folder, for all users of a
#' server.
#' Once it is made nothing needs the network.
#'
#' Its packages have exact versions, and a wheel for each on Linux (x86-64 and
#' ARM), macOS 14 or later (ARM) and Windows (x86-64), listed with their sizes
#' in `system.file("extdata", "wheels.csv", package = "homespot")`.
#' Elsewhere name a Python of your own.
#' For another build of torch, for example one without CUDA, which is ten times
#' smaller on Linux, name it by `options(homespot.torch.python = )`.
#'
#' The check maps the demo data, on the device that `device = "auto"` takes.
#'
#' @param torch Whether to make the second environment, too, with torch, which
#'   COME and GPUs need: on Linux, with CUDA, 3 GB to download.
#'
#' @return What [homespotPython()] returns.
#'
#' @section Errors:
#' Of class `homespot_dependency_error` as for [homespotPython()], also if the
#' package index cannot be reached.
#'
#' @examplesIf homespot::hasPython()
#' homespotSetup()
#'
#' @export
homespotSetup <- function(torch = FALSE) {
  old <- options(homespot.download = TRUE)
  on.exit(options(old))
  cli::cli_progress_step("Starting Python")
  python <- homespotPython()
  if (isTRUE(torch) && .lacksTorch("come", "cpu")) {
    cli::cli_progress_step("Making the environment that has torch")
    .torchPython()
  }
  cli::cli_progress_step("Mapping the demo data on {python$device}")
  demo <- demoData()
  mapCells(demo$sc, demo$st, progress = FALSE)
  cli::cli_progress_done()
  python
}

# What making an environment takes from the network, on this platform.
.download <- function(environment) {
  wheels <- utils::read.csv(
    system.file("extdata", "wheels.csv", package = "homespot")
  )
  here <- paste(Sys.info()[c("sysname", "machine")], collapse = "-")
  wheels <- wheels[
    wheels$platform == here & wheels$environment == environment,
  ]
  if (nrow(wheels) == 0L) {
    return(sprintf("%s, for which not every package has a wheel", here))
  }
  sprintf(
    "%d packages, %s MB to download", nrow(wheels),
    format(round(sum(wheels$megabytes)), big.mark = ",")
  )
}
