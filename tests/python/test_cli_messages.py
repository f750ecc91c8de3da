"""On the command line, messages name its own options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from homespot.cli import app
from homespot.cli._shared import in_options

MESSAGES = [
    ("Set st_scale='log' if they are.", "Set --st-scale log if they are."),
    ("are in sc.raw (sc_layer='raw').", "are in sc.raw (--sc-layer raw)."),
    (
        "in sc.layers['my counts'] (sc_layer='my counts').",
        "in sc.layers['my counts'] (--sc-layer 'my counts').",
    ),
    ("Name one as sc_layer, or leave it out.", "Name one as --sc-layer, or leave it out."),
    ('set sc_gene_column="symbol".', "set --sc-gene-column symbol."),
    ("Set scale='counts', or layer='raw'.", "Set --scale counts, or --layer raw."),
    ("lower block_size; use k_best=20.", "lower --block-size; use --k-best 20."),
    ("set leave_out=False, joint=True, joint=False.", "set --no-leave-out, --joint, --each."),
    ("shared_frame=True, or not", "--shared-frame, or not"),
    # A method's own parameters are given by --set.
    ("e.g. validation_genes=0.02, n_genes=50.", "e.g. --set validation_genes=0.02, --set n_genes=50."),
    # The user's own words, columns, code, and words that are no arguments for certain.
    ("Raise n_genes.", "Raise n_genes."),
    (
        "column 'sc_layer' of \"k_best\", homespot_left_over",
        "column 'sc_layer' of \"k_best\", homespot_left_over",
    ),
    ("the other's genes and st_layer", "the other's genes and --st-layer"),
    ("file a/sc_layer/k_best.h5ad", "file a/sc_layer/k_best.h5ad"),
    ("labels of the method, a layer, the output", "labels of the method, a layer, the output"),
    ("set sc.var['feature_types'] = 'Gene Expression'", "set sc.var['feature_types'] = 'Gene Expression'"),
    (
        "sc.var_names.str.replace('[-_.]', '.', regex=True)",
        "sc.var_names.str.replace('[-_.]', '.', regex=True)",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MESSAGES)
def test_arguments_become_options(text: str, expected: str) -> None:
    assert in_options(text, app) == expected


@pytest.fixture
def folder(pair, tmp_path: Path) -> Path:
    """Cells whose X is scaled, their counts in raw and their symbols in a column; spots without evidence."""
    sc, st = pair
    sc.raw = sc
    sc.X = sc.X.toarray() - 1
    sc.write_h5ad(tmp_path / "scaled.h5ad")
    rng = np.random.default_rng(0)
    st.X = np.where(rng.random(st.shape) < 0.4, 0, rng.gamma(1, 1, st.shape)).astype(np.float32)
    st.write_h5ad(tmp_path / "unclear.h5ad")
    sc = sc.raw.to_adata()
    sc.var = pd.DataFrame({"symbol": sc.var_names}, index=[f"id{i}" for i in range(sc.n_vars)])
    sc.write_h5ad(tmp_path / "ids.h5ad")
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "homespot.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_what_a_message_names_works(folder: Path) -> None:
    code, said = run(folder, "map", "scaled.h5ad", "unclear.h5ad")
    assert code == 1
    assert said.endswith("Values that would do are in sc.raw (--sc-layer raw).\n")
    code, said = run(folder, "map", "scaled.h5ad", "unclear.h5ad", "--sc-layer", "raw")
    assert code == 0
    assert said.startswith("Note: The spatial data is taken as log values")
    assert "Set --st-scale log if they are, or --st-scale counts to have them normalised.\n" in said
    code, said = run(folder, "map", "ids.h5ad", "unclear.h5ad", "--st-scale", "counts")
    assert code == 1
    assert said.endswith("set --sc-gene-column symbol.\n")
    stated = ("--st-scale", "counts", "--sc-gene-column", "symbol")
    assert run(folder, "map", "ids.h5ad", "unclear.h5ad", *stated) == (0, "")
    assert run(folder, "impute", "map.h5ad", "ids.h5ad", "--gene", "g8", "--gene", "g16") == (0, "")
