"""A map remembers which values, names and scale it was made from, and later verbs take the same."""

from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from homespot import combine_cells, impute_genes, load, map_cells, plot, report, save
from homespot.errors import DataWarning, InputError

GENES = ["g8", "g9"]


@pytest.fixture
def plain(make_pair) -> tuple[ad.AnnData, ad.AnnData]:
    """Counts in X, under the names of genes."""
    return make_pair(60, 30)


@pytest.fixture
def odd(plain) -> tuple[ad.AnnData, ad.AnnData]:
    """The same data: scaled X of the cells with counts in raw, counts of spots in a layer, names in columns.

    The matrices that are not meant have other genes in the place of each.
    """
    sc, st = (one.copy() for one in plain)
    rng = np.random.default_rng(1)
    for one in (sc, st):
        one.var = pd.DataFrame({"symbol": one.var_names}, index=[f"id{i}" for i in range(one.n_vars)])
    sc.raw = sc.copy()
    sc.X = np.asarray(sc.X.toarray() - sc.X.mean(axis=0))
    st.layers["counts"] = st.X
    st.X = np.log1p(st.X.toarray()[:, rng.permutation(st.n_vars)])
    return sc, st


ARGUMENTS = {
    "sc_layer": "raw",
    "st_layer": "counts",
    "sc_gene_column": "symbol",
    "st_gene_column": "symbol",
    "st_scale": "counts",
}


@pytest.mark.parametrize("way", [{}, {"sections": "half"}], ids=["jointly", "section by section"])
def test_genes_are_imputed_from_the_values_of_the_map(plain, odd, tmp_path: Path, way: dict) -> None:
    for _, st in (plain, odd):
        st.obs["half"] = np.where(np.arange(st.n_obs) % 2, "b", "a")
    first = map_cells(*plain, st_scale="counts", **way)
    second = map_cells(*odd, **ARGUMENTS, **way)
    np.testing.assert_array_equal(first.X, second.X)
    save(second, tmp_path / "map.h5ad")
    found = impute_genes(load(tmp_path / "map.h5ad"), odd[0], GENES)
    np.testing.assert_array_equal(found.X, impute_genes(first, plain[0], GENES).X)


def pictures_and_values(page: str) -> list[tuple[str, str]]:
    """Return the pictures of a page, and the numbers of its tissue."""
    return re.findall(r'base64,([^"]+)"|"values": ?"([^"]+)"', page)


def test_the_report_shows_the_values_of_the_map(plain, odd, tmp_path: Path) -> None:
    pages = []
    for (sc, st), arguments in ((plain, {"st_scale": "counts"}), (odd, ARGUMENTS)):
        mapping = map_cells(sc, st, **arguments)
        path = report(mapping, tmp_path / "r.html", sc=sc, st=st, genes=GENES)
        pages.append(pictures_and_values(path.read_text(encoding="utf-8")))
        chosen = report(mapping, tmp_path / "r.html", sc=sc, st=st)
        pages[-1] += pictures_and_values(chosen.read_text(encoding="utf-8"))
    assert len(pages[0]) > 20
    assert pages[0] == pages[1]


def test_plots_of_genes_show_the_values_of_the_map(plain, odd) -> None:
    drawn = []
    for (sc, st), arguments in ((plain, {}), (odd, ARGUMENTS)):
        imputed = impute_genes(map_cells(sc, st, **arguments), sc, GENES)
        axes = plot.gene(st, imputed, "g8")
        drawn.append([ax.collections[0].get_array() for ax in axes])
    np.testing.assert_array_equal(*drawn)


def test_a_stated_scale_holds_for_the_values_it_was_stated_of(plain) -> None:
    sc, st = plain
    mapping = map_cells(sc, st, sc_scale="log")  # as they are, though they are whole numbers
    as_they_are = impute_genes(mapping, sc, GENES).X
    np.testing.assert_array_equal(as_they_are, impute_genes(mapping, sc, GENES, scale="log").X)
    normalised = impute_genes(mapping, sc, GENES, scale="counts").X
    assert not np.allclose(as_they_are, normalised)
    # Of other values nothing was stated.
    sc.layers["same"] = sc.X
    np.testing.assert_array_equal(impute_genes(mapping, sc, GENES, layer="same").X, normalised)


def test_other_values_are_taken_where_they_are_named(odd, plain) -> None:
    sc, _ = odd
    mapping = map_cells(*odd, **ARGUMENTS)
    sc.layers["doubled"] = 2 * sc.raw.X
    found = impute_genes(mapping, sc, GENES, layer="doubled").X
    np.testing.assert_allclose(found, impute_genes(mapping, plain[0], GENES, layer="X").X)
    with pytest.raises(InputError, match=r"are in sc.raw \(layer='raw'\), in sc.layers\['doubled'\]"):
        impute_genes(mapping, sc, GENES, layer="X")


def test_values_that_are_gone_are_told(odd, plain) -> None:
    mapping = map_cells(*odd, **ARGUMENTS)
    with pytest.warns(DataWarning, match="made from 'raw' of the single-cell data, which is not there, so X"):
        found = impute_genes(mapping, plain[0], GENES)
    np.testing.assert_array_equal(found.X, impute_genes(mapping, odd[0], GENES).X)


def test_maps_put_together_have_what_all_of_them_have(odd, plain) -> None:
    sc, st = odd
    parts = [map_cells(sc[rows].copy(), st, **ARGUMENTS) for rows in (slice(30), slice(30, None))]
    found = impute_genes(combine_cells(parts), sc, GENES)
    expected = impute_genes(combine_cells(parts), plain[0], GENES, layer="X")
    np.testing.assert_array_equal(found.X, expected.X)


def test_on_the_command_line(odd, tmp_path: Path, command_line) -> None:
    sc, st = odd
    sc.write_h5ad(tmp_path / "sc.h5ad")
    st.write_h5ad(tmp_path / "st.h5ad")

    def run(*arguments: str) -> str:
        done = command_line(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr

    options = [f"--{name.replace('_', '-')}={value}" for name, value in ARGUMENTS.items()]
    assert run("map", "sc.h5ad", "st.h5ad", *options) == ""
    genes = ("--gene", "g8", "--gene", "g9")
    assert run("impute", "map.h5ad", "sc.h5ad", *genes) == ""
    expected = impute_genes(map_cells(sc, st, **ARGUMENTS), sc, GENES)
    np.testing.assert_array_equal(ad.read_h5ad(tmp_path / "imputed.h5ad").X, expected.X)
    assert run("report", "map.h5ad", "--sc", "sc.h5ad", "--st", "st.h5ad", *genes) == ""
    by_default = (tmp_path / "report.html").read_text(encoding="utf-8")
    stated = ("--sc-layer=raw", "--st-layer=counts", "--sc-scale=counts", "--st-scale=counts")
    assert run("report", "map.h5ad", "--sc", "sc.h5ad", "--st", "st.h5ad", *genes, *stated) == ""
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == by_default
