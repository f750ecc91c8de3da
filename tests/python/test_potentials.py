"""A map that is kept as features and potentials: every verb gives what it gives for the map written down."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.expression.transforms import unit_rows
from homespot.mapping import gene_blocks
from homespot.matrix.streamed import in_memory
from homespot.methods.storage import COMPONENTS, layout
from homespot.objects.annotated import x_of
from homespot.objects.potentials import potentials_of
from homespot.transport import CorrelationCost, Potentials, potentials, sinkhorn

EXACT = {"float64": 1e-12, "float32": 1e-5}


@pytest.fixture(scope="module")
def demo() -> tuple[ad.AnnData, ad.AnnData]:
    sc, st = hs.make_demo()
    return sc[:300].copy(), st


@pytest.fixture(scope="module")
def maps(demo: Any) -> tuple[ad.AnnData, ad.AnnData]:
    """One map, written down and as potentials."""
    return hs.map_cells(*demo), hs.map_cells(*demo, storage="streamed", n_components=None)


def p_of(mapping: ad.AnnData) -> npt.NDArray[Any]:
    return np.asarray(in_memory(x_of(mapping)))


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("regularisation", [0.05, 0.004, 0.0005])
@pytest.mark.parametrize("relax", [(0.0, 0.0), (0.3, 0.6), (0.0, 1.0)])
def test_entries_are_those_of_the_plan(
    dtype: str, absolute: bool, regularisation: float, relax: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    sc, st = (unit_rows(rng.standard_normal((n, 30))) for n in (700, 211))
    cost = CorrelationCost(sc, st, absolute=absolute)
    p, q = (np.full(n, 1 / n) for n in (700, 211))
    settings: dict[str, Any] = {"regularisation": regularisation, "max_iter": 300, "dtype": dtype}
    settings |= dict(zip(("relax_cells", "relax_spots"), relax, strict=True))
    stored, streamed = (sinkhorn(cost, p, q, **settings, storage=s) for s in ("stored", "streamed"))
    found = Potentials.of(streamed).map
    assert stored.matrix is not None
    # In the log domain a stored plan has D / epsilon rounded to its type, here it is not.
    exact = EXACT[dtype] if stored.domain == "kernel" or dtype == "float64" else 1.2e-7 / regularisation
    largest = stored.matrix.max(axis=1, keepdims=True)
    assert found.dtype == stored.matrix.dtype == dtype
    assert (np.abs(in_memory(found) - stored.matrix) / largest).max() < exact
    at = np.array([600, 5, 5, 399])
    np.testing.assert_allclose(found[at], in_memory(found)[at], atol=1e-5)
    np.testing.assert_allclose(in_memory(found).sum(axis=1, dtype=np.float64), 1, atol=1e-6)


def test_any_number_of_threads_gives_the_same_bytes(maps: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = potentials_of(maps[1])
    assert found is not None
    cells, sums = np.tile(found.cells, (9, 1)), np.tile(found.of_cells, 9)
    large = Potentials(cells, found.spots, found.of_spots, sums, found.epsilon, False)
    made = set()
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        made.add(in_memory(large.map).tobytes())
    assert len(made) == 1


def test_rows_are_made_in_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    rng = np.random.default_rng(0)
    sc, st = (unit_rows(rng.standard_normal((n, 64), np.float32)) for n in (8000, 2000))
    large = Potentials(sc, st, np.zeros(len(st)), np.full(len(sc), 10.0), 0.05, False)
    used, exact = set(), potentials.entries

    def noted(*arguments: Any) -> None:
        used.add(threading.get_ident())
        exact(*arguments)

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(potentials, "entries", noted)
    for _ in large.map.blocks():
        pass
    assert len(used) >= 2


def test_a_map_has_no_x_and_is_as_large_as_its_features(demo: Any, maps: Any) -> None:
    stored, made = maps
    assert made.X is None
    assert made.shape == stored.shape
    assert made.obsm["homespot_features"].shape == (made.n_obs, made.varm["homespot_features"].shape[1])
    assert np.abs(p_of(made) - stored.X).max() < 1e-6
    assert made.obs.equals(stored.obs)
    assert made.var.equals(stored.var)
    fewer = hs.map_cells(*demo, "correlation", storage="streamed", dtype="float64", n_components=40)
    assert fewer.obsm["homespot_features"].shape == (fewer.n_obs, 40)
    assert p_of(fewer).dtype == np.float64


def test_the_size_alone_decides_whether_a_map_is_written_down() -> None:
    genes = {"genes": 2000, "k_best": None}
    assert layout(cells=100_000, spots=20_000, **genes) == ("stored", None)
    assert layout(cells=300_000, spots=20_000, **genes) == ("streamed", COMPONENTS)
    assert layout(cells=300_000, spots=20_000, **genes, backend="pot") == ("stored", None)
    assert layout(cells=300_000, spots=20_000, **genes, storage="stored") == ("stored", None)


def values(found: Any) -> dict[str, npt.NDArray[Any]]:
    """Return everything that a result holds, by name."""
    if isinstance(found, pd.DataFrame):
        return {str(name): found[name].to_numpy() for name in found}
    if isinstance(found, ad.AnnData):
        parts = {"X": found.X, **{name: value for name, value in found.layers.items() if name}}
        parts |= {name: found.obsm[name] for name in found.obsm}
        plain = {name: x.toarray() if sparse.issparse(x) else np.asarray(x) for name, x in parts.items()}
        return {**plain, **{f"obs {name}": found.obs[name].to_numpy() for name in found.obs}}
    return {"value": np.asarray(found)}


SHARED = 30
VERBS: dict[str, Callable[[ad.AnnData, Any, Any], Any]] = {
    **{
        f"place_cells {how}": lambda m, sc, _, how=how: hs.place_cells(m, sc, position=how)
        for how in ("median", "mean", "k_best", "argmax")
    },
    "cell_positions": lambda m, *_: hs.cell_positions(m),
    "cell_modes": lambda m, *_: hs.cell_modes(m),
    "impute_genes": lambda m, sc, _: hs.impute_genes(m, sc, sc.var_names[:SHARED]),
    "impute_genes mean": lambda m, sc, _: hs.impute_genes(m, sc, sc.var_names[:SHARED], read_out="mean"),
    "impute_genes corrected": lambda m, sc, st: hs.impute_genes(m, sc, sc.var_names[:SHARED], st=st),
    "deconvolve_spots": lambda m, *_: hs.deconvolve_spots(m, "cell_type"),
    "deconvolve_spots joined": lambda m, sc, st: hs.deconvolve_spots(m, "cell_type", sc=sc, st=st),
    "deconvolve_spots level": lambda m, *_: hs.deconvolve_spots(m, "cell_type", level=0.9),
    "annotate_cells": lambda m, *_: hs.annotate_cells(m, sides(m)),
    "assign_cells": lambda m, *_: hs.assign_cells(m, 3, candidates=50),
    "assign_cells all": lambda m, *_: hs.assign_cells(m, 3),
    "colocate_types": lambda m, *_: hs.colocate_types(m, "cell_type"),
    "type_distances": lambda m, *_: hs.type_distances(m, "cell_type"),
    "cell_distances": lambda m, *_: hs.cell_distances(m, m.obs_names[[7, 3, 200]]),
    "add_mapping to cells": lambda m, sc, _: hs.add_mapping(sc, m),
    "add_mapping to spots": lambda m, _, st: hs.add_mapping(st, m),
    "combine_sections": lambda m, *_: hs.combine_sections([m, other_section(m)]),
}


def sides(mapping: ad.AnnData) -> list[str]:
    return ["left" if x < mapping.var["x"].median() else "right" for x in mapping.var["x"]]


def other_section(mapping: ad.AnnData) -> ad.AnnData:
    other = mapping.copy()
    other.var_names = other.var_names + "-other"
    return other


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_give_what_they_give_for_the_map_written_down(demo: Any, maps: Any, verb: str) -> None:
    expected, found = (values(VERBS[verb](mapping, *demo)) for mapping in maps)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if value.dtype.kind == "f":
            scale = np.nanmax(np.abs(value), initial=1)
            np.testing.assert_allclose(found[name], value, atol=3e-5 * scale, rtol=1e-4, err_msg=name)
        else:
            equal = (found[name] == value) | (pd.isna(found[name]) & pd.isna(value))
            assert np.mean(equal) > 0.99, name  # ties


@pytest.mark.parametrize(
    "reads",
    [
        ("cell_positions", 1),
        ("place_cells median", 1),
        ("impute_genes", 2),
        ("deconvolve_spots", 2),
        ("annotate_cells", 1),
        ("cell_modes", 2),
    ],
    ids=str,
)
def test_rows_are_made_at_most_twice(
    demo: Any, maps: Any, reads: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, exact = [0], potentials.entries

    def counted(block: Any, *more: Any) -> None:
        rows[0] += len(block)
        exact(block, *more)

    monkeypatch.setattr(potentials, "entries", counted)
    verb, most = reads
    VERBS[verb](maps[1], *demo)
    assert rows[0] <= most * maps[1].n_obs


def test_genes_are_summed_in_as_many_passes_as_they_need(
    demo: Any, maps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hs.impute_genes(maps[1], demo[0], demo[0].var_names[:SHARED])
    monkeypatch.setattr(gene_blocks, "_SUMS_LATER", 1)
    found = hs.impute_genes(maps[1], demo[0], demo[0].var_names[:SHARED], block_size=7)
    assert np.array_equal(found.X, expected.X)


def same_map(found: ad.AnnData, expected: ad.AnnData) -> None:
    assert found.X is None
    assert (found.obs_names == expected.obs_names).all()
    assert (found.var_names == expected.var_names).all()
    np.testing.assert_allclose(p_of(found), p_of(expected), atol=1e-5)
    for name in expected.obs.filter(like="homespot_"):
        if name in ("homespot_left_over", "homespot_dropped"):
            np.testing.assert_allclose(found.obs[name], expected.obs[name], atol=1e-5)
    assert list(found.obs) == list(expected.obs)


def test_parts_stay_potentials(maps: Any) -> None:
    stored, made = maps
    cells, spots = stored.obs_names[[9, 2, 30]].tolist(), stored.var_names[::2].tolist()
    for names in ({"cells": cells}, {"spots": spots}, {"cells": cells, "spots": spots}):
        expected, found = hs.subset(stored, **names), hs.subset(made, **names)
        same_map(found, expected)
        same_map(hs.renormalise(found), hs.renormalise(expected))
    np.testing.assert_allclose(p_of(made[:, spots]), p_of(made)[:, ::2], atol=1e-5)
    assert p_of(made[cells].copy()).shape == (3, made.n_vars)
    with pytest.raises(InputError, match="add up to 1"):
        hs.cell_positions(made[:, spots].copy())


def test_parts_of_one_map_are_put_together_without_p(maps: Any) -> None:
    made = maps[1]
    halves = [hs.subset(made, made.obs_names[rows]) for rows in (slice(0, 100), slice(100, None))]
    together = hs.combine_cells(halves)
    same_map(together, made[together.obs_names])
    assert hs.cell_positions(together)["homespot_x"].tolist() == pytest.approx(
        hs.cell_positions(made)["homespot_x"].tolist(), rel=1e-4
    )


def test_maps_made_apart_are_written_down_where_they_are_combined(demo: Any) -> None:
    sc, st = demo
    options: Any = {"storage": "streamed", "n_components": None}
    halves = [hs.map_cells(sc[rows].copy(), st, **options) for rows in (slice(0, 150), slice(150, None))]
    together = hs.combine_cells(halves)
    np.testing.assert_array_equal(together.X, np.concatenate([p_of(half) for half in halves]))
    assert "potentials" not in together.uns["homespot"]
    assert "homespot_features" not in together.obsm


def test_sections_mapped_one_by_one_are_written_down(demo: Any) -> None:
    sc, st = demo
    st = st.copy()
    st.obs["half"] = np.where(st.obs["x"] < st.obs["x"].median(), "a", "b")
    expected = hs.map_cells(sc, st, sections="half")
    found = hs.map_cells(sc, st, sections="half", storage="streamed", n_components=None)
    np.testing.assert_allclose(found.X, expected.X, atol=1e-6)


@pytest.mark.parametrize("backed", [False, True])
def test_a_file_holds_the_features_and_no_p(maps: Any, tmp_path: Path, backed: bool) -> None:
    made, path = maps[1], tmp_path / "map.h5ad"
    hs.save(made, path)
    with h5py.File(path) as file:
        assert "X" not in file
    found = hs.load(path, backed=backed)
    assert p_of(found).tobytes() == p_of(made).tobytes()
    assert hs.cell_positions(found).equals(hs.cell_positions(made))
    hs.save(found, tmp_path / "again.h5ad")
    opened = ad.read_h5ad(path, backed="r")
    assert hs.cell_positions(opened).equals(hs.cell_positions(made))
    for _ in range(2):  # anndata closes the file after the first
        same_map(hs.subset(opened, spots=made.var_names[:50]), hs.subset(made, spots=made.var_names[:50]))


def test_a_part_of_a_map_on_disk_can_be_taken_again(maps: Any, tmp_path: Path) -> None:
    hs.save(maps[0], tmp_path / "map.h5ad")
    mapping = hs.load(tmp_path / "map.h5ad", backed=True)
    for n in (5, 7):
        part = hs.subset(mapping, mapping.obs_names[:n])
        assert np.array_equal(part.X, maps[0].X[:n])


@pytest.mark.parametrize(
    "place", ["obsm/homespot_features", "obsm/homespot_log_sum", "varm/homespot_potential", "X"]
)
def test_a_damaged_file_is_refused(maps: Any, tmp_path: Path, place: str) -> None:
    path = tmp_path / "map.h5ad"
    hs.save(maps[1], path)
    with h5py.File(path, "r+") as file:
        if place == "X":
            x = file.create_dataset("X", data=maps[0].X)
            x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        else:
            file[place][3, 0] += 0.01
    for backed in (False, True):
        with pytest.raises(InputError, match="not as it was written"):
            hs.load(path, backed=backed)


@pytest.mark.parametrize(
    "wrong", ["features gone", "no number", "other genes", "epsilon gone", "a row of features", "log sums"]
)
def test_what_belongs_to_no_map_is_refused(maps: Any, wrong: str) -> None:
    made = maps[1].copy()
    if wrong == "features gone":
        del made.obsm["homespot_features"]
    elif wrong == "no number":
        made.varm["homespot_potential"][0] = np.nan
    elif wrong == "other genes":
        made.varm["homespot_features"] = made.varm["homespot_features"][:, :-1]
    elif wrong == "epsilon gone":
        made.uns["homespot"]["potentials"] = {"absolute": False}
    elif wrong == "a row of features":
        made.obsm["homespot_features"] = made.obsm["homespot_features"] * 3
    else:
        made.obsm["homespot_log_sum"] = made.obsm["homespot_log_sum"] + 1
    with pytest.raises(InputError):
        hs.cell_positions(made)


@pytest.mark.parametrize(
    ("entry", "value"), [("epsilon", v) for v in ("a", [1, 2], None, -1, np.nan)] + [("absolute", "False")]
)
def test_a_record_of_no_numbers_is_refused(maps: Any, entry: str, value: Any) -> None:
    made = maps[1].copy()
    made.uns["homespot"]["potentials"] = {**made.uns["homespot"]["potentials"], entry: value}
    with pytest.raises(InputError, match=f"found .* as {entry} of the record. Map again"):
        hs.cell_positions(made)


def test_features_that_are_too_long_are_refused(maps: Any) -> None:
    made = maps[1].copy()
    made.varm["homespot_features"] = made.varm["homespot_features"] * 1.5
    with pytest.raises(InputError, match=r"found features with rows longer than 1\. Map again"):
        hs.cell_positions(made)


def test_what_underflows_is_not_taken_for_spots_that_were_left_out(demo: Any) -> None:
    entropies = []
    for storage in ("stored", "streamed"):
        made = hs.map_cells(*demo, regularisation=0.005, storage=storage, n_components=None)
        part = hs.subset(made, spots=list(made.var_names[::2]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            entropies.append(hs.cell_positions(part)["homespot_entropy"])
    np.testing.assert_allclose(*entropies, atol=1e-3)


def test_maps_of_several_sections_are_those_written_down(maps: Any) -> None:
    joined = []
    for made in maps:
        other = made.copy()
        other.var_names = "other_" + other.var_names
        joined.append(hs.combine_sections({"one": made, "two": other}, weights=[1, 3]))
    np.testing.assert_allclose(joined[1].X, joined[0].X, atol=1e-5)


def test_maps_without_cells_or_spots_are_maps(maps: Any, tmp_path: Path) -> None:
    for part in (maps[1][:0].copy(), maps[1][:, :0].copy()):
        part.obs["homespot_left_over"] = 1.0
        hs.save(part, tmp_path / "none.h5ad")
        assert hs.load(tmp_path / "none.h5ad").shape == part.shape


def test_the_report_and_scores_read_it(demo: Any, maps: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        page = hs.report(maps[1], tmp_path / "map.html", sc=demo[0], st=demo[1], labels="cell_type")
    assert page.stat().st_size > 0
    scores = [
        hs.cross_validate(*demo, folds=2, storage=storage, n_components=None)
        for storage in ("stored", "streamed")
    ]
    np.testing.assert_allclose(scores[0]["pcc"], scores[1]["pcc"], atol=1e-4)
