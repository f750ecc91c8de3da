#!/usr/bin/env bash
# What a package registry takes: the sdist, the wheel that is built from it, and whether the registry would accept both.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup-python.sh
rm -rf dist
.venv/bin/python -m build --no-isolation --outdir dist
.venv/bin/python -m twine check --strict dist/*
