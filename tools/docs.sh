#!/usr/bin/env bash
# The R manual pages and site (site/), and the Python reference (docs/_build).
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

step "R manual pages"
Rscript -e 'roxygen2::roxygenise()'
install_r_package
step "R site"
Rscript -e 'pkgdown::build_site(preview = FALSE, install = FALSE)'
step "Python reference"
python -m sphinx -q -W -b html docs docs/_build/html
echo "site/index.html and docs/_build/html/index.html"
