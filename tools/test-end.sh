#!/usr/bin/env bash
# The tests at an end of what homespot runs on, without torch: tools/test-end.sh newest|oldest [pytest's arguments].
# COME's tests say that they skip. Without arguments it runs all of them, also those of both languages.
set -euo pipefail
end=$1
shift
. "$(dirname "$0")/common.sh"
tools/setup-python.sh "$end"
python="$PWD/.venv-$end/bin/python"
export RETICULATE_PYTHON="$python" PATH="$(dirname "$python"):$PATH"
# The oldest versions do not know the newest of what they need, and warn of it.
warnings=()
if [ "$end" = oldest ]; then
    warnings=(-o filterwarnings=default -W error::homespot.errors.DataWarning)
fi
if [ $# = 0 ]; then
    install_r_package
    set -- tests/python tests/interop
fi
python -m pytest "${warnings[@]}" "$@"
