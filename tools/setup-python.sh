#!/usr/bin/env bash
# The Python half of the development set-up: the environment .venv in the checkout.
# Idempotent: with everything in place it ends within a few seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup (python): %s\n' "$*"; }
die() { printf 'setup (python): error: %s\n' "$*" >&2; exit 1; }

# R embeds Python, which needs a build with a shared libpython.
usable() {
    "$1" - 2>/dev/null <<'PY'
import ensurepip, sys, sysconfig, venv
sys.exit(not (sys.version_info >= (3, 11) and sysconfig.get_config_var("Py_ENABLE_SHARED")))
PY
}

find_python() {
    local candidate
    for candidate in ${HOMESPOT_PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if command -v "$candidate" >/dev/null && usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# rpy2 builds against R; without R the Python half works, and only the interop tests need it.
extras=plot,dev
if command -v R >/dev/null; then extras+=,r; fi

stamp=.venv/.homespot-setup
wanted=$(echo $extras; cat pyproject.toml tools/constraints.txt tools/setup-python.sh | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; then
    say ".venv is up to date"
    exit 0
fi

# An interrupted set-up can leave a Python without pip.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || die "no Python >= 3.11 with venv and a shared libpython was found.
    On Debian: apt-get install python3-venv libpython3-dev   (or: make setup HOMESPOT_SYSTEM_SETUP=1)
    Elsewhere: name one with HOMESPOT_PYTHON=/path/to/python3 make setup"
    say "making .venv with $python"
    "$python" -m venv --clear .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check -qq "$@"; }
say "installing packages into .venv (two to five minutes, more where torch brings CUDA)"
pip install "pip>=24" -c tools/constraints.txt
# torch first and alone: a package that pulls it in by itself takes the newest build.
pip install torch -c tools/constraints.txt
pip install --editable ".[$extras]" -c tools/constraints.txt
.venv/bin/python -m pip check || die "the packages in .venv do not agree with one another (listed above)"
printf '%s' "$wanted" >$stamp
say "done"
