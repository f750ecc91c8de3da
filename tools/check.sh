#!/usr/bin/env bash
# R CMD build, R CMD check and BiocCheck on the tarball.
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

mkdir -p build/check
source=$PWD
cd build/check
rm -rf homespot.Rcheck homespot_*.tar.gz
step "R CMD build"
R CMD build "$source"
step "R CMD check"
R CMD check --no-manual homespot_*.tar.gz
grep -E '^Status:' homespot.Rcheck/00check.log
! grep -qE '^Status:.*(ERROR|WARNING)' homespot.Rcheck/00check.log
step "BiocCheck (the checks that need no network)"
Rscript -e '
    result <- BiocCheck::BiocCheck(Sys.glob("homespot_*.tar.gz"), `no-check-deprecated` = TRUE, `no-check-CRAN` = TRUE,
                                   `no-check-remotes` = TRUE, `no-check-bioc-help` = TRUE)
    quit(status = length(result$error) > 0)'
