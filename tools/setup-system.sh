#!/usr/bin/env bash
# The system half of the development set-up: R >= 4.5 with the Bioconductor packages
# of tools/r-packages.txt, from Debian's packages. Idempotent: a machine that has them is left alone.
#
# On Debian 12 this adds the Debian 13 source and upgrades the C library, so it runs unasked only with
# HOMESPOT_SYSTEM_SETUP=1; at a terminal it shows what would change and asks.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup (system): %s\n' "$*"; }
die() { printf 'setup (system): error: %s\n' "$*" >&2; exit 1; }

r_packages=$(awk '!/^#/ && NF { print $2 }' tools/r-packages.txt | grep -v '^-$')
deb_packages=$(awk '!/^#/ && NF { print $1 }' tools/r-packages.txt | grep -v '^-$')

missing_in_r() {
    if ! command -v Rscript >/dev/null; then
        echo "R itself"
        return
    fi
    # shellcheck disable=SC2086
    Rscript --vanilla - $r_packages <<'R'
if (getRversion() < "4.5") cat("R >= 4.5 (found ", format(getRversion()), ")\n", sep = "")
wanted <- commandArgs(trailingOnly = TRUE)
cat(setdiff(wanted, rownames(installed.packages())), sep = "\n")
R
}

missing_tools() {
    local tool
    for tool in pandoc qpdf checkbashisms chromium chromedriver; do
        command -v $tool >/dev/null || echo $tool
    done
}

missing=$(missing_in_r; missing_tools)
if [ -z "$missing" ]; then
    say "R $(Rscript --vanilla -e 'cat(format(getRversion()))') has every package; nothing to do"
    exit 0
fi
say "missing: $(echo "$missing" | tr '\n' ' ')"

command="HOMESPOT_SYSTEM_SETUP=1 tools/setup-system.sh"
[ -r /etc/os-release ] || die "this is not Debian. Install R >= 4.5 and the R packages named above, then run make again."
. /etc/os-release
[ "${ID:-}" = debian ] && command -v apt-get >/dev/null ||
    die "this is ${PRETTY_NAME:-an unknown system}, not Debian, and the packages come from Debian.
    Install R >= 4.5 and what is named above in your system's way, or use the Dockerfile."
[ "${VERSION_ID:-0}" -ge 12 ] || die "Debian ${VERSION_ID:-?} is too old; Debian 12 or later is needed."
[ "$(id -u)" = 0 ] || die "installing system packages needs root. Run, as root:
    $command"

# Debian 12 needs the source of Debian 13; its address is the one the machine's own source uses.
trixie_source() {
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)' 'Created-By: Packages' |
        awk -F'|' '$2 == "bookworm" && $3 == "main" { print $1; exit }')
    [ -n "$uri" ] || die "found no Debian source among the machine's package sources"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' \
        "${uri%/}" /usr/share/keyrings/debian-archive-keyring.gpg >$source
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >/etc/apt/preferences.d/trixie
}

install() {
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $release \
        -o Dpkg::Options::=--force-confold "$@" $deb_packages
}

# A Debian 12 that has been through this calls itself 13, and still has its own source beside that of 13.
source=/etc/apt/sources.list.d/trixie.sources
if [ "$VERSION_ID" -eq 12 ] || [ -e $source ]; then
    changes="It adds the Debian 13 (trixie) source at low priority, installs R and its packages from it,
    and upgrades the C library and about 80 packages with it. Four minutes, about 2 GB."
    release="-t trixie"
else
    changes="It installs R and its packages from the machine's own Debian. Three minutes, about 2 GB."
    release=""
fi

if [ "${HOMESPOT_SYSTEM_SETUP:-}" != 1 ]; then
    [ -t 0 ] || die "the system part does not run unasked. $changes
    To run it:
    $command"
    say "$changes"
    if [ -z "$release" ] || [ -e $source ]; then
        install --simulate | awk '/^(Inst|Remv)/ { print "    " $1, $2, $3, $4 }'
    fi
    read -r -p "Go on? [y/N] " answer
    [ "$answer" = y ] || [ "$answer" = Y ] || die "stopped by you; nothing was changed"
fi

say "$changes"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "'$1' failed; its last lines are above"; }; }
say "updating the package lists"
quietly apt-get update
if [ -n "$release" ] && [ ! -e $source ]; then
    trixie_source
    quietly apt-get update
fi
say "installing (this is the long part)"
quietly install
still_missing=$(missing_in_r; missing_tools)
[ -z "$still_missing" ] || die "installed, but still missing: $(echo "$still_missing" | tr '\n' ' ')"
say "done"
