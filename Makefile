# make setup | demo | test-quick | test | test-all | test-newest | test-oldest | check | bench | docs | dist | clean
# The recipes are in tools/; each says what it does.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test-quick test test-all test-newest test-oldest check bench docs dist clean

help:
	@sed -n 's/^# //p' Makefile
	@echo "setup     the Python environment .venv, and R with its packages (asks first, or HOMESPOT_SYSTEM_SETUP=1)"
	@echo "demo      map the demo data from Python and from R, check that both agree, draw the figure"
	@echo "test-quick  what to run while working: lint, types, one path through every verb; under two minutes"
	@echo "test      ruff, mypy, pytest, lintr, testthat and the interop suite"
	@echo "test-all  the same with the slow tests and those on real data (HOMESPOT_DATA)"
	@echo "test-newest, test-oldest   the tests on the newest packages there are, and on the lowest that are named"
	@echo "check     R CMD build, R CMD check and BiocCheck"
	@echo "bench     every benchmark; tables on the screen, CSV files in benchmarks/results"
	@echo "docs      the R manual pages and site, the Python reference"
	@echo "dist      the sdist and the wheel for a package registry, in dist, checked"
	@echo "clean     remove what the others made (not .venv)"

setup:
	@tools/setup-system.sh
	@tools/setup-python.sh

demo:
	@tools/demo.sh

test-quick:
	@tools/test-quick.sh

test:
	@tools/test.sh

test-all:
	@tools/test.sh --all

test-newest:
	@tools/test-end.sh newest

test-oldest:
	@tools/test-end.sh oldest

check:
	@tools/check.sh

bench:
	@tools/bench.sh

docs:
	@tools/docs.sh

dist:
	@tools/dist.sh

clean:
	rm -rf build dist site docs/_build *.Rcheck homespot_*.tar.gz .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find python tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +
