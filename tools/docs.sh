#!/usr/bin/env bash
# The R manual pages, the cheat sheet, the Python reference (docs/_build) and the R site (site/).
set -euo pipefail
. "$(dirname "$0")/common.sh"
setup

step "R manual pages"
python tools/methods.py
python tools/metrics.py
Rscript -e 'roxygen2::roxygenise()'
install_r_package
step "Cheat sheet"
python tools/cheatsheet.py
step "Python reference"
python -m sphinx -q -W -b html docs docs/_build/html
echo "docs/_build/html/index.html"
step "R site"
# pkgdown fetches the scripts of its pages.
if Rscript -e 'quit(status = !curl::has_internet())'; then
    Rscript -e 'pkgdown::build_site(preview = FALSE, install = FALSE)'
    echo "site/index.html"
else
    echo "left out: pkgdown needs the internet, and there is none"
fi
