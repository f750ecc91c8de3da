#!/usr/bin/env bash
# Every benchmark; those on real data say so and skip without HOMESPOT_DATA.
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup
install_r_package
tools/setup-peers.sh

for script in benchmarks/[a-z]*.py; do
    step "$script"
    python "$script"
done
for script in benchmarks/*.R; do
    step "$script"
    Rscript "$script"
done
