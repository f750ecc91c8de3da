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

# Tests run once: R would compile them for longer than they take.
export R_ENABLE_JIT=0
# The suites share the cores: a thread that has nothing to do must not spin on one.
export OMP_WAIT_POLICY=passive
# This is no CRAN machine: testthat would skip what compares printed output.
export NOT_CRAN=true

install_r_package &
step "ruff"
ruff check .
ruff format --check .
step "mypy"
mypy
step "the workflow file"
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
step "R package: install"
wait $!

step "Python at both ends"
tools/setup-python.sh newest
tools/setup-python.sh oldest
tools/setup-python.sh lean

step "pytest of both folders, and testthat with lintr, beside one another"
pytest "${slow[@]}" --durations=15 tests/interop >build/interop-tests.log 2>&1 &
interop=$!
{
    Rscript tools/test.R
    Rscript -e 'found <- lintr::lint_package(cache = TRUE); print(found); quit(status = length(found) > 0)'
} >build/r-tests.log 2>&1 &
r=$!
failed=0
pytest "${slow[@]}" --durations=15 tests/python || failed=1

step "pytest on the newest packages: a part"
tools/test-end.sh newest -q tests/python/test_{extras,h5ad,map,mapping,place,reading,tables}.py || failed=1

step "pytest of tests/interop"
wait $interop || failed=1
cat build/interop-tests.log
step "testthat and lintr"
wait $r || failed=1
cat build/r-tests.log
exit $failed
