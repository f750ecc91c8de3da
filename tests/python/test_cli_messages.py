"""On the command line, messages name its own options and commands, and what to change in the files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from homespot.cli import app
from homespot.cli._shared import in_options
from homespot.cli._words import in_words

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


CHANGE = " (There is no option for it: change the file.)"
PYTHON = " (The command line cannot do it: that is Python.)"
LINES = [
    (
        "To keep them, set st.obs['in_tissue'] = 1.",
        f"To keep them, set column 'in_tissue' of obs of the spatial data to 1.{CHANGE}",
    ),
    (
        "Correct this, or set st.obs['a = 2; b'] = 1 to use all.",
        f"Correct this, or set column 'a = 2; b' of obs of the spatial data to 1 to use all.{CHANGE}",
    ),
    (
        "set sc.var['kind'] = 'Gene Expression'; sc.raw.var['is_control'] = False.",
        "set column 'kind' of var of the single-cell data to 'Gene Expression'; "
        f"set column 'is_control' of raw.var of the single-cell data to False.{CHANGE}",
    ),
    (
        "set sc.var['kind'] = sc.var['kind'].astype(object).replace(['a', 'b'], 'Gene Expression').",
        "replace ['a', 'b'] by 'Gene Expression' in column 'kind' of var of the single-cell data." + CHANGE,
    ),
    (
        "own: st.obs_names = st.obs['sample'].astype(str) + '_' + st.obs_names.",
        "own: put column 'sample' of obs of the spatial data and '_' in front of the index of obs of the "
        f"spatial data.{CHANGE}",
    ),
    (
        "own: sc.var_names_make_unique().",
        f"own: number the names that repeat in the index of var of the single-cell data.{CHANGE}",
    ),
    (
        "To match them, set sc.var_names = sc.var_names.str.replace('[-_. ]', '.', regex=True); "
        "st.var_names = st.var_names.str.upper().",
        "To match them, replace '[-_. ]' by '.' in the index of var of the single-cell data; "
        f"write the index of var of the spatial data in capitals.{CHANGE}",
    ),
    (
        "The columns 'a' of st.obs: st.obsm['spatial'] = st.obs[['a', 'b']].to_numpy(dtype=float).",
        "The columns 'a' of obs of the spatial data: copy the columns 'a', 'b' of obs to obsm['spatial'] of "
        f"the spatial data.{CHANGE}",
    ),
    (
        "st.obsm['xy'] looks like it: st.obsm['spatial'] = st.obsm['xy'].",
        "obsm['xy'] of the spatial data looks like it: copy obsm['xy'] of the spatial data to "
        f"obsm['spatial'] of the spatial data.{CHANGE}",
    ),
    (
        "to swap them, set st.obsm['spatial'] = st.obsm['spatial'][:, [1, 0]].",
        f"to swap them, swap the columns of obsm['spatial'] of the spatial data.{CHANGE}",
    ),
    # What no rule knows stays, and is said to be Python.
    (
        "set sc.var_names = sc.var_names.str.cat(other). Or use n_genes.",
        f"set sc.var_names = sc.var_names.str.cat(other). Or use n_genes.{PYTHON}",
    ),
    ("See combine_cells().", f"See combine_cells().{PYTHON}"),
    # Verbs, and arguments that are plain words.
    ("Pass what map_cells() or load() returned.", "Name a file that `homespot map` wrote."),
    ("Pass what cross_validate() returned.", "Name a table that `homespot evaluate` wrote."),
    (
        "Pass that one, or take the part of the mapping with subset().",
        "Name that one, or map this one.",
    ),
    ("call map_cells(st, sc) the other way round.", "name the two files the other way round."),
    ("pass all sections, put together by join_sections().", "name the files of all sections."),
    ("Name the column as sections.", "Name the column as --sections."),
    (
        "with the section of every spot as sections, or leave joint out.",
        "with the section of every spot as --sections, or leave --each out.",
    ),
    ("Name one that is there as st_labels.", "Name one that is there as --set st_labels=...."),
    ("Name one that is there, or pass one value a cell.", "Name one that is there."),
    ("Raise n_genes.", "Raise n_genes. (Set it with --set n_genes=...)"),
    ("Raise n_genes, or set validation_genes=0.", "Raise n_genes, or use --set validation_genes=0."),
    # Places, and names of the user's.
    (
        "by the names in sc.raw.var['a']: set sc_gene_column='a'.",
        "by the names in column 'a' of raw.var of the single-cell data: set --sc-gene-column a.",
    ),
    ("in sc.raw (sc_layer='raw')", "in sc.raw (--sc-layer raw)"),
    ("a column of st.obs", "a column of obs of the spatial data"),
    (
        "no file 'st.obs' or 'sc.var.h5ad' beside st.obs.csv",
        "no file 'st.obs' or 'sc.var.h5ad' beside st.obs.csv",
    ),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_messages_are_in_the_words_of_the_command_line(text: str, expected: str) -> None:
    assert in_words(text, app) == expected


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


@pytest.fixture
def run(command_line) -> Callable[..., tuple[int, str]]:
    def run(folder: Path, *arguments: str) -> tuple[int, str]:
        done = command_line(folder, *arguments)
        return done.returncode, done.stderr

    return run


def test_what_a_message_names_works(run, folder: Path) -> None:
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


@pytest.fixture
def faults(pair, tmp_path: Path) -> Path:
    """Files with one fault each."""
    sc, st = pair
    sc.write_h5ad(tmp_path / "sc.h5ad")

    def write(name: str, **columns: object) -> None:
        one = st.copy()
        one.obs = one.obs.assign(**columns)
        if name == "elsewhere":
            one.obsm["X_slideseq"] = one.obsm.pop("spatial")
        if name == "twice":
            one.obs_names = [f"s{i // 2}" for i in range(one.n_obs)]
        one.write_h5ad(tmp_path / f"{name}.h5ad")

    write("st")
    write("off", in_tissue=[0, 0, *[1] * 23])
    write("elsewhere")
    with warnings.catch_warnings(action="ignore"):
        write("twice", sample_id=["a", "b"] * 12 + ["a"])
    return tmp_path


FAULTS = {
    "off the tissue": (
        ["map", "sc.h5ad", "off.h5ad"],
        "Note: 2 of 25 spots tissue column 'in_tissue' obs spatial data 1.",
    ),
    "coordinates elsewhere": (
        ["map", "sc.h5ad", "elsewhere.h5ad"],
        "Note: no coordinates obsm['spatial'] obsm['X_slideseq'] spatial data copy",
    ),
    "swapped": (
        ["map", "st.h5ad", "sc.h5ad"],
        "Note: single-cell (sc) coordinates spatial (st) files",
    ),
    "no mapping": (
        ["impute", "sc.h5ad", "sc.h5ad"],
        "Error: mapping 'homespot' homespot_left_over AnnData 40 35 `homespot map`",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_said_of_a_fault(run, faults: Path, told, case: str) -> None:
    arguments, words = FAULTS[case]
    told(run(faults, *arguments)[1], words)


def test_libraries_say_nothing(run, faults: Path, told) -> None:
    code, said = run(faults, "map", "sc.h5ad", "twice.h5ad")
    assert code == 1
    note, error = said.splitlines()
    assert note.startswith("Note: Found 2 sections in column 'sample_id' of obs of the spatial data")
    told(error, "Error: unique spot names spatial data index of obs")
