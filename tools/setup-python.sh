#!/usr/bin/env bash
# A Python environment in the checkout. Without an argument .venv, for development. `newest` and `oldest` are
# for tests at both ends of what homespot runs on, without torch: .venv-newest has the newest packages on a newer
# Python, .venv-oldest the lowest versions that pyproject.toml names. `lean` has exactly what R's first environment
# has (R/basilisk.R), made by pip alone.
# Idempotent: with everything in place it ends within a few seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup (python): %s\n' "$*"; }
die() { printf 'setup (python): error: %s\n' "$*" >&2; exit 1; }

case "${1:-}" in
"")
    venv=.venv pins=tools/constraints.txt extras=dev
    pythons=${HOMESPOT_PYTHON:-python3.11 python3.12 python3.13 python3}
    ;;
newest) venv=.venv-newest pins=tools/constraints-newest.txt pythons="python3.13 python3.14" extras=io,plot,test ;;
oldest) venv=.venv-oldest pins=tools/constraints-oldest.txt pythons=python3.11 extras=io,plot,test ;;
lean) venv=.venv-lean pins=R/basilisk.R pythons="python3.12 python3.11 python3.13" extras="" ;;
*) die "expected newest, oldest, lean or nothing, found '$1'." ;;
esac

# R embeds Python, which needs a build with a shared libpython.
usable() {
    "$1" - 2>/dev/null <<'PY'
import ensurepip, sys, sysconfig, venv
sys.exit(not (sys.version_info >= (3, 11) and sysconfig.get_config_var("Py_ENABLE_SHARED")))
PY
}

# The first Python that can make it. pyenv keeps versions that it does not put on the path, and a Debian that was
# upgraded can have a Python whose pip is another one's.
make_venv() {
    local name candidate
    for name in $pythons; do
        for candidate in $(type -ap "$name") "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"$name"; do
            if [ -x "$candidate" ] && usable "$candidate" && "$candidate" -m venv --clear $venv >/dev/null 2>&1; then
                say "made $venv with $candidate"
                return
            fi
        done
    done
    return 1
}

# rpy2 builds against R; without R the Python half works, and only the interop tests need it.
if [ -n "$extras" ] && command -v R >/dev/null; then extras+=,r; fi

stamp=$venv/.homespot-setup
wanted=$(echo $extras; cat pyproject.toml $pins tools/setup-python.sh | sha256sum)
if [ -x $venv/bin/python ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; then
    say "$venv is up to date"
    exit 0
fi

# An interrupted set-up can leave a Python without pip.
if ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    make_venv || die "none of $pythons with venv and a shared libpython was found.
    On Debian: apt-get install python3-venv libpython3-dev   (or: make setup HOMESPOT_SYSTEM_SETUP=1)
    Elsewhere: name one with HOMESPOT_PYTHON=/path/to/python3 make setup"
fi

pip() { $venv/bin/python -m pip --disable-pip-version-check -qq "$@"; }
say "installing packages into $venv (two to five minutes, more where torch brings CUDA)"
if [ $venv = .venv-lean ]; then
    # shellcheck disable=SC2046
    pip install $(grep -oE '"[A-Za-z0-9_-]+==[^"]+"' $pins | tr -d '"')
else
    pip install "pip>=24" -c $pins
    # torch first and alone: a package that pulls it in by itself takes the newest build.
    if [ $venv = .venv ]; then pip install torch -c $pins; fi
    pip install --editable ".[$extras]" -c $pins
    # The neighbours that open our files there.
    if [ $venv = .venv-newest ]; then pip install squidpy -c $pins; fi
fi
$venv/bin/python -m pip check || die "the packages in $venv do not agree with one another (listed above)"
printf '%s' "$wanted" >$stamp
say "done"
