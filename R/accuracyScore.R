#' Methods compared by all scores at once
#'
#' @description
#' The accuracy score of Li et al. (2022): the mean rank of every method over
#' the four scores.
#' For each score the N methods are ranked by their mean over the genes: by PCC
#' and SSIM the highest has rank N, by RMSE and JSD the lowest; methods that tie
#' share the mean of their ranks.
#' The accuracy is the mean of the four ranks over N, from 1 / N (worst in all)
#' to 1 (best in all).
#' It depends on which methods are compared.
#'
#' @param scores What [crossValidateGenes()] returned for several methods, or
#'   any table with the columns `method`, `gene`, `pcc`, `ssim`, `rmse` and
#'   `jsd`; or a list of tables of [scoreGenes()], named by method.
#'   All methods have the same genes.
#'
#' @return A data.frame with one row a method, in the order given: `method`, the
#'   mean of each score, the ranks `rank.pcc`, `rank.ssim`, `rank.rmse` and
#'   `rank.jsd`, and `accuracy`.
#'   A mean is over the genes for which all methods have that score (a JSD can
#'   be `NaN`); a method that has it for no gene is left out of that and ranks
#'   last.
#'
#' @section Errors:
#' Of class `homespot_input_error` if columns are missing, there are fewer than
#' two methods, or they do not have the same genes.
#'
#' @seealso [plotScores()].
#'
#' @examplesIf homespot::hasPython()
#' scores <- data.frame(
#'   gene = c("a", "b"), method = rep(c("one", "two"), each = 2),
#'   pcc = c(0.5, 0.7, 0.4, 0.5), ssim = c(0.4, 0.5, 0.45, 0.3),
#'   rmse = c(1, 0.8, 1.1, 1), jsd = c(0.1, 0.2, 0.1, 0.3)
#' )
#' accuracyScore(scores)
#'
#' @export
accuracyScore <- function(scores) {
  wanted <- rownames(.metrics)
  if (is.list(scores) && !is.data.frame(scores)) {
    scores <- .byMethod(scores, wanted)
  }
  .refuseIf(
    !is.data.frame(scores) && !is(scores, "DataFrame"),
    "a data.frame of scores, or a list of such named by method",
    .describe(scores), "Pass what crossValidateGenes() returned."
  )
  columns <- c("method", "gene", wanted)
  .needColumns(
    scores, columns, "scores",
    "Pass what crossValidateGenes() returned, or a list of tables by method."
  )
  found <- .dataFrame(.call(
    "accuracy_score", .tableToPython(scores[columns], "scores")
  ))
  names(found) <- sub("rank_", "rank.", names(found), fixed = TRUE)
  found
}

.byMethod <- function(tables, wanted) {
  names <- names(tables)
  .refuseIf(
    is.null(names) || !all(nzchar(names)) || anyDuplicated(names),
    "tables of scores named by method, each once", .describe(tables),
    "Pass list(name = table, other = table)."
  )
  columns <- c("gene", wanted)
  parts <- lapply(names, function(name) {
    table <- tables[[name]]
    lost <- setdiff(columns, colnames(table))
    .refuseIf(
      !is.data.frame(table) || length(lost),
      sprintf("a table of scoreGenes() for method '%s'", name),
      if (is.data.frame(table)) {
        sprintf("one without %s", .some(lost, 5L))
      } else {
        .describe(table)
      },
      "Columns are gene, pcc, ssim, rmse and jsd."
    )
    cbind(
      table[columns], method = rep(name, nrow(table)), stringsAsFactors = FALSE
    )
  })
  do.call(rbind, parts)
}
