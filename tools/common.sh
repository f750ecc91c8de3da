# Sourced by the other scripts: where things are, and the set-up that each needs.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PATH="$PWD/.venv/bin:$PATH"
export RETICULATE_PYTHON="$PWD/.venv/bin/python"
export R_LIBS="$PWD/build/R-library${R_LIBS:+:$R_LIBS}"
export PYTHONDONTWRITEBYTECODE=1
# A bare machine has the locale C, in which R's HDF5 files lose the letters that are not ASCII.
[ "$(locale charmap)" = UTF-8 ] || export LC_ALL=C.UTF-8

step() { printf '\n== %s\n' "$*"; }

# rpy2 is built against R, so R comes first.
setup() {
    tools/setup-system.sh
    tools/setup-python.sh
}

install_r_package() {
    mkdir -p build/R-library
    R CMD INSTALL --no-test-load --library=build/R-library . >build/R-install.log 2>&1 || {
        cat build/R-install.log >&2
        return 1
    }
}
