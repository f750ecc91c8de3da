"""The report: what the page says, and what it does in a browser (Chromium without a window)."""

from __future__ import annotations

import base64
import importlib
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, DependencyError, InputError
from homespot.mapping.validity import new_mapping
from homespot.plot.panels import panels_of_spots
from homespot.report import report
from homespot.report._genes import neighbours, spatial_covariance
from homespot.report._pictures import Picture
from homespot.report._summary import runs, score_rows
from homespot.report._tissue import likeliest_cells, tissue
from homespot.space.sections import Sections
from homespot.verbs.deconvolve_spots import deconvolve_spots
from homespot.verbs.impute_genes import impute_genes

EVIL = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(2)>", "$\\frac{", '%{text} & "it\'s"']
WIDE, NARROW = (1400, 900), (390, 844)

module = importlib.import_module("homespot.report")


def scores(genes: list[str], *methods: str) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    values = {
        name: rng.uniform(0.1, 0.9, len(genes) * len(methods)) for name in ("pcc", "ssim", "rmse", "jsd")
    }
    return pd.DataFrame(
        {
            "gene": genes * len(methods),
            "fold": 0,
            "method": np.repeat(methods, len(genes)),
            **values,
            "seconds": 1.0,
        }
    )


@pytest.fixture(scope="module")
def demo() -> tuple[ad.AnnData, ad.AnnData, ad.AnnData]:
    sc, st = hs.make_demo()
    return sc, st, hs.map_cells(sc, st, progress=False)


@pytest.fixture(scope="module")
def full(demo, tmp_path_factory) -> Path:
    """A page with all there can be."""
    sc, st, mapping = demo
    genes = [gene for gene in st.var_names if gene in sc.var_names]
    return report(
        mapping,
        tmp_path_factory.mktemp("full") / "full.html",
        sc=sc,
        st=st,
        labels="cell_type",
        scores=scores(genes, "ssa", "correlation"),
        unit="µm",
    )


@pytest.fixture
def no_pictures(monkeypatch) -> None:
    """Pictures take the most time, and have tests of their own."""
    monkeypatch.setattr(module, "pictures", lambda *_, **__: [])


class Parsed(HTMLParser):
    """The tags of a page with their attributes, the text outside of scripts, and the scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self._open = "", [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, _tag: str) -> None:
        self._open = ""
        self.text += " "

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "style":
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_says_what_was_mapped_and_how_it_ended(full, demo) -> None:
    _, _, mapping = demo
    record = mapping.uns["homespot"]
    page = Parsed(full)
    text = " ".join(page.text.split())
    assert "1,500 cells 405 spots 210 genes used ssa method" in text
    assert f"Converged after {record['solver']['iterations']} iterations" in text
    for name, value in {**record["parameters"], **record["versions"]}.items():
        shown = f"{value:g}" if isinstance(value, float) else value
        assert f"{name.replace('_', ' ')} {shown}" in text
    assert "seed 0" in text
    assert "device cpu" in text
    assert ", ".join(record["genes"]) in text
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.of("title")) == 1
    assert all(image["alt"] for image in page.of("img"))
    assert len(page.of("img")) >= 7


def test_fetches_nothing(full) -> None:
    page = Parsed(full)
    assert not page.of("link")
    assert not page.of("iframe")
    assert all("src" not in script for script in page.of("script"))
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.of("img"))
    style = re.search("<style>(.*?)</style>", full.read_text(encoding="utf-8"), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    policy = next(meta["content"] for meta in page.of("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert full.stat().st_size < 9e6


@pytest.mark.usefixtures("no_pictures")
def test_the_same_input_gives_the_same_bytes(demo, tmp_path) -> None:
    sc, st, mapping = demo
    a, b = (report(mapping, tmp_path / f"{name}.html", sc=sc, st=st, genes=["Gene001"]) for name in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_a_map_alone(pair, tmp_path) -> None:
    mapping = hs.map_cells(*pair, progress=False)
    page = Parsed(report(mapping, tmp_path / "alone.html", title="Alone"))
    assert "Pass labels" in page.text
    assert "Pass sc or st" in page.text
    assert [option["value"] for option in page.of("option")] == ["0"]  # the expected number of cells


def test_data_that_are_read_lazily_give_the_same_page(demo, tmp_path, no_pictures) -> None:  # noqa: ARG001
    pytest.importorskip("xarray")
    pytest.importorskip("dask")
    sc, st, mapping = demo
    sc.write_h5ad(tmp_path / "sc.h5ad")
    st.write_h5ad(tmp_path / "st.h5ad")
    if not hasattr(ad.experimental, "read_lazy"):
        pytest.skip("this anndata has no read_lazy")
    lazy = {name: ad.experimental.read_lazy(tmp_path / f"{name}.h5ad") for name in ("sc", "st")}
    genes = list(sc.var_names[:3])
    page = report(mapping, tmp_path / "lazy.html", **lazy, genes=genes)
    plain = report(mapping, tmp_path / "plain.html", sc=sc, st=st, genes=genes)
    assert page.read_bytes() == plain.read_bytes()


def test_a_map_without_coordinates(pair, tmp_path) -> None:
    sc, st = pair
    del st.obsm["spatial"]
    with pytest.warns(DataWarning, match="^The spatial data has no coordinates"):
        mapping = hs.map_cells(sc, st, progress=False)
    page = Parsed(report(mapping, tmp_path / "r.html", sc=sc, st=st, labels="type"))
    assert "made without coordinates" in page.text
    assert page.scripts == []
    assert "correlation of their proportions" in page.text


@pytest.mark.parametrize("owner", ["map", "spots", "nobody"])
def test_one_tissue_is_drawn_one_way_up(demo, tmp_path, monkeypatch, owner: str) -> None:
    sc, st, mapping = (data.copy() for data in demo)
    image = {"images": {"hires": np.zeros((20, 40, 3), np.uint8)}, "scalefactors": {"tissue_hires_scalef": 1}}
    if owner != "nobody":
        {"map": mapping, "spots": st}[owner].uns["spatial"] = {"section": image}
    drawn: list[Any] = []

    def picture(draw: Any, *_: Any, **__: Any) -> Picture:
        with plt.ioff():
            axes = np.ravel(draw())
        plt.close(axes[0].figure)
        drawn.extend(ax for ax in axes if not len(ax.get_xticks()))
        return Picture("", 1, 1, "", "", wide=False)

    def page(*given: Any) -> Any:
        found = tissue(*given)
        [section] = found["sections"]
        drawn.append(section["figure"]["layout"]["yaxis"].get("autorange") == "reversed")
        return found

    monkeypatch.setattr(importlib.import_module("homespot.report._pictures"), "_picture", picture)
    monkeypatch.setattr(module, "tissue", page)
    report(mapping, tmp_path / "page.html", sc=sc, st=st, labels="cell_type")
    interactive, *pictures = drawn
    assert interactive is (owner != "nobody")
    assert len(pictures) == 7  # two genes measured and imputed, the types, the cells, their confidence
    assert [ax.yaxis_inverted() for ax in pictures] == [interactive] * 7


@pytest.mark.usefixtures("no_pictures")
def test_a_combined_map_tells_of_its_parts(pair, tmp_path) -> None:
    sc, st = pair
    halves = [hs.map_cells(sc[rows].copy(), st, progress=False) for rows in (slice(0, 20), slice(20, None))]
    page = Parsed(report(hs.combine_cells(halves), tmp_path / "r.html"))
    assert "Part 1: Converged" in page.text
    assert "Part 2: Converged" in page.text


@pytest.mark.usefixtures("no_pictures")
def test_labels_of_the_training_are_shown(demo, tmp_path) -> None:
    mapping = demo[2].copy()
    mapping.uns["homespot"]["parameters"]["labels"] = "cell_type"
    page = Parsed(report(mapping, tmp_path / "r.html"))
    assert [group["label"] for group in page.of("optgroup")] == ["Cell types", "The map"]


@pytest.mark.usefixtures("no_pictures")
def test_genes_that_vary_most_in_space_are_shown(demo, tmp_path) -> None:
    sc, st, mapping = demo
    page = Parsed(report(mapping, tmp_path / "r.html", sc=sc, st=st))
    columns = json.loads(page.scripts[0])["columns"]
    shown = [column["name"] for column in columns if column["group"] == "Genes, imputed"]
    found = impute_genes(mapping, sc)
    near = neighbours(found.obsm["spatial"])
    order = np.argsort(-spatial_covariance(found.X, near), kind="stable")
    assert shown[:30] == found.var_names[order[:30]].tolist()
    measured = [column["name"] for column in columns if column["group"] == "Genes, measured"]
    assert len(measured) >= 10
    assert set(measured) <= set(shown) & set(st.var_names)


def shown_types(path: Path, mapping: ad.AnnData) -> pd.DataFrame:
    """The shares of types that a page shows, as far as its colours tell them, within 1 / 508."""
    columns = json.loads(Parsed(path).scripts[0])["columns"]
    return pd.DataFrame(
        {
            column["name"]: column["low"]
            + packed(column["values"], "u1") / 254 * (column["high"] - column["low"])
            for column in columns
            if column["group"] == "Cell types"
        },
        mapping.var_names,
    )


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("given", ["both", "sc", "st", "neither"])
def test_types_are_those_of_the_verb_with_the_same_data(demo, tmp_path, given: str) -> None:
    sc, st, mapping = demo
    sides: dict[str, Any] = {"sc": sc, "st": st}
    if given != "both":
        sides = {name: data for name, data in sides.items() if name == given}
    page = report(
        mapping, tmp_path / "r.html", labels="cell_type", genes=["Gene001"] if sides else None, **sides
    )
    found = deconvolve_spots(mapping, "cell_type", **(sides if given == "both" else {}))
    np.testing.assert_allclose(shown_types(page, mapping), found.to_df(), atol=0.51 / 254)
    text = Parsed(page).text
    if given == "both":
        weight = found.uns["homespot"]["map_weight"]
        assert "those of deconvolve_spots() with sc and st: a fit of the spots" in text
        assert f"beside which the map counts {weight:.0%}." in text
        assert "by the map alone" not in text
    else:
        assert f"The cell types of spots are by {found.uns['homespot']['types_by']}." in text
        assert "rare types are found in too many spots" in text


@pytest.mark.usefixtures("no_pictures")
def test_types_that_cannot_be_fitted_are_the_maps_and_the_page_says_why(demo, tmp_path) -> None:
    sc, st, mapping = demo
    page = Parsed(
        report(mapping, tmp_path / "r.html", sc=sc, st=st, labels=["all"] * sc.n_obs, genes=["Gene001"])
    )
    assert "by the map alone" in page.text
    assert "The spots cannot be fitted. Expected cells of two types or more, found only 'all'." in page.text


@pytest.mark.usefixtures("no_pictures")
def test_genes_without_a_score_have_intervals_from_those_of_others(demo, tmp_path) -> None:
    sc, st, mapping = demo
    scored = hs.cross_validate(sc, st, "ssa", folds=2, progress=False)
    lacking = [gene for gene in sc.var_names if gene not in st.var_names][:2]
    page = report(mapping, tmp_path / "r.html", sc=sc, st=st, genes=lacking, scores=scored)
    found = impute_genes(mapping, sc, lacking, scores=scored, level=0.9)
    widths = np.nanmedian(found.layers["upper"] - found.layers["lower"], axis=0)
    columns = {c["name"]: c["note"] for c in json.loads(Parsed(page).scripts[0])["columns"]}
    for gene, width in zip(lacking, widths, strict=True):
        assert columns[gene].endswith(
            f"Half of its intervals of the level 0.9 are narrower than {width:.2f}."
        )
    assert "have no intervals" not in Parsed(page).text


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "no intervals, which follow from scores."),
        ("others", "no intervals: the scores are those of other methods ('correlation')."),
        (
            "bare",
            "no intervals. Expected scores with the residuals of read_out='scaled', for intervals, found",
        ),
        ("foreign", "no intervals. Expected scores of genes that are imputed, or that the map was made from"),
    ],
)
def test_a_page_says_why_genes_have_no_intervals(demo, tmp_path, table: str | None, said: str) -> None:
    sc, st, mapping = demo
    made = {
        "others": lambda: scores(["Gene001"], "correlation"),
        "bare": lambda: scores(["Gene001"], "ssa"),
        "foreign": lambda: scores(["nowhere"], "ssa"),
    }
    given = None if table is None else made[table]()
    text = Parsed(report(mapping, tmp_path / "r.html", sc=sc, st=st, genes=["Gene001"], scores=given)).text
    assert f"The imputed genes have {said}" in " ".join(text.split())


def test_spatial_covariance_is_morans_i_times_the_variance() -> None:
    rng = np.random.default_rng(0)
    where, values = rng.uniform(size=(200, 2)), rng.normal(size=(200, 3))
    values[:, 0] += 5 * where[:, 0]
    near = neighbours(where)
    np.testing.assert_allclose(near.sum(axis=1), 1)
    assert near.diagonal().tolist() == [0] * 200
    w, z = near.toarray(), values - values.mean(axis=0)
    moran = np.array([200 / w.sum() * (x @ w @ x) / (x @ x) for x in z.T])
    np.testing.assert_allclose(spatial_covariance(values, near), moran * values.var(axis=0))
    assert spatial_covariance(values, near).argmax() == 0


def test_neighbours_of_spots_at_one_place() -> None:
    near = neighbours(np.zeros((20, 2)))
    assert near.diagonal().tolist() == [0] * 20
    np.testing.assert_allclose(near.sum(axis=1), 1)
    assert neighbours(np.zeros((1, 2))).nnz == 0


def test_neighbours_and_covariance_are_of_one_section() -> None:
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1], [120, 80]))
    sections = Sections(codes, ["a", "b"], "section")
    where, values = rng.uniform(size=(200, 2)), rng.normal(size=(200, 3))  # both in one place
    values[:, 1] += 9 * codes
    near = neighbours(where, sections)
    found = spatial_covariance(values, near, sections)
    expected = np.zeros(3)
    for code in (0, 1):
        own = np.flatnonzero(codes == code)
        alone = neighbours(where[own])
        np.testing.assert_array_equal(near[own][:, own].toarray(), alone.toarray())
        expected += spatial_covariance(values[own], alone) * len(own) / 200
    assert near[codes == 0][:, codes == 1].nnz == 0
    np.testing.assert_allclose(found, expected)
    assert np.abs(found).max() < 0.5  # and not 20, by the difference between the sections


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_likeliest_cells_are_the_largest_of_every_column(stored) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(30, 0.2), 2500).astype(np.float32)
    best, value = likeliest_cells(stored(p), 4)
    np.testing.assert_array_equal(best, np.argsort(-p, axis=0, kind="stable")[:4].T)
    np.testing.assert_array_equal(value, -np.sort(-p, axis=0)[:4].T)


def test_fewer_cells_than_are_named() -> None:
    best, value = likeliest_cells(np.array([[0.5, 0.5], [1.0, 0.0]]), 5)
    assert best.tolist() == [[1, 0], [0, 1]]
    assert value.tolist() == [[1.0, 0.5], [0.5, 0.0]]


def test_colours_keep_254_steps(demo) -> None:
    from homespot.report._tissue import Column

    mapping = demo[2]
    values = np.random.default_rng(0).normal(size=mapping.n_vars)
    values[7] = np.nan
    sections = panels_of_spots(mapping, image=False)
    [stored] = tissue(
        mapping, [Column("g", "n", "u", values)], None, sections, np.ones(mapping.n_vars), None
    )["columns"]
    steps = np.frombuffer(base64.b64decode(stored["values"]), dtype=np.uint8)
    assert steps[7] == 255
    back = stored["low"] + (stored["high"] - stored["low"]) * np.delete(steps, 7) / 254
    span = stored["high"] - stored["low"]
    np.testing.assert_allclose(back, np.delete(values, 7), atol=0.51 * span / 254)


@pytest.mark.parametrize(
    ("solver", "sentence", "well"),
    [
        ({"converged": True, "iterations": 4}, "Converged after 4 iterations.", True),
        (
            {"converged": False, "iterations": 9, "error_cells": 0.25, "error_spots": 0.5},
            "Did not converge after 9 iterations: marginal errors 2.5e-01 (cells) and 5.0e-01 (spots). "
            "Raise max_iter or regularisation, and map again.",
            False,
        ),
        (
            {"finished": True, "epochs": 5, "losses": {"pretraining": [3.0], "mapping": [2.0, 1.0]}},
            "Trained for 5 epochs.",
            True,
        ),
        ({"finished": False, "epochs": 2}, "Interrupted: trained for 2 epochs.", False),
        ({}, "The record does not say how the run ended.", True),
    ],
)
def test_endings(solver: dict[str, Any], sentence: str, well: bool) -> None:
    [run] = runs(ad.AnnData(np.eye(2), uns={"homespot": {"solver": solver}}))
    assert (run.ended, run.well) == (sentence, well)


def test_scores_are_summed_up_by_method() -> None:
    table = pd.DataFrame(
        {"gene": list("abcab"), "method": ["x"] * 3 + ["y"] * 2, "pcc": [0.1, 0.2, 0.3, np.nan, 0.5]}
    )
    kinds, methods, genes, left_out = score_rows(table)
    assert kinds == ["PCC"]
    assert methods == [["x", "3", "0.200 (0.150 to 0.250)"], ["y", "2", "0.500 (0.500 to 0.500)"]]
    assert [row[0] for row in genes] == ["b", "c", "b", "a", "a"]
    assert left_out == 0


def test_pictures_have_formulas_only_where_they_are_ours(pair, tmp_path) -> None:
    sc, st = pair
    sc.obs["type"] = np.where(np.arange(sc.n_obs) % 2, "$\\frac{", "a$b_{c")
    page = Parsed(report(hs.map_cells(sc, st, progress=False), tmp_path / "r.html", labels="type"))
    assert len(page.of("img")) >= 4


@pytest.mark.usefixtures("no_pictures")
def test_many_spots_are_said_to_have_less(tmp_path) -> None:
    n = 20_001
    cells = pd.DataFrame({"type": ["a", "b", "a"]}, index=["c0", "c1", "c2"])
    spots = pd.DataFrame(index=[f"s{i}" for i in range(n)])
    p = sparse.random(3, n, density=0.5, format="csr", random_state=0)
    p = sparse.csr_matrix(sparse.diags_array(1 / np.ravel(p.sum(axis=1))) @ p)
    where = np.stack(np.unravel_index(np.arange(n), (150, 150)), axis=1).astype(float)
    mapping = new_mapping(p, cells, spots, {"method": "ssa"}, positions=where)
    with pytest.warns(DataWarning, match="hold no cell"):
        page = Parsed(report(mapping, tmp_path / "r.html", labels="type"))
    assert "not the most probable cells" in page.text
    assert "cells" not in json.loads(page.scripts[0])
    [section] = json.loads(page.scripts[0])["sections"]
    assert section["figure"]["data"][0]["type"] == "scattergl"


# Several sections


@pytest.fixture(scope="module")
def sections() -> tuple[ad.AnnData, dict[str, ad.AnnData], ad.AnnData]:
    """Cells, a section with an image and one turned, larger, and without; and the map onto both."""
    sc, st = hs.make_demo()
    sc = sc[:200, np.asarray(sc[:200].X.sum(axis=0)).ravel() > 0].copy()
    st.obs = st.obs[[]]
    xy = st.obsm["spatial"]
    left = xy[:, 0] < np.median(xy[:, 0])
    head, tail = st[left].copy(), st[~left].copy()
    head.obsm["spatial"] = (xy[left] - xy.min(axis=0)) * [1, -1] + [100, 3000]
    tail.obsm["spatial"] = xy[~left][:, ::-1] * 10
    image = {"images": {"hires": np.full((40, 40, 3), 220, np.uint8)}}
    head.uns["spatial"] = {"image": {**image, "scalefactors": {"tissue_hires_scalef": 0.01}}}
    st = {"tail": tail, "head": head}
    with pytest.warns(DataWarning, match="Found 2 sections"):
        mapping = hs.map_cells(sc, st, progress=False)
    return sc, st, mapping


@pytest.fixture
def two(sections, tmp_path, no_pictures) -> Path:  # noqa: ARG001
    return report(sections[2], tmp_path / "two.html", labels="cell_type", unit="µm")


def packed(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=dtype)


def test_every_section_is_shown_by_itself(two, sections) -> None:
    _, st, mapping = sections
    page = Parsed(two)
    assert "200 cells 405 spots 2 sections" in " ".join(page.text.split())
    data = json.loads(page.scripts[0])
    assert [section["name"] for section in data["sections"]] == ["head", "tail"]
    of_spots = packed(data["section"], "<u2")
    names = np.array(["head", "tail"])[of_spots]
    assert names.tolist() == mapping.var["homespot_section"].tolist()
    where = np.column_stack([packed(data["axes"][axis], "<f4") for axis in "xy"])
    for section, name in zip(data["sections"], ("head", "tail"), strict=True):
        xy = st[name].obsm["spatial"]
        np.testing.assert_allclose(where[names == name], xy, rtol=1e-6)
        away = np.linalg.norm(xy[:, None] - xy, axis=2) + np.diag(np.full(len(xy), np.inf))
        assert section["pitch"] == pytest.approx(np.median(away.min(axis=1)))
        assert section["ratio"] == pytest.approx(np.ptp(xy[:, 1]) / np.ptp(xy[:, 0]))
        layout = section["figure"]["layout"]
        assert layout["yaxis"].get("autorange") == ("reversed" if name == "head" else None)
        [bar] = layout["shapes"]
        assert bar["x1"] == pytest.approx(xy[:, 0].max())
        assert bar["y0"] > xy[:, 1].max() if name == "head" else bar["y0"] < xy[:, 1].min()
        assert layout["annotations"][0]["text"] == f"{bar['x1'] - bar['x0']:g} µm"
    # One colour scale for all sections.
    shares = deconvolve_spots(mapping, "cell_type").to_df()
    for column in (column for column in data["columns"] if column["group"] == "Cell types"):
        own = shares[column["name"]]
        assert [column["low"], column["high"]] == pytest.approx([own.min(), own.max()])


def test_pictures_are_drawn_section_by_section(sections, tmp_path, monkeypatch) -> None:
    sc, st, mapping = sections
    drawn: list[Any] = []

    def picture(draw: Any, *_: Any, **__: Any) -> Picture:
        with plt.ioff():
            axes = np.ravel(draw())
        plt.close(axes[0].figure)
        drawn.extend(ax for ax in axes if not len(ax.get_xticks()))
        return Picture("", 1, 1, "", "", wide=False)

    monkeypatch.setattr(importlib.import_module("homespot.report._pictures"), "_picture", picture)
    report(mapping, tmp_path / "r.html", sc=sc, st=hs.join_sections(st), labels="cell_type")
    assert len(drawn) == 14  # two genes measured and imputed, the types, the cells, their confidence
    for ax in drawn:
        assert ax.get_title().startswith(("head", "tail"))
        assert ax.yaxis_inverted() == (len(ax.images) == 1) == ax.get_title().startswith("head")


@pytest.mark.usefixtures("no_pictures")
def test_sections_mapped_one_by_one_tell_of_themselves(sections, tmp_path) -> None:
    sc, st, _ = sections
    joined = hs.join_sections(st)
    mapping = hs.map_cells(sc, joined, sections="homespot_section", progress=False)
    page = Parsed(report(mapping, tmp_path / "r.html"))
    assert "Section tail: Converged" in page.text
    assert "Section head: Converged" in page.text
    assert "Part 1" not in page.text


@pytest.mark.parametrize("unknown", [3, 200])
def test_cells_without_a_section_are_left_out_of_the_pictures(sections, tmp_path, unknown: int) -> None:
    sc, st, _ = sections
    mapping = hs.map_cells(sc, hs.join_sections(st), sections="homespot_section", progress=False)
    mapping.obs["homespot_section"] = mapping.obs["homespot_section"].astype(object)
    mapping.obs.loc[mapping.obs_names[:unknown], "homespot_section"] = None
    with pytest.warns(DataWarning, match=rf"^{unknown} cell\(s\)") as caught:
        page = Parsed(report(mapping, tmp_path / "r.html", labels="cell_type"))
    assert len(caught) == 1
    alts = " ".join(str(image["alt"]) for image in page.of("img"))
    assert (f"Map of {200 - unknown} cells" in alts) == (unknown < 200)


# What is refused


@pytest.mark.usefixtures("no_pictures")
def test_what_does_not_belong_together(demo, tmp_path, refused) -> None:
    sc, st, mapping = demo
    output = tmp_path / "r.html"
    for arguments, words in (
        ({"genes": ["nowhere"], "sc": sc}, "genes data | 1 'nowhere' |"),
        ({"genes": ["Gene001"]}, "sc st genes | |"),
        ({"genes": "Gene001", "sc": sc}, "genes | 'Gene001' | ['Gene001']"),
        ({"sc": sc[5:].copy()}, "single-cell data mapped | 5 cells |"),
        ({"st": st[:, :][3:].copy()}, "spatial data | 3 spots |"),
        ({"st": "st.h5ad"}, "AnnData st | str |"),
        ({"labels": "nothing"}, "column 'nothing' | |"),
        ({"scores": pd.DataFrame({"gene": ["a"]})}, "scores columns | 'gene' |"),
        ({"scores": "scores.csv"}, "table scores | str |"),
        ({"title": ""}, "title name | '' |"),
        ({"unit": 3}, "unit name | 3 |"),
        ({"sc_layer": "counts", "st": st}, "sc sc_layer | sc | both neither"),
        ({"st_layer": "counts"}, "st st_layer | st | both neither"),
    ):
        with refused(words):
            report(mapping, output, **arguments)
    with refused("AnnData mapping | str |"):
        report("map.h5ad", output)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_where_no_page_can_be_written(demo, tmp_path, refused) -> None:
    for path, words in (
        (tmp_path / "r.pdf", "path .html | r.pdf |"),
        (tmp_path / "no" / "r.html", "path folder | no/r.html | folder"),
    ):
        with refused(words):
            report(demo[2], path)


@pytest.mark.usefixtures("no_pictures")
def test_a_full_disk_leaves_nothing_and_what_was_there(demo, tmp_path, monkeypatch) -> None:
    target = tmp_path / "r.html"
    target.write_text("before")

    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        report(demo[2], target)
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert target.read_text() == "before"


@pytest.mark.parametrize("package", ["jinja2", "matplotlib", "plotly"])
def test_a_missing_package_is_named(demo, tmp_path, monkeypatch, refused, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with refused(f"{package} report | installed | pip homespot[plot]", DependencyError):
        report(demo[2], tmp_path / "r.html")


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("Chromium and its driver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    started.set_script_timeout(30)
    yield started
    started.quit()


def waited(browser: Any, condition: str) -> Any:
    """Return what a script's condition comes to, once it is true."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = browser.execute_script(f"return {condition}")
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within 30 seconds: {condition}")


def visit(browser: Any, path: Path, size: tuple[int, int] = WIDE) -> None:
    """Open a page, and see that it asked for nothing and complained of nothing."""
    width, height = size
    browser.get_log("browser")
    browser.get_log("performance")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(path.as_uri())
    waited(browser, "document.getElementById('plot').dataset.ready")
    quiet(browser, path)


def quiet(browser: Any, path: Path) -> None:
    # Chromium's advice on its own speed ("rendering") is no complaint about the page.
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("data:", "blob:", path.as_uri()))] == []


def choose(browser: Any, name: str, group: str) -> None:
    script = """
    const [name, group] = arguments, select = document.getElementById("colour");
    const option = [...select.options].find((o) => o.text === name && o.parentNode.label === group);
    select.value = option.value;
    select.dispatchEvent(new Event("change"));
    """
    browser.execute_script(script, name, group)


def drawn(browser: Any) -> dict[str, Any]:
    """What plotly has drawn: values, their range, the bar's title and the spots' colours as seen."""
    return dict(
        browser.execute_script(
            """
            const plot = document.getElementById("plot"), marker = plot.data[0].marker;
            const title = plot.querySelector(".infolayer .cbtitle text, .cbtitle");
            const points = [...plot.querySelectorAll(".scatterlayer .trace:first-child path.point")];
            return {
              values: Array.from(marker.color), low: marker.cmin, high: marker.cmax,
              title: title && title.textContent, fills: points.map((p) => p.style.fill),
            };
            """
        )
    )


def hover(browser: Any, i: int) -> str:
    """Point at a spot with the mouse; return the text of the label that appears."""
    from selenium.webdriver.common.action_chains import ActionChains

    plot = browser.find_element("id", "plot")
    at = browser.execute_script(
        """
        const plot = arguments[0], i = arguments[1];
        plot.scrollIntoView({block: "center"});
        const point = plot.querySelectorAll(".scatterlayer .trace:first-child path.point")[i];
        const p = point.getBoundingClientRect(), box = plot.getBoundingClientRect();
        return [p.x + p.width / 2 - box.x - box.width / 2, p.y + p.height / 2 - box.y - box.height / 2];
        """,
        plot,
        i,
    )
    ActionChains(browser).move_to_element_with_offset(plot, *map(round, at)).perform()
    return str(
        waited(
            browser, "[...document.querySelectorAll('.hoverlayer .hovertext')].map(l => l.textContent).join()"
        )
    )


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_loads_without_a_complaint_and_fits(browser, full, size) -> None:
    visit(browser, full, size)
    page, window, plot = browser.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth,"
        " document.getElementById('plot').getBoundingClientRect().width]"
    )
    assert page <= window == size[0]
    assert 0.5 * window < plot <= window
    # One unit is as long in x as in y.
    assert browser.execute_script(
        "const p = [...document.querySelectorAll('.scatterlayer .trace:first-child path.point')]"
        ".map(e => e.getBoundingClientRect()), x = p.map(r => r.x), y = p.map(r => r.y);"
        "return (Math.max(...x) - Math.min(...x)) / (Math.max(...y) - Math.min(...y))"
    ) == pytest.approx(extent(full), rel=0.01)


def extent(path: Path) -> float:
    axes = json.loads(Parsed(path).scripts[0])["axes"]
    x, y = (np.ptp(np.frombuffer(base64.b64decode(axes[axis]), dtype="<f4")) for axis in "xy")
    return float(x / y)


def test_a_choice_changes_colours_and_title(browser, full, demo) -> None:
    sc, st, mapping = demo
    visit(browser, full)
    choose(browser, "Deep", "Cell types")
    kind = drawn(browser)
    shares = deconvolve_spots(mapping, "cell_type", sc=sc, st=st)
    np.testing.assert_allclose(kind["values"], shares[:, "Deep"].X.ravel(), atol=0.51 / 254)
    assert kind["title"] == "Deep, share of cells"
    name = json.loads(Parsed(full).scripts[0])["columns"][-1]["name"]
    choose(browser, name, "Genes, imputed")
    gene = drawn(browser)
    found = impute_genes(mapping, sc, [name]).X.ravel()
    np.testing.assert_allclose(gene["values"], found, atol=0.51 * np.ptp(found) / 254)
    assert gene["title"] == f"{name}, imputed, log(1 + 10,000 x / total)"
    assert [gene["low"], gene["high"]] == pytest.approx([found.min(), found.max()])
    assert gene["fills"] != kind["fills"]
    assert len(set(gene["fills"])) > 50
    assert "Held out" in browser.find_element("id", "note").text
    choose(browser, name, "Genes, measured")
    measured = drawn(browser)
    assert measured["title"] == f"{name}, measured, log(1 + 10,000 x / total)"
    assert measured["fills"] != gene["fills"]
    quiet(browser, full)


def test_a_spot_tells_its_types_and_cells(browser, full, demo) -> None:
    sc, st, mapping = demo
    visit(browser, full)
    choose(browser, "Deep", "Cell types")
    label = hover(browser, 60)
    name, column = mapping.var_names[60], mapping.X[:, 60]
    cells = mapping.obs_names[np.argsort(-column)[:3]]
    shares = deconvolve_spots(mapping, "cell_type", sc=sc, st=st).to_df().loc[name]
    panel = browser.find_element("id", "spot").text
    for text in (label, panel):
        assert name in text
        assert f"{column.sum():.3g} cells expected" in text
        assert all(cell in text for cell in cells)
        assert shares.idxmax() in text
        assert f"{100 * shares.max():.0f} %" in text
    quiet(browser, full)


def test_all_can_be_done_with_the_keyboard(browser, full, demo) -> None:
    from selenium.webdriver.common.keys import Keys

    visit(browser, full)
    reached = []
    for _ in range(3):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.switch_to.active_element.get_attribute("id"))
    assert reached[:2] == ["colour", "find"]
    before = drawn(browser)["title"]
    browser.find_element("id", "colour").send_keys(Keys.ARROW_DOWN)
    assert drawn(browser)["title"] != before
    spot = demo[2].var_names[33]
    browser.find_element("id", "find").send_keys(spot, Keys.ENTER)
    assert browser.find_element("css selector", "#spot h3").text == spot
    browser.find_element("id", "find").clear()
    browser.find_element("id", "find").send_keys("nowhere", Keys.ENTER)
    assert browser.find_element("id", "spot").text == "There is no spot of the name nowhere."


def test_nothing_offers_to_send_the_data_away(browser, full) -> None:
    visit(browser, full)
    buttons = browser.execute_script(
        "return [...document.querySelectorAll('.modebar-btn')].map(b => b.getAttribute('data-title'))"
    )
    assert buttons
    assert not [button for button in buttons if "hare" in button or "loud" in button]
    assert browser.execute_script("return [...document.querySelectorAll('a[href]')].length") == 0


def shown(browser: Any) -> tuple[list[float], list[float]]:
    """The coordinates of the spots that plotly has drawn."""
    x, y = browser.execute_script(
        "const [spots] = document.getElementById('plot').data; return [[...spots.x], [...spots.y]]"
    )
    return x, y


def test_a_section_is_chosen(browser, two, sections) -> None:
    _, st, mapping = sections
    visit(browser, two, (1400, 1600))  # high enough for the shape of each
    choose(browser, "Deep", "Cell types")
    shares = deconvolve_spots(mapping, "cell_type")[:, "Deep"]
    limits = [float(shares.X.min()), float(shares.X.max())]
    sizes = []
    for name, code in (("head", "0"), ("tail", "1"), ("head", "0")):
        script = "const s = document.getElementById('section'); s.value = arguments[0];"
        browser.execute_script(script + "s.dispatchEvent(new Event('change'))", code)
        xy = st[name].obsm["spatial"]
        waited(browser, f"document.getElementById('plot').data[0].x.length === {len(xy)}")
        np.testing.assert_allclose(np.transpose(shown(browser)), xy, rtol=1e-6)
        seen = drawn(browser)
        own = (mapping.var["homespot_section"] == name).to_numpy()
        np.testing.assert_allclose(seen["values"], shares.X[own].ravel(), atol=0.51 / 254)
        assert [seen["low"], seen["high"]] == pytest.approx(limits)
        assert len(seen["fills"]) == len(xy)
        low, high = browser.execute_script("return document.getElementById('plot').layout.yaxis.range")
        assert (low > high) == (name == "head")
        assert min(low, high) < xy[:, 1].min() < xy[:, 1].max() < max(low, high)
        # The first spot of the section is the one that the mouse finds.
        browser.execute_script("window.scrollTo(0, 0)")
        assert hover(browser, 0).startswith(mapping.var_names[own][0])
        assert f"Section {name}" in browser.find_element("id", "spot").text
        plot = "document.getElementById('plot')"
        waited(browser, f"{plot}.querySelector('svg.main-svg').clientHeight === {plot}.clientHeight")
        sizes.append(browser.execute_script(f"return {plot}.clientHeight"))
    assert sizes[0] == sizes[2] != sizes[1]
    quiet(browser, two)


def test_the_search_for_a_spot_goes_to_its_section(browser, two, sections) -> None:
    from selenium.webdriver.common.keys import Keys

    mapping = sections[2]
    visit(browser, two)
    for name, code in (("tail", "1"), ("tail", "1"), ("head", "0")):
        spot = mapping.var_names[mapping.var["homespot_section"] == name][5]
        find = browser.find_element("id", "find")
        find.clear()
        find.send_keys(spot, Keys.ENTER)
        waited(browser, f"document.querySelector('#spot h3')?.textContent === '{spot}'")
        assert browser.find_element("id", "section").get_property("value") == code
        ring = waited(browser, "document.getElementById('plot').data[1].x")
        assert ring == pytest.approx([mapping.var["x"][spot]])
        assert ring[0] in shown(browser)[0]
    quiet(browser, two)


@pytest.mark.usefixtures("no_pictures")
def test_names_do_no_harm(browser, make_pair, tmp_path) -> None:
    sc, st = make_pair()
    sc.obs["type"] = [EVIL[i % 4] for i in range(sc.n_obs)]
    sc.obs_names = [f"{EVIL[i % 4]}{i}" for i in range(sc.n_obs)]
    st.obs_names = [f"{EVIL[i % 4]}{i}" for i in range(st.n_obs)]
    shared = [gene for gene in st.var_names if gene in sc.var_names]
    renamed = {gene: f"{EVIL[i]}g" for i, gene in enumerate(shared[:4])}
    for data in (sc, st):
        data.var_names = [renamed.get(gene, gene) for gene in data.var_names]
    mapping = hs.map_cells(sc, st, progress=False)
    mapping.uns["homespot"]["parameters"][EVIL[0]] = EVIL[1]
    path = report(
        mapping,
        tmp_path / "evil.html",
        sc=sc,
        st=st,
        labels="type",
        genes=list(renamed.values()),
        scores=scores(list(renamed.values()), EVIL[0], "ssa"),
        unit=EVIL[0],
        title=EVIL[1],
    )
    assert len(Parsed(path).of("img")) == 0
    visit(browser, path)
    assert browser.title == f"{EVIL[1]} - homespot"
    assert browser.find_element("css selector", "h1").text == EVIL[1]
    assert browser.execute_script("return document.scripts.length") == 3
    for name in EVIL:
        choose(browser, name, "Cell types")
        assert drawn(browser)["title"] == f"{name if len(name) < 36 else name[:35] + '…'}, share of cells"
        choose(browser, f"{name}g", "Genes, imputed")
    label = hover(browser, 3)
    assert label.startswith(mapping.var_names[3])
    panel = browser.find_element("id", "spot").text
    assert any(cell in panel for cell in mapping.obs_names)
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    quiet(browser, path)


@pytest.mark.usefixtures("no_pictures")
def test_a_tissue_in_three_dimensions(browser, make_pair, tmp_path) -> None:
    sc, st = make_pair(dims=3)
    path = report(hs.map_cells(sc, st, progress=False), tmp_path / "r.html", labels="type", unit="µm")
    visit(browser, path)
    assert browser.execute_script("return document.getElementById('plot').data[0].type") == "scatter3d"
    choose(browser, "a", "Cell types")
    assert drawn(browser)["title"] == "a, share of cells"
    browser.find_element("id", "find").send_keys("s3\n")
    assert browser.find_element("css selector", "#spot h3").text == "s3"
    quiet(browser, path)


@pytest.mark.usefixtures("no_pictures")
def test_spots_without_a_value_are_grey(browser, make_pair, tmp_path) -> None:
    sc, st = make_pair()
    mapping = hs.map_cells(sc, st, progress=False, k_best=1)
    with pytest.warns(DataWarning, match="hold no cell"):
        path = report(mapping, tmp_path / "r.html", labels="type")
    visit(browser, path)
    choose(browser, "a", "Cell types")
    empty = np.asarray(mapping.X.sum(axis=0)).ravel() == 0
    fills = np.array(drawn(browser)["fills"])
    assert len(set(fills[empty])) == 1
    assert not set(fills[empty]) & set(fills[~empty])
    assert "a: missing" in hover(browser, int(np.flatnonzero(empty)[0]))
    assert "0 cells expected" in browser.find_element("id", "spot").text
    quiet(browser, path)
