#!/usr/bin/env bash
# What to run while one works: lint, types, and one path through every verb in both languages. After set-up it ends
# within two minutes on two cores.
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

# Tests run once: R would compile them for longer than they take.
export R_ENABLE_JIT=0
# The suites share the cores: a thread that has nothing to do must not spin on one.
export OMP_WAIT_POLICY=passive
export NOT_CRAN=true

{
    install_r_package
    Rscript tools/test.R '^(every-verb|names|sources)$'
} >build/r-quick.log 2>&1 &
r=$!
failed=0
step "ruff"
ruff check . || failed=1
ruff format --check . || failed=1
step "mypy"
mypy || failed=1
step "pytest: every verb, the house, the messages"
pytest -q --durations=10 tests/python/test_{every_verb,house,errors,bad_input,registry,contract}.py || failed=1
step "testthat: every verb"
wait $r || failed=1
cat build/r-quick.log
step "lintr: what differs from main"
base=$(git merge-base HEAD main 2>/dev/null || echo HEAD)
mapfile -t changed < <({ git diff --name-only --diff-filter=d "$base" -- R tests/testthat; git ls-files --others --exclude-standard -- R tests/testthat; } | grep '\.R$')
if [ ${#changed[@]} -gt 0 ]; then
    Rscript -e 'found <- lapply(commandArgs(TRUE), lintr::lint, parse_settings = TRUE); lapply(found, print) -> shown; quit(status = sum(lengths(found)) > 0)' "${changed[@]}" || failed=1
fi
exit $failed
