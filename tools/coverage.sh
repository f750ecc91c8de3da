#!/usr/bin/env bash
# Every test file in a process of its own, under coverage: 90 percent of each language's lines at least.
set -euo pipefail
. "$(dirname "$0")/common.sh"

rm -rf build/coverage
mkdir -p build/coverage

step "coverage of R, test file by test file"
Rscript tools/coverage.R 90

step "coverage of Python, test file by test file"
install_r_package
for file in tests/python/test_*.py tests/interop/test_*.py; do
    coverage run -m pytest -q --no-header "$file" >build/coverage/alone.log 2>&1 || {
        cat build/coverage/alone.log
        exit 1
    }
    echo "$file: $(tail -1 build/coverage/alone.log)"
done
coverage combine -q build/coverage
coverage report
