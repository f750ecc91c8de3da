#!/usr/bin/env bash
# Map the demo data from Python and from R, and check that both give the same map.
set -euo pipefail
. "$(dirname "$0")/common.sh"

# Without R the Python half still runs.
r_is_there=yes
tools/setup-system.sh || r_is_there=
tools/setup-python.sh

step "Python: mapping the demo data"
homespot demo --output build/demo

if [ -z "$r_is_there" ]; then
    echo
    echo "The R half of the demo was left out: R or its packages are missing. To install them, as root:"
    echo "    HOMESPOT_SYSTEM_SETUP=1 tools/setup-system.sh"
    echo "The report is build/demo/report.html: open it in a browser."
    exit 0
fi

step "R: mapping the same data, and comparing"
install_r_package
Rscript inst/scripts/demo.R build/demo

echo
echo "The report is build/demo/report.html: open it in a browser."
