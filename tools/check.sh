#!/usr/bin/env bash
# What Bioconductor asks for, of a fresh clone of what is committed: R CMD build and check --as-cran, BiocCheck on the
# tarball, BiocCheckGitClone on the clone (tools/check.R); then every test file alone, under coverage.
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

if [ -n "$(git status --porcelain)" ]; then
    printf 'check: left out, as it is not committed:\n%s\n' "$(git status --short)"
fi
rm -rf build/check
mkdir -p build/check
git clone -q . build/check/homespot
Rscript tools/check.R build/check/homespot tools/check-known.csv
tools/coverage.sh
