#' The parameters of a method
#'
#' @param method Name of a method, or `NULL` for all.
#'
#' @return The method's own parameters with their defaults, a named list, as
#'   [mapCells()] takes them; for `NULL` a list of such, named by method.
#'   A parameter that is left out unless given is `NULL`.
#'
#' @examplesIf homespot::hasPython()
#' str(methodParameters("ssa"))
#'
#' @export
methodParameters <- function(method = NULL) {
  if (is.null(method)) {
    methods <- .toR(.call("method_names"))
    return(stats::setNames(lapply(methods, methodParameters), methods))
  }
  known <- .toR(.call("method_parameters", .checkString(method, "method")))
  stats::setNames(known, .dotted(names(known)))
}
