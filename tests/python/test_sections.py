"""Several sections: a place is a point of one of them, and nothing is measured between them."""

from __future__ import annotations

import re
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from homespot import (
    add_mapping,
    assign_cells,
    cell_distances,
    cell_modes,
    cell_positions,
    colocate_types,
    combine_cells,
    combine_sections,
    cross_validate,
    impute_genes,
    join_sections,
    load,
    map_cells,
    place_cells,
    renormalise,
    save,
    subset,
    tune,
    type_distances,
)
from homespot.errors import DataWarning, InputError, TooLargeError
from homespot.mapping.by_section import sections_of_rows
from homespot.mapping.validity import new_mapping

FOUND = "ignore:Found . sections"


@pytest.fixture
def slides(make_pair):
    """Spots of two slides, each in a frame of its own: the second lies elsewhere, and turned."""
    sc, st = make_pair(n_cells=60, n_spots=50, n_genes=40, seed=3)
    st = st.copy()
    st.obs["slide"] = ["a"] * 22 + ["b"] * 28
    xy = st.obsm["spatial"].copy()
    xy[22:] = np.column_stack([xy[22:, 1] + 9000, -xy[22:, 0]])
    st.obsm["spatial"] = xy
    return sc, st


def of_section(mapping: ad.AnnData, name: str) -> ad.AnnData:
    """The map onto the spots of one section, as a map of its own."""
    part = subset(mapping, spots=mapping.var_names[mapping.var["homespot_section"] == name].tolist())
    return renormalise(part)


@pytest.mark.parametrize("how", [{}, {"sections": "slide"}, {"k_best": 12}, {"method": "correlation"}])
@pytest.mark.filterwarnings(FOUND)
@pytest.mark.filterwarnings("ignore:.*are not confident")
def test_a_place_is_that_of_the_map_onto_the_section_alone(slides, how: dict) -> None:
    sc, st = slides
    mapping = map_cells(sc, st, **how)
    found = cell_positions(mapping)
    assert set(found["homespot_section"]) == {"a", "b"}
    for name in ("a", "b"):
        mine = found[found["homespot_section"] == name]
        alone = cell_positions(of_section(mapping, name)).loc[mine.index]
        columns = ["homespot_x", "homespot_y", "homespot_spread"]
        if "k_best" in how:  # what was left out may lie anywhere
            assert mine["homespot_radius"].isna().all()
        else:
            columns.append("homespot_radius")
        np.testing.assert_allclose(mine[columns], alone[columns], rtol=1e-5, atol=1e-3)
        for column in ("homespot_spot", "homespot_confident"):
            assert mine[column].tolist() == alone[column].tolist()
    left = found["homespot_x"] < 5000
    assert (left == (found["homespot_section"] == "a")).all()


@pytest.mark.filterwarnings(FOUND)
def test_the_section_of_a_joint_map_has_most_of_the_mass(slides) -> None:
    sc, st = slides
    mapping = map_cells(sc, st)
    mass = np.stack([mapping.X[:, mapping.var["slide"] == name].sum(axis=1) for name in ("a", "b")], axis=1)
    found = cell_positions(mapping)
    assert found["homespot_section"].tolist() == np.array(["a", "b"])[mass.argmax(axis=1)].tolist()
    np.testing.assert_allclose(found["homespot_section_prob"], mass.max(axis=1), rtol=1e-5)


def test_the_section_that_fits_best(make_pair) -> None:
    """Cells come from spots of one half; each half is mapped by itself."""
    sc, st = make_pair(n_cells=200, n_spots=60, n_genes=120, seed=5)
    st = st.copy()
    st.obs["slide"] = np.where(np.arange(60) < 20, "small", "large")
    truth = st.obs["slide"].loc[sc.obs["home"]].to_numpy()
    mapping = map_cells(sc, st, sections="slide")
    right = mapping.obs["homespot_section"].to_numpy() == truth
    assert right.mean() > 0.9
    stated = mapping.obs["homespot_section_prob"].to_numpy()
    assert ((stated > 0.5) & (stated <= 1)).all()
    assert stated[right].mean() > stated[~right].mean()
    placed = place_cells(mapping, sc)
    assert placed.obs["homespot_section"].tolist() == mapping.obs["homespot_section"].tolist()
    np.testing.assert_array_equal(placed.obs["homespot_section_prob"], stated)


@pytest.mark.filterwarnings(FOUND)
def test_all_spots_in_one_frame(slides) -> None:
    """Stacked sections: P and all that follows are those of one frame, to the byte."""
    sc, st = slides
    plain = ad.AnnData(st.X, st.obs.drop(columns="slide"), st.var, obsm=dict(st.obsm))
    expected, found = map_cells(sc, plain), map_cells(sc, st, shared_frame=True)
    assert "homespot_section" not in found.var
    np.testing.assert_array_equal(found.X, expected.X)
    pd.testing.assert_frame_equal(cell_positions(found), cell_positions(expected))
    pd.testing.assert_frame_equal(type_distances(found, "type"), type_distances(expected, "type"))
    stacked = map_cells(sc, st, sections="slide", shared_frame=True)
    assert "homespot_section" not in cell_positions(stacked)
    joint = map_cells(sc, st, sections="slide", joint=True)
    np.testing.assert_array_equal(joint.X, expected.X)
    assert "homespot_section" in cell_positions(joint)


@pytest.mark.filterwarnings(FOUND)
def test_distances_between_sections_are_missing(slides) -> None:
    sc, st = slides
    mapping = map_cells(sc, st)
    section = cell_positions(mapping)["homespot_section"].to_numpy()
    found = cell_distances(mapping)
    same = section[:, None] == section
    assert (np.isnan(found.to_numpy()) == ~same).all()
    some = mapping.obs_names[[5, 40, 3, 17]].tolist()
    np.testing.assert_allclose(cell_distances(mapping, some), found.loc[some, some], rtol=1e-12)
    for name in ("a", "b"):
        mine = mapping.obs_names[section == name]
        alone = cell_distances(of_section(mapping, name), mine.tolist())
        np.testing.assert_allclose(found.loc[mine, mine], alone, rtol=1e-5)
    types = mapping.obs["type"].to_numpy()
    expected = [
        [np.nanmean(found.to_numpy()[np.ix_(types == s, types == t)]) for t in ("a", "b")] for s in ("a", "b")
    ]
    np.testing.assert_allclose(type_distances(mapping, "type"), expected, rtol=1e-5)


@pytest.mark.filterwarnings(FOUND)
def test_types_that_share_no_section_have_no_distance() -> None:
    p = np.array([[0.9, 0.1, 0, 0], [0, 0, 0.2, 0.8]])
    spots = pd.DataFrame({"homespot_section": ["s", "s", "t", "t"]}, index=list("abcd"))
    cells = pd.DataFrame({"type": ["x", "y"]}, index=["c", "d"])
    where = np.array([[0.0, 0], [10, 0], [0, 0], [20, 0]])
    mapping = new_mapping(p, cells, spots, {"method": "by hand"}, positions=where)
    found = type_distances(mapping, "type").to_numpy()
    assert np.isnan(found[0, 1])
    np.testing.assert_allclose(np.diag(found), [2 * 0.9 * 0.1 * 10, 2 * 0.2 * 0.8 * 20])
    np.testing.assert_array_equal(cell_distances(mapping), found)


@pytest.mark.parametrize("how", [{}, {"sections": "slide"}])
@pytest.mark.filterwarnings(FOUND)
def test_cells_are_assigned_within_their_section(slides, how: dict) -> None:
    sc, st = slides
    mapping = map_cells(sc, st, **how)
    found, placed = assign_cells(mapping), cell_positions(mapping)
    assert found["homespot_section"].tolist() == placed["homespot_section"].tolist()
    assert mapping.var["slide"].loc[found["homespot_assigned"]].tolist() == found["homespot_section"].tolist()
    for name in ("a", "b"):
        mine = found.index[found["homespot_section"] == name].tolist()
        alone = assign_cells(subset(of_section(mapping, name), mine))
        assert found["homespot_assigned"].loc[mine].tolist() == alone["homespot_assigned"].tolist()


@pytest.mark.filterwarnings(FOUND)
def test_a_section_without_room_is_named(slides, refused) -> None:
    sc, st = slides
    mapping = map_cells(sc, st)
    n = int((cell_positions(mapping)["homespot_section"] == "a").sum())
    assert n > 2
    with refused(f"room {n} cells | capacity 1 |"):
        assign_cells(mapping, np.where(mapping.var["slide"] == "a", np.arange(50) == 0, 60))


@pytest.mark.filterwarnings(FOUND)
def test_modes_are_those_of_the_section(slides) -> None:
    sc, st = slides
    mapping = map_cells(sc, st)
    found = cell_modes(mapping)
    assert found.columns.tolist() == ["cell", "section", "mode", "share", "x", "y"]
    section = cell_positions(mapping)["homespot_section"]
    assert found["section"].tolist() == section.loc[found["cell"]].tolist()
    assert found["cell"].drop_duplicates().tolist() == mapping.obs_names.tolist()
    mine = section.index[section == "b"].tolist()
    alone = cell_modes(subset(of_section(mapping, "b"), mine))
    part = found[found["section"] == "b"].drop(columns="section").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, alone, rtol=1e-4)


def test_colocation_does_not_count_what_differs_between_sections() -> None:
    """Types x and y share section s, but no spot of it; z fills section t."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.1, 0.9, 20)
    x = np.r_[share, rng.uniform(0, 0.01, 20)]
    y = np.r_[1 - share, rng.uniform(0, 0.01, 20)]
    mass = np.stack([x, y, 1 - x - y])
    p = mass / mass.sum(axis=1, keepdims=True)
    spots = pd.DataFrame({"sample_id": ["s"] * 20 + ["t"] * 20}, index=[f"p{i}" for i in range(40)])
    cells = pd.DataFrame({"type": ["x", "y", "z"]}, index=list("abc"))
    mapping = new_mapping(p, cells, spots, {"method": "by hand"})
    assert colocate_types(mapping, "type").loc["x", "y"] < -0.9
    mapping.uns["homespot"]["shared_frame"] = True
    assert colocate_types(mapping, "type").loc["x", "y"] > -0.7


# --- maps whose sections say nothing --------------------------------------------------------------


def test_equal_masses_pick_no_section(slides) -> None:
    sc, st = slides
    parts = [map_cells(sc, st[st.obs["slide"] == name].copy()) for name in ("a", "b")]
    both = combine_sections(parts)
    assert set(both.var["homespot_section"]) == {"a", "b"} or set(both.var["homespot_section"]) == {
        "section1",
        "section2",
    }
    with pytest.warns(DataWarning, match=r"60 cell\(s\) have equal mass in several sections"):
        placed = place_cells(both, sc)
    assert placed.obs["homespot_section"].isna().all()
    assert np.isnan(placed.obsm["spatial"]).all()
    assert not placed.obs["homespot_confident"].any()
    modes = cell_modes(both)
    for i, part in enumerate(parts):
        mine = modes[modes["section"] == f"section{i + 1}"].drop(columns="section").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, cell_modes(part), rtol=1e-4)
    with pytest.warns(DataWarning, match="their distances are missing"):
        assert cell_distances(both).isna().all(axis=None)
    with pytest.raises(InputError, match=r"cells that each have a section, found 60 cell\(s\)"):
        assign_cells(both)
    weighted = combine_sections(parts, [3, 1])
    with pytest.warns(DataWarning, match="equal mass"):
        assert cell_positions(weighted)["homespot_section"].isna().all()
    together = combine_sections(parts, shared_frame=True)
    assert "homespot_section" not in cell_positions(together)


def test_a_cell_with_the_same_mass_in_two_sections_has_none() -> None:
    p = np.array([[0.25, 0.25, 0.25, 0.25], [0.2, 0.2, 0.5, 0.1]])
    spots = pd.DataFrame({"sample_id": ["s", "s", "t", "t"]}, index=list("abcd"))
    mapping = new_mapping(p, pd.DataFrame(index=["c", "d"]), spots, {}, positions=np.eye(4)[:, :2])
    with pytest.warns(DataWarning, match=r"1 cell\(s\) have equal mass"):
        found = cell_positions(mapping)
    assert pd.isna(found["homespot_section"].iloc[0])
    assert found["homespot_section"].iloc[1] == "t"
    assert found["homespot_spot"].tolist()[1] == "c"
    assert np.isnan(found["homespot_x"].iloc[0])


@pytest.mark.filterwarnings(FOUND)
def test_sections_go_along(slides, tmp_path) -> None:
    """Through files, subsets, combinations, and into the user's objects."""
    sc, st = slides
    mapping = map_cells(sc, st, sections="slide")
    save(mapping, tmp_path / "m.h5ad")
    expected = cell_positions(mapping)
    pd.testing.assert_frame_equal(cell_positions(load(tmp_path / "m.h5ad")), expected)
    pd.testing.assert_frame_equal(cell_positions(load(tmp_path / "m.h5ad", backed=True)), expected)
    halves = [mapping.obs_names[:25].tolist(), mapping.obs_names[25:].tolist()]
    again = combine_cells([subset(mapping, half) for half in halves])
    pd.testing.assert_frame_equal(cell_positions(again), expected)
    assert "homespot_section" not in cell_positions(of_section(mapping, "a"))
    added = add_mapping(sc, mapping)
    assert added.obs["homespot_section"].tolist() == expected["homespot_section"].tolist()
    np.testing.assert_array_equal(added.obs["homespot_section_prob"], expected["homespot_section_prob"])
    as_csr = mapping.copy()
    as_csr.X = sparse.csr_matrix(mapping.X)
    pd.testing.assert_frame_equal(cell_positions(as_csr), expected, rtol=1e-5)


def test_spots_with_a_map_in_them_keep_their_sections(slides) -> None:
    """Whatever the column is called."""
    sc, st = slides
    st.obs["half"] = st.obs.pop("slide")
    mapping = map_cells(sc, st, sections="half")
    found = sections_of_rows(add_mapping(st, mapping))
    assert found is not None
    assert found.labels().tolist() == st.obs["half"].tolist()


def test_a_map_of_an_older_version_has_its_sections(slides) -> None:
    """0.99.0 wrote the column's name only."""
    sc, st = slides
    mapping = map_cells(sc, st, sections="slide")
    mapping.obs = mapping.obs.drop(columns=["homespot_section", "homespot_section_prob"])
    mapping.var = mapping.var.drop(columns="homespot_section")
    with pytest.warns(DataWarning, match="equal mass in several sections"):
        assert cell_positions(mapping)["homespot_section"].isna().all()


# --- sections as objects --------------------------------------------------------------------------


def parts_of(st: ad.AnnData) -> dict[str, ad.AnnData]:
    return {name: st[st.obs["slide"] == name].copy() for name in ("a", "b")}


def test_sections_as_a_dict_or_a_list(slides) -> None:
    sc, st = slides
    expected = map_cells(sc, st, sections="slide")
    parts = parts_of(st)
    with pytest.warns(DataWarning, match=r"Found 2 sections in the objects of st .*\(joint=True"):
        found = map_cells(sc, parts, joint=False)
    np.testing.assert_array_equal(found.X, expected.X)
    assert found.var["homespot_section"].tolist() == expected.var["homespot_section"].tolist()
    with pytest.warns(DataWarning, match="Found 2 sections"):
        listed = map_cells(sc, list(parts.values()))
    assert set(listed.var["homespot_section"]) == {"section1", "section2"}
    with pytest.warns(DataWarning, match="Found 2 sections"):
        np.testing.assert_array_equal(listed.X, map_cells(sc, st).X)


@pytest.mark.filterwarnings(FOUND, "ignore:Dropped .* gene")
def test_cells_without_expression_in_a_section_are_counted(slides) -> None:
    sc, st = slides
    sc, parts = sc.copy(), parts_of(st)
    genes = [gene for gene in st.var_names if gene in sc.var_names]
    for adata, rows, gone in (
        (parts["a"], slice(None), genes[30:]),
        (parts["b"], slice(None), genes[:10]),
        (sc, 0, genes[:30]),
    ):
        counts = adata.X.toarray()
        counts[rows, adata.var_names.isin(gone)] = 0
        adata.X = counts
    with pytest.warns(DataWarning, match=r"Dropped 1 cell.* all sections jointly \(joint=True\), or leave"):
        found = map_cells(sc, parts, joint=False)
    assert found.obs_names.tolist() == sc.obs_names[1:].tolist()


@pytest.mark.filterwarnings("ignore:Dropped .* gene")
def test_sections_that_express_no_gene_in_common_are_not_compared(slides) -> None:
    sc, st = slides
    x = st.X.toarray()
    x[:22, ::2], x[22:, 1::2] = 0, 0
    apart = ad.AnnData(sparse.csr_matrix(x), st.obs, st.var, obsm=dict(st.obsm))
    with pytest.warns(DataWarning, match=r"over 0 common gene\(s\), and 2 are needed to compare them"):
        mapping = map_cells(sc, apart, sections="slide")
    assert mapping.obs["homespot_section"].isna().all()
    assert mapping.obs["homespot_section_prob"].isna().all()
    np.testing.assert_allclose(mapping.X[:, :22].sum(axis=1), 0.5, rtol=1e-5)
    alone = map_cells(sc, apart[:22].copy())
    np.testing.assert_array_equal(mapping.X[:, :22], alone.X * np.float32(0.5))


def test_barcodes_that_repeat_get_the_name_of_their_section(slides) -> None:
    _, st = slides
    parts = parts_of(st)
    for part in parts.values():
        part.obs_names = [f"AAAC-{i}" for i in range(part.n_obs)]
    with pytest.warns(DataWarning, match="22 names of spots occur in several sections"):
        joined = join_sections(parts)
    assert joined.obs_names[[0, 22]].tolist() == ["a_AAAC-0", "b_AAAC-0"]
    assert joined.obs_names.is_unique


def test_sections_of_other_genes_and_directions(slides) -> None:
    _, st = slides
    parts = parts_of(st)
    parts["b"] = parts["b"][:, ::-1][:, 3:].copy()
    parts["b"].uns["spatial"] = {"lib": {"images": {}, "scalefactors": {}}}
    with pytest.warns(
        DataWarning, match=r"Left out genes that not all sections have \(3 of 'a'\); 42 are left"
    ):
        joined = join_sections(parts)
    assert joined.var_names.tolist() == parts["a"].var_names[:-3].tolist()
    np.testing.assert_array_equal(
        joined[joined.obs["slide"] == "b"].X.toarray(), parts["b"][:, joined.var_names].X.toarray()
    )
    assert list(joined.uns["spatial"]) == ["b"]
    assert joined.uns["homespot"]["y_direction"] == "mixed"
    assert joined.uns["homespot"]["y_down"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda _: [], "a list or dict of several sections, each an AnnData, found no section"),
        (lambda p: [p["a"], 3], r"found a int as st\[1\]"),
        (
            lambda p: {**p, "c": ad.AnnData(p["a"].X, var=p["a"].var)},
            "no coordinates in 'c' and 2 dimen",
        ),
        (lambda p: [p["a"], ad.AnnData(np.ones((3, 2)))], "genes that all sections have, found none"),
    ],
)
def test_sections_that_do_not_go_together(slides, spoil, message) -> None:
    sc, st = slides
    given = spoil(parts_of(st))
    with pytest.raises(InputError, match=message):
        map_cells(sc, given)


def renamed(part: ad.AnnData, change, column: str | None = None) -> ad.AnnData:
    """A section whose genes have other names, with their own in a column of var."""
    part = part.copy()
    own = part.var_names
    part.var_names = [change(i, name) for i, name in enumerate(own)]
    if column is not None:
        part.var[column] = own.to_numpy()
    return part


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        (
            lambda _, name: name.upper(),
            None,
            "more would match if upper and lower case were the same: 'g1' in section 'a' and 'G1' in section "
            "'b'. If the species is the same, set st['a'].var_names = st['a'].var_names.str.upper()",
        ),
        (
            lambda i, _: f"ENSG{i:011d}",
            "symbol",
            "set st['b'].var_names = st['b'].var['symbol']",
        ),
    ],
)
def test_sections_whose_genes_have_other_names(slides, change, column, said) -> None:
    sc, st = slides
    parts = parts_of(st[:, sorted(st.var_names, key=lambda name: int(name[1:]))])
    parts["b"] = renamed(parts["b"], change, column)
    with pytest.raises(InputError, match=re.escape(said)):
        map_cells(sc, parts)
    parts["b"].var_names = ["g1", "g2", *parts["b"].var_names[2:]]
    with pytest.warns(DataWarning, match=r"43 of 'b'\); 2 are left. 4.*" + re.escape(said[-30:])):
        join_sections(parts)


@pytest.mark.filterwarnings(FOUND)
@pytest.mark.parametrize("layer", [None, "raw"])
def test_the_column_of_names_is_that_of_every_section(slides, layer) -> None:
    """Sections whose indices have nothing in common, in another order, and with other features beside."""
    sc, st = slides
    expected = map_cells(sc, parts_of(st), sections="homespot_section")
    parts = {
        name: renamed(part, lambda i, _, name=name: f"{name}{i}", "symbol")
        for name, part in parts_of(st).items()
    }
    for name, part in parts.items():
        part.obs_names = expected.var_names[expected.var["homespot_section"] == name]
    parts["b"] = parts["b"][:, ::-1].copy()
    if layer is not None:
        for part in parts.values():
            part.raw = part
            part.X = -part.X
    with pytest.raises(
        InputError, match="45 would be shared by the names in column 'symbol' of var: set st_gene"
    ):
        map_cells(sc, parts, st_layer=layer)
    found = map_cells(sc, parts, sections="homespot_section", st_gene_column="symbol", st_layer=layer)
    np.testing.assert_array_equal(found.X, expected.X)
    assert join_sections(parts, gene_column="symbol").var_names.tolist() == st.var_names.tolist()
    parts["b"].var = parts["b"].var.drop(columns="symbol")
    if layer is None:
        with pytest.raises(InputError, match=re.escape("a column 'symbol' in st['b'].var, found no columns")):
            map_cells(sc, parts, st_gene_column="symbol")


@pytest.mark.filterwarnings(FOUND)
@pytest.mark.parametrize("shared_frame", [False, True])
def test_sections_on_different_scales_are_refused(slides, shared_frame: bool) -> None:
    """As objects and by a column: their values mean other things, and a stated scale is believed."""
    sc, st = slides
    parts = parts_of(st)
    counts = parts["b"].X.toarray()
    parts["b"].X = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    one = ad.concat(list(parts.values()))
    one.obsm["spatial"] = st.obsm["spatial"]
    said = r"all sections on one scale, found counts in section 'a' .* and log in section 'b' \(exp\(x\) - 1"
    for given, sections in ((parts, None), (one, "slide"), (one, one.obs["slide"])):
        with pytest.raises(InputError, match=said):
            map_cells(sc, given, sections=sections, shared_frame=shared_frame)
    with pytest.raises(InputError, match=said):
        cross_validate(sc, parts, folds=2)
    assert map_cells(sc, one, sections="slide", st_scale="log").n_vars == 50
    parts["a"].X = np.log1p(parts["a"].X.toarray())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert map_cells(sc, parts).n_vars == 50


# --- before the work ------------------------------------------------------------------------------


def test_a_bad_last_section_is_refused_before_the_first_is_mapped(slides, refused) -> None:
    sc, st = slides
    x = st.X.toarray()
    x[22:] = 0
    bad = ad.AnnData(sparse.csr_matrix(x), st.obs, st.var, obsm=dict(st.obsm))
    with pytest.raises(InputError, match="found 0 spots and 0 genes in section 'b'"):
        map_cells(sc, bad, sections="slide", progress=lambda *_: pytest.fail("work has begun"))
    st.obs["kind"] = ["u", "v"] * 11 + ["w"] * 28
    with refused("spots two types | 'w' |"):
        map_cells(
            sc,
            st,
            "come",
            sections="slide",
            st_labels="kind",
            progress=lambda *_: pytest.fail("work has begun"),
        )


def test_the_size_check_covers_all_sections(slides, monkeypatch) -> None:
    sc, st = slides
    monkeypatch.setattr("homespot.common.memory.available", lambda: 60 * (50 + 28) * 4 - 1)
    with pytest.raises(TooLargeError, match="maps of 60 cells x 50 spots in 2 sections"):
        map_cells(sc, st, sections="slide")


# --- held-out genes -------------------------------------------------------------------------------


@pytest.mark.filterwarnings(FOUND)
def test_cross_validation_maps_section_by_section(slides) -> None:
    """A fold by hand: map without its genes, predict them from the map put together, and score."""
    from homespot.evaluate.metrics import gene_scores
    from homespot.expression.transforms import log_normalised
    from homespot.objects.tables import expression

    sc, st = slides
    genes = sorted(set(sc.var_names) & set(st.var_names))
    folds = {gene: i % 3 for i, gene in enumerate(genes)}
    how = {"folds": folds, "read_out": "mean", "gene_weights": "equal"}
    found = cross_validate(sc, st, sections="slide", **how)
    joint = cross_validate(sc, st, **how)
    held_out = [gene for gene, fold in folds.items() if fold == 0]
    table = expression(st, "st", None, "auto", "float32")
    true = log_normalised(table, held_out)
    rest = ad.AnnData(
        log_normalised(table, [g for g in table.genes if g not in held_out]),
        st.obs,
        pd.DataFrame(index=[g for g in table.genes if g not in held_out]),
    )
    with pytest.warns(DataWarning, match="^The spatial data has no coordinates"):
        mapping = map_cells(sc, rest, sections="slide", st_scale="log")
    predicted = np.asarray(impute_genes(mapping, sc, held_out, read_out="mean").X)
    order = st.obs_names.get_indexer(mapping.var_names)
    expected = gene_scores(true[order], predicted, held_out)
    mine = found[found["fold"] == 0].set_index("gene")[["pcc", "ssim", "rmse", "jsd"]]
    np.testing.assert_allclose(mine, expected.loc[mine.index], rtol=1e-4, atol=1e-5)
    assert not np.allclose(found["pcc"], joint["pcc"])


@pytest.mark.filterwarnings(FOUND)
def test_a_function_maps_section_by_section_as_well(slides) -> None:
    sc, st = slides
    seen = []

    def everywhere(cells: ad.AnnData, spots: ad.AnnData) -> np.ndarray:
        seen.append(set(spots.obs["slide"]))
        return np.full((cells.n_obs, spots.n_obs), 1 / spots.n_obs)

    cross_validate(sc, st, everywhere, folds=2, sections="slide", read_out="mean")
    assert seen == [{"a"}, {"b"}] * 2


@pytest.mark.filterwarnings(FOUND)
def test_tuning_knows_sections(slides) -> None:
    sc, st = slides
    grid = {"regularisation": [0.05]}
    tuned = tune(sc, st, "ssa", grid, folds=2, outer_folds=2, sections="slide")
    by_hand = cross_validate(sc, st, "ssa", folds=2, sections="slide")
    defaults = tuned.outer[tuned.outer["method"] == "defaults"].set_index("gene")["pcc"]
    pd.testing.assert_series_equal(
        defaults.sort_index(), by_hand.set_index("gene")["pcc"].sort_index(), check_names=False
    )


# --- labels as values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        lambda sc: sc.obs["type"],
        lambda sc: sc.obs["type"][::-1],
        lambda sc: sc.obs["type"].to_numpy(),
        lambda sc: sc.obs["type"].tolist(),
        lambda sc: dict(zip(sc.obs_names[::-1], sc.obs["type"][::-1], strict=True)),
        lambda sc: sc.obs["type"].astype(object),
        lambda sc: sc.obs[["type"]],
        lambda sc: sc.obs[["type"]].to_numpy(),
    ],
)
def test_labels_as_values(pair, given) -> None:
    sc, st = pair
    small = {"epochs": 2, "hidden": 8, "latent": 4, "pretrain_epochs": 2}
    expected = map_cells(sc, st, "come", labels="type", **small)
    found = map_cells(sc, st, "come", labels=given(sc), **small)
    np.testing.assert_array_equal(found.X, expected.X)
    assert found.obs["homespot_labels"].astype(str).tolist() == sc.obs["type"].astype(str).tolist()
    assert found.uns["homespot"]["parameters"]["labels"] == "homespot_labels"
    scores = [
        cross_validate(sc, st, "come", folds=2, labels=labels, **small) for labels in ("type", given(sc))
    ]
    pd.testing.assert_frame_equal(*(table.drop(columns="seconds") for table in scores))
    by_name = cross_validate(sc, st, {"m": ("come", {"labels": given(sc), **small})}, folds=2)
    np.testing.assert_array_equal(by_name["pcc"], scores[0]["pcc"])
    np.testing.assert_array_equal(colocate_types(found, given(sc)), colocate_types(found, "type"))


def test_sections_whose_names_are_the_same_as_text_are_refused(slides) -> None:
    a, b = parts_of(slides[1]).values()
    with pytest.raises(InputError, match="sections of different names, found 1, '1'"):
        join_sections({1: a, "1": b})


def test_a_section_has_its_coordinates_in_plain_columns(slides) -> None:
    parts = parts_of(slides[1])
    expected = join_sections(parts).obsm["spatial"]
    parts["b"].obs[["x", "y"]] = parts["b"].obsm.pop("spatial")
    np.testing.assert_array_equal(join_sections(parts).obsm["spatial"], expected)
    # They say of a section within whether it is one.
    for part in parts.values():
        if "spatial" in part.obsm:
            part.obs[["x", "y"]] = part.obsm.pop("spatial")
        part.obs = part.obs.drop(columns="slide")
        part.obs["mouse"] = np.where(np.arange(part.n_obs) < 11, "m", "n")
        part.obs.loc[part.obs["mouse"] == "n", "x"] += 1e6
    assert set(join_sections(parts).obs["homespot_section"]) == {"a_m", "a_n", "b_m", "b_n"}


# --- the direction of y ---------------------------------------------------------------------------

IMAGE = {"images": {}, "scalefactors": {}}


@pytest.mark.parametrize(
    ("libraries", "columns", "down"),
    [
        (["a"], {}, ["a"]),
        (["other"], {}, ["a", "b"]),  # nothing says of which section it is
        (["other"], {"library_id": ["other"] * 22 + ["none"] * 28}, ["a"]),
        (["one", "two"], {}, ["a", "b"]),
        (["a", "b"], {}, ["a", "b"]),
        ([], {}, []),
    ],
)
@pytest.mark.filterwarnings(FOUND, "ignore:.*has the images of 2 sections")
def test_an_image_turns_y_of_its_sections_only(slides, libraries, columns, down) -> None:
    sc, st = slides
    st.obs = st.obs.assign(**columns)
    st.uns["spatial"] = dict.fromkeys(libraries, IMAGE)
    record = map_cells(sc, st, sections="slide").uns["homespot"]
    if len(down) == 1:
        assert (record["y_direction"], record["y_down"].tolist()) == ("mixed", down)
    else:
        assert record["y_direction"] == ("down" if down else "up")


@pytest.mark.filterwarnings(FOUND)
def test_what_is_left_over_is_that_of_maps_put_together(slides) -> None:
    """To the last digit, with a number of sections that divides no power of two."""
    sc, st = slides
    st.obs["third"] = np.array(["p", "q", "r"])[np.arange(50) % 3]
    found = map_cells(sc, st, sections="third", k_best=5)
    parts = [map_cells(sc, st[st.obs["third"] == name].copy(), k_best=5) for name in "pqr"]
    expected = combine_sections(parts)
    np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())
    np.testing.assert_array_equal(found.obs["homespot_left_over"], expected.obs["homespot_left_over"])
