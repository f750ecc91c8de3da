#!/usr/bin/env bash
# R CMD build, R CMD check and BiocCheck on the tarball.
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

# R CMD build copies its folder whole before it leaves anything out, so it gets one without .venv.
rm -rf build/check
mkdir -p build/check/homespot
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -cf - | tar -xf - -C build/check/homespot
cd build/check
step "R CMD build"
R CMD build homespot
step "R CMD check"
R CMD check --no-manual homespot_*.tar.gz
grep -E '^Status:' homespot.Rcheck/00check.log
if grep -qE '^Status:.*(ERROR|WARNING)' homespot.Rcheck/00check.log; then exit 1; fi
step "BiocCheck (the checks that need no network)"
Rscript -e '
    result <- BiocCheck::BiocCheck(Sys.glob("homespot_*.tar.gz"), `no-check-deprecated` = TRUE, `no-check-CRAN` = TRUE,
                                   `no-check-remotes` = TRUE, `no-check-bioc-help` = TRUE)
    quit(status = length(result$error) > 0)'
