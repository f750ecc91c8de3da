#!/usr/bin/env bash
# The methods beside which benchmarks/ measures: an environment each, in build/peers (7 GB in all).
# Idempotent. One that cannot be installed is no error: the reason is printed, and kept in <name>.failed.
#   tools/setup-peers.sh [NAME ...]      all of them, or those named
set -euo pipefail
cd "$(dirname "$0")/.."

PEERS=${*:-tangram novosparc moscot flashdeconv cellmapper geomloss ott}
FREE_NEEDED=3000000 # KB for one environment

say() { printf 'setup (peers): %s\n' "$*"; }

# Prints the last line of pip's own reason if it fails.
install_into() {
    local python=$1 pins=$2 log=$3 name=$4
    {
        # torch first and alone, from wherever pip is set up to look: a package that wants it takes the newest build.
        { ! grep -q '^torch==' "$pins" || "$python" -m pip install "$(grep '^torch==' "$pins")"; } &&
            "$python" -m pip install --requirement "$pins" &&
            "$python" -c "import $name"
    } >"$log" 2>&1 && return
    grep -v 'Location .* is ignored' "$log" | grep -i 'error' | tail -n 1 || tail -n 1 "$log"
    return 1
}

python=$(command -v "${HOMESPOT_PYTHON:-python3.11}") || {
    say "error: python3.11 was not found; name one with HOMESPOT_PYTHON=/path/to/python3.11"
    exit 1
}
export PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p build/peers

for name in $PEERS; do
    pins=benchmarks/_peers/$name.txt
    home=build/peers/$name
    if [ ! -f "$pins" ]; then
        say "error: no peer is called $name (there are: $(cd benchmarks/_peers && ls ./*.txt | sed 's|./||; s|\.txt||' | tr '\n' ' '))"
        exit 1
    fi
    wanted=$(sha256sum <"$pins")
    if [ "$(cat "$home/.installed" 2>/dev/null)" = "$wanted" ]; then
        say "$name is up to date"
        continue
    fi
    rm -f "$home.failed"
    free=$(df --output=avail -k build | tail -n 1)
    if [ "$free" -lt $FREE_NEEDED ]; then
        say "$name left out: $(echo "$((free / 1000)) MB of disk free, $((FREE_NEEDED / 1000)) needed" | tee "$home.failed")"
        continue
    fi
    say "installing $name into $home (two to fifteen minutes)"
    # Over what an interrupted run left, without starting anew.
    [ -x "$home/bin/python" ] && "$home/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$home"
    if reason=$(install_into "$home/bin/python" "$pins" "build/peers/$name.log" "$name"); then
        printf '%s' "$wanted" >"$home/.installed"
    else
        say "$name left out: $(printf 'not installed: %s' "$reason" | tee "$home.failed")"
    fi
done
say "done"
