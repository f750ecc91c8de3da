# Rscript tools/check.R CLONE KNOWN: builds the package of a fresh clone and checks it. Fails on anything found that
# the table KNOWN (check, pattern, reason) does not name.

arguments <- commandArgs(trailingOnly = TRUE)
clone <- normalizePath(arguments[1])
known <- utils::read.csv(arguments[2])
most_megabytes <- 5
most_minutes <- 5

step <- function(...) cat("\n== ", ..., "\n", sep = "")

online <- tryCatch(
  nrow(suppressWarnings(
    utils::available.packages(repos = BiocManager::repositories())
  )) > 0,
  error = function(e) FALSE
)
if (!online) {
  cat("check: no package repository can be reached; the checks that need one are off\n")
}

setwd(dirname(clone))

step("R CMD build")
status <- system2("R", c("CMD", "build", basename(clone)))
# Of the processor: what else runs on the machine does not count.
took <- sum(proc.time()[c("user.child", "sys.child")]) / 60
tarball <- Sys.glob("homespot_*.tar.gz")
stopifnot("R CMD build failed" = status == 0, length(tarball) == 1)
megabytes <- file.size(tarball) / 1e6
cat(sprintf(
  "%s: %.2f MB (at most %g), built with its vignettes in %.1f minutes (at most %g)\n",
  tarball, megabytes, most_megabytes, took, most_minutes
))

step("R CMD check --as-cran")
check <- rcmdcheck::rcmdcheck(
  tarball, c("--no-manual", "--as-cran"),
  quiet = TRUE, error_on = "never",
  env = c(
    # Seconds of an example that are worth a note. On a busy machine they are longer, and
    # threads that wait for one another count as work.
    "_R_CHECK_EXAMPLE_TIMING_THRESHOLD_" = "10", OMP_NUM_THREADS = "1",
    if (!online) c("_R_CHECK_CRAN_INCOMING_REMOTE_" = "false")
  )
)
print(check)

step("BiocCheck on the tarball")
off <- c("deprecated", "CRAN", "remotes", "bioc-help")
bioc <- do.call(BiocCheck::BiocCheck, c(
  list(tarball),
  if (!online) stats::setNames(as.list(rep(TRUE, length(off))), paste0("no-check-", off))
))

step("BiocCheckGitClone on the clone")
git <- BiocCheck::BiocCheckGitClone(clone)

of_bioc <- function(x) {
  unlist(lapply(c("error", "warning", "note"), function(kind) {
    # Each a heading, and the first lines of what it is about.
    vapply(x[[kind]], function(one) {
      paste0(toupper(kind), ": ", paste(utils::head(unlist(one), 12), collapse = " "))
    }, "")
  }))
}
found <- list(
  "R CMD check" = c(
    if (length(check$errors)) paste("ERROR:", check$errors),
    if (length(check$warnings)) paste("WARNING:", check$warnings),
    if (length(check$notes)) paste("NOTE:", check$notes)
  ),
  BiocCheck = of_bioc(bioc),
  BiocCheckGitClone = of_bioc(git)
)

step("What they found, and whether tools/check-known.csv has a reason for it")
failed <- character()
if (megabytes > most_megabytes) failed <- c(failed, "the tarball is too large")
if (took > most_minutes) failed <- c(failed, "the vignettes take too long")
for (name in names(found)) {
  rows <- known[known$check == name, ]
  for (message in gsub("[[:space:]]+", " ", found[[name]])) {
    reason <- rows$reason[vapply(rows$pattern, grepl, NA, x = message)]
    cat(sprintf("%s, %s\n    %s\n", name, substr(message, 1, 600), if (length(reason)) {
      paste("known:", reason[1])
    } else {
      "NOT KNOWN"
    }))
    if (!length(reason)) failed <- c(failed, paste(name, "found what is not known"))
  }
}
if (length(failed)) {
  stop(paste(unique(failed), collapse = "; "))
}
