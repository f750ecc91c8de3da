#' Choose a method's settings on your own data
#'
#' @description
#' On the shared genes every combination of the grid is cross-validated
#' ([crossValidateGenes()]), and the one of highest median PCC is chosen.
#' Its own score is optimistic, as it was chosen for it.
#' So the whole choice is also made inside outer folds: on the genes outside an
#' outer fold only, whose genes are then predicted with what was chosen there,
#' and with the defaults.
#' These are the scores to report, and to compare.
#'
#' @param sc,st Single-cell and spatial data, as for [mapCells()]; `st` may be a
#'   list of sections.
#' @param method The name of a registered method.
#' @param grid Values to try, a list of vectors named by parameter, and
#'   `read.out`.
#'   `NULL`: a few for each of the methods that come with the package.
#'   The defaults (with `preset` and `...`) are always tried as well, and kept
#'   where nothing is better.
#' @param ... Parameters of the method that are fixed.
#' @param folds How many inner folds.
#' @param outer.folds Outer folds, as `folds` of [crossValidateGenes()].
#'   The work is (outer folds + 1) times inner folds times combinations maps,
#'   and two more for every outer fold.
#' @param seed,sc.assay.type,st.assay.type,sc.scale,st.scale,device As for
#'   [crossValidateGenes()].
#' @param sc.gene.column,st.gene.column,sections,joint The same.
#' @param preset The method's preset that everything starts from.
#' @param progress As for [mapCells()]; steps are maps.
#'
#' @return A list of class `homespotTuning`, which prints what was chosen, what
#'   it brings and what it cost:
#'   `method`;
#'   `settings`, the parameters chosen on all shared genes, as [mapCells()]
#'   takes them; `read.out`, the reading that goes with them, for
#'   [imputeGenes()];
#'   `tried`, a data.frame with one row a setting and outer fold: `outer` (the
#'   outer fold, or `"all"`: the choice on all genes), the setting, `pcc` (the
#'   median over the genes of the inner folds), `seconds` (of its maps) and
#'   `chosen`;
#'   `outer`, the honest scores, the table of [crossValidateGenes()] over the
#'   outer folds, `method` being `"tuned"` (chosen inside the other genes) or
#'   `"defaults"`;
#'   `seconds`, the time that all took.
#'   The numbers are those of Python's `tune()`, to the byte.
#'
#' @section Errors:
#' Of class `homespot_input_error` if the data or a parameter is not as
#' described, or there is no grid for the method.
#'
#' @examplesIf homespot::hasPython()
#' demo <- demoData()
#' tuned <- tuneMapping(
#'   demo$sc, demo$st, "ssa", list(regularisation = c(0.05, 0.1)),
#'   folds = 2, outer.folds = 2
#' )
#' tuned
#' map <- do.call(mapCells, c(
#'   list(demo$sc, demo$st, tuned$method), tuned$settings
#' ))
#'
#' @export
tuneMapping <- function(
    sc, st, method = "ssa", grid = NULL, ..., folds = 5L, outer.folds = 3L,
    seed = 0L, sc.assay.type = NULL, st.assay.type = NULL, sc.scale = "auto",
    st.scale = "auto", sc.gene.column = NULL, st.gene.column = NULL,
    sections = NULL, joint = NULL, preset = NULL, device = "auto",
    progress = NULL) {
  .checkString(method, "method")
  .checkString(device, "device")
  .checkStrings(preset = preset, optional = TRUE)
  if (.lacksTorch(method, device)) {
    return(.withTorch(
      "tuneMapping", .argumentsOf(tuneMapping, environment(), ...)
    ))
  }
  seed <- .checkWhole(seed, "seed", 0L)
  fixed <- list(...)
  given <- .methodArguments(method, fixed)
  .checkBoth(missing(sc), missing(st))
  data <- .bothData(environment())
  .checkLabels(data, given)
  value <- .callWithData(
    "tune", data, method, .gridToPython(grid, method),
    folds = .foldsToPython(folds), outer_folds = .foldsToPython(outer.folds),
    seed = seed, preset = preset, device = device,
    progress = .progress(progress, "Tuning"), parameters = .dict(given)
  )
  settings <- .toR(value$get("settings"))
  tried <- .dataFrame(value$get("tried"))
  names(settings) <- .dotted(names(settings))
  labels <- intersect(names(fixed), .dotted(.labelParameters))
  settings[labels] <- fixed[labels]
  names(tried) <- .dotted(names(tried))
  structure(
    list(
      method = method, settings = settings,
      read.out = .toR(value$get("read_out")), tried = tried,
      outer = .dataFrame(value$get("outer")),
      seconds = .toR(value$get("seconds"))
    ),
    class = "homespotTuning"
  )
}

# Values to try, of the types that the parameters have.
.gridToPython <- function(grid, method) {
  if (is.null(grid)) {
    return(NULL)
  }
  names <- names(grid)
  .refuseIf(
    !is.list(grid) || is.null(names) || !all(nzchar(names)) ||
      anyDuplicated(names),
    "a grid as a list of values to try, named by parameter", .describe(grid),
    "Pass list(parameter = c(value, other))."
  )
  known <- .toR(.call("method_parameters", method))
  names(grid) <- .snake(names)
  .dict(Map(function(values, name) {
    lapply(as.list(values), .likeDefault, known[[name]])
  }, grid, names(grid)))
}

#' @export
print.homespotTuning <- function(x, ...) {
  median <- tapply(x$outer$pcc, x$outer$method, stats::median, na.rm = TRUE)
  settings <- c(x$settings, read.out = x$read.out)
  cat(
    sprintf("Settings of %s, chosen by cross-validation\n", x$method),
    sprintf("%s: %s\n", names(settings), vapply(settings, format, "")),
    sprintf(
      "median PCC of genes that had no part in the choice: %.3f\n",
      median[["tuned"]]
    ),
    sprintf("the same with the defaults: %.3f\n", median[["defaults"]]),
    sprintf(
      "%d settings were tried, in %.0f s\n", sum(x$tried$outer == "all"),
      x$seconds
    ),
    sep = ""
  )
  invisible(x)
}
