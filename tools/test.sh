#!/usr/bin/env bash
# Both languages' checks and tests. --all adds the slow ones and those on real data (HOMESPOT_DATA).
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

slow=()
if [ "${1:-}" = --all ]; then
    slow=(-m "")
    export HOMESPOT_SLOW_TESTS=1
fi

step "ruff"
ruff check .
ruff format --check .
step "mypy"
mypy
step "R package: install; lintr runs beside the tests that follow"
install_r_package
Rscript -e 'found <- lintr::lint_package(); print(found); quit(status = length(found) > 0)' >build/lintr.log 2>&1 &
lintr=$!
step "testthat"
Rscript -e 'suppressPackageStartupMessages(library(homespot)); testthat::test_dir("tests/testthat", package = "homespot", load_package = "installed", reporter = "summary", stop_on_warning = TRUE)'
step "pytest: Python and both languages together"
pytest "${slow[@]}"
step "lintr"
wait $lintr || { cat build/lintr.log; exit 1; }
echo "no lints"
