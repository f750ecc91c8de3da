"""Which values of an object are taken, which are named where they will not do, and names that occur twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot.errors import DataWarning, InputError
from homespot.objects.tables import expression

Pair = tuple[ad.AnnData, ad.AnnData]
REFUSED = "found values down to -"


def scaled(adata: ad.AnnData, *, raw: bool = True) -> ad.AnnData:
    """The data as atlases come: X is scaled, over some of the genes, and the counts of all are in raw."""
    found = adata[:, ::2].copy()
    x = np.log1p(found.X.toarray() if sparse.issparse(found.X) else found.X)
    found.X = ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-3)).astype(np.float32)
    if raw:
        found.raw = adata
    return found


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


# --- raw, and other values ------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["csr", "dense"])
@pytest.mark.parametrize("backed", [False, True])
def test_raw_is_taken_with_its_own_genes(make_pair, tmp_path: Path, stored: str, backed: bool) -> None:
    sc, st = make_pair(stored=stored)
    plain = hs.map_cells(sc, st)
    sides = {"sc": scaled(sc), "st": scaled(st)}
    if backed:
        for side, adata in sides.items():
            adata.write_h5ad(tmp_path / f"{side}.h5ad")
            sides[side] = ad.read_h5ad(tmp_path / f"{side}.h5ad", backed="r")
    mapping = hs.map_cells(sides["sc"], sides["st"], sc_layer="raw", st_layer="raw")
    assert mapping.X.tobytes() == plain.X.tobytes()
    assert mapping.uns["homespot"]["genes"].tolist() == plain.uns["homespot"]["genes"].tolist()
    imputed = hs.impute_genes(mapping, sides["sc"], layer="raw")
    assert imputed.var_names.tolist() == sc.var_names.tolist()
    assert imputed.X.tobytes() == hs.impute_genes(plain, sc).X.tobytes()


def test_raw_of_a_part_is_that_of_its_rows(pair) -> None:
    sc, st = pair
    part = scaled(sc)[5:]
    mapping = hs.map_cells(part, st, sc_layer="raw")
    assert mapping.X.tobytes() == hs.map_cells(sc[5:].copy(), st).X.tobytes()


def test_raw_in_cross_validation_and_simulation(pair) -> None:
    sc, st = pair
    scores = [
        hs.cross_validate(cells, st, folds=3, progress=False, sc_layer=layer).drop(columns="seconds")
        for cells, layer in ((sc, None), (scaled(sc), "raw"))
    ]
    pd.testing.assert_frame_equal(*scores)
    for found, expected in zip(
        hs.simulate_spots(scaled(st), cells_per_spot=2, layer="raw"),
        hs.simulate_spots(st, cells_per_spot=2),
        strict=True,
    ):
        assert found.var_names.tolist() == st.var_names.tolist()
        np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())


def test_raw_of_several_sections(pair) -> None:
    sc, st = pair
    parts = [st[:12].copy(), st[12:].copy()]
    with pytest.warns(DataWarning, match="Found 2 sections"):
        plain = hs.map_cells(sc, parts)
    with pytest.warns(DataWarning, match="Found 2 sections"):
        mapping = hs.map_cells(sc, [scaled(part) for part in parts], st_layer="raw")
    assert mapping.X.tobytes() == plain.X.tobytes()
    with pytest.warns(DataWarning), pytest.raises(InputError, match="found no layers"):
        hs.map_cells(sc, [scaled(parts[0]), parts[1][:, ::2]], st_layer="raw")


def test_a_column_of_raw_gives_its_genes_their_names(pair) -> None:
    sc, st = pair
    by_id = sc.copy()
    by_id.var = pd.DataFrame({"symbol": sc.var_names}, index=[f"id{i}" for i in range(sc.n_vars)])
    adata = scaled(by_id)
    adata.var = adata.var.drop(columns="symbol")
    mapping = hs.map_cells(adata, st, sc_layer="raw", sc_gene_column="symbol")
    assert mapping.X.tobytes() == hs.map_cells(sc, st).X.tobytes()
    assert hs.impute_genes(mapping, adata, ["g8"], layer="raw").var_names.tolist() == ["g8"]
    wrong = refusal(lambda: hs.map_cells(adata, st, sc_layer="raw", sc_gene_column="name"))
    assert wrong.startswith("Expected a column 'name' in sc.raw.var, found 'symbol'.")


def test_features_of_raw_that_are_no_genes_are_left_out(pair) -> None:
    sc, st = pair
    more = ad.concat(
        [sc, ad.AnnData(np.full((sc.n_obs, 1), 9e4), sc.obs, pd.DataFrame(index=["CD3"]))], axis=1
    )
    more.var["feature_types"] = [*["Gene Expression"] * sc.n_vars, "Antibody Capture"]
    with pytest.warns(DataWarning, match=r"set sc\.raw\.var\['feature_types'\] = sc\.raw\.var\["):
        mapping = hs.map_cells(scaled(more), st, sc_layer="raw")
    np.testing.assert_allclose(mapping.X, hs.map_cells(sc, st).X, rtol=1e-5)


def test_a_layer_called_raw_goes_first(pair) -> None:
    sc, st = pair
    adata = scaled(sc)
    adata.layers["raw"] = sc[:, ::2].X
    mapping = hs.map_cells(adata, st, sc_layer="raw")
    assert mapping.X.tobytes() == hs.map_cells(sc[:, ::2].copy(), st).X.tobytes()


@pytest.mark.parametrize("side", ["sc", "st"])
def test_scaled_values_name_those_that_would_do(pair, side: str) -> None:
    sides = dict(zip(("sc", "st"), pair, strict=True))
    whole = sides[side]
    adata = sides[side] = scaled(whole)
    adata.layers["counts"] = whole[:, ::2].X
    adata.layers["residuals"] = adata.X * 2
    adata.layers["holed"] = np.where(adata.X > 1, np.nan, 1)
    message = refusal(lambda: hs.map_cells(**sides))
    assert REFUSED in message
    assert message.endswith(
        f"Values that would do are in {side}.raw ({side}_layer='raw'), in {side}.layers['counts'] "
        f"({side}_layer='counts')."
    )
    for layer in ("raw", "counts"):
        hs.map_cells(**sides, **{f"{side}_layer": layer})
    message = refusal(lambda: hs.map_cells(**sides, **{f"{side}_layer": "holed"}))
    assert "that are NaN or infinite. Values that would do are in" in message


def test_an_imputation_names_its_own_argument(pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    message = refusal(lambda: hs.impute_genes(mapping, scaled(sc)))
    assert message.endswith("Values that would do are in sc.raw (layer='raw').")


def test_where_no_other_values_would_do(pair) -> None:
    sc, st = pair
    adata = scaled(sc, raw=False)
    message = refusal(lambda: hs.map_cells(adata, st))
    assert message.endswith("Pass the counts or the log-normalised values instead.")
    adata.raw = adata
    assert refusal(lambda: hs.map_cells(adata, st)) == message


def test_a_layer_that_will_not_do_names_x(pair) -> None:
    sc, st = pair
    adata = sc.copy()
    adata.layers["scaled"] = adata.X.toarray() - 1
    message = refusal(lambda: hs.map_cells(adata, st, sc_layer="scaled"))
    assert message.endswith("Values that would do are in sc.X (leave sc_layer out).")


def test_no_x_names_what_there_is(pair) -> None:
    sc, st = pair
    empty = ad.AnnData(obs=sc.obs, var=sc.var, layers={"counts": sc.X})
    message = refusal(lambda: hs.map_cells(empty, st))
    assert message == (
        "Expected expression values in sc.X, found none. Values that would do are in sc.layers['counts'] "
        "(sc_layer='counts')."
    )


def test_a_missing_layer_lists_raw(pair) -> None:
    sc, st = pair
    adata = scaled(sc)
    adata.layers["logs"] = adata.X
    assert refusal(lambda: hs.map_cells(adata, st, sc_layer="counts")) == (
        "Expected a layer 'counts' in sc, found 'logs', 'raw'. Name one that is there as sc_layer, or leave "
        "it out to use X."
    )
    assert "found no layers." in refusal(lambda: hs.map_cells(sc, st, sc_layer="raw"))


def test_hints_of_another_program_are_passed_on(pair) -> None:
    """As R's, which hands over one assay and knows of the others."""
    adata = scaled(pair[0], raw=False)
    message = refusal(
        lambda: expression(
            adata, "sc", None, "auto", "float32", hints=["in assay 'counts'", "in altExp 'raw'"]
        )
    )
    assert message.endswith("Values that would do are in assay 'counts', in altExp 'raw'.")


# --- names that occur more than once --------------------------------------------------------------


def twice(adata: ad.AnnData, **columns: object) -> ad.AnnData:
    """The data with every name for two rows, and more columns of their annotation."""
    adata = adata.copy()
    adata.obs_names = [f"AAAC{i // 2}-1" for i in range(adata.n_obs)]
    for name, values in columns.items():
        adata.obs[name] = values
    return adata


@pytest.mark.parametrize("column", ["sample", "sample_id", "library_id", "Slide ID", "batch", "orig.ident"])
@pytest.mark.parametrize("side", ["sc", "st"])
def test_equal_names_of_several_samples_are_told_apart_by_the_sample(pair, column: str, side: str) -> None:
    sides = dict(zip(("sc", "st"), pair, strict=True))
    samples = np.array(["s1", "s2"])[np.arange(sides[side].n_obs) % 2]
    adata = twice(sides[side], run="one", **{column: pd.Categorical(samples)})
    message = refusal(lambda: expression(adata, side, None, "auto", "float32"))  # type: ignore[arg-type]
    line = f"{side}.obs_names = {side}.obs['{column}'].astype(str) + '_' + {side}.obs_names"
    assert message.endswith(f"a name of its own: {line}.")
    assert "drop" not in message
    assert "sum" not in message
    exec(line, {side: adata})
    assert adata.obs_names[:3].tolist() == ["s1_AAAC0-1", "s2_AAAC0-1", "s1_AAAC1-1"]
    plain = hs.map_cells(**sides, gene_weights="equal")
    sides[side] = ad.AnnData(adata.X, pd.DataFrame(index=adata.obs_names), adata.var)
    assert hs.map_cells(**sides, gene_weights="equal").X.tobytes() == plain.X.tobytes()


def test_names_that_no_column_tells_apart(pair) -> None:
    adata = twice(pair[1], sample="one", batch=np.repeat(["a", "b"], [10, 15]))
    message = refusal(lambda: expression(adata, "st", None, "auto", "float32"))
    assert message.endswith("Give every spot a name of its own: st.obs_names_make_unique().")


def test_equal_names_of_genes(pair) -> None:
    sc, st = pair
    adata = sc.copy()
    adata.var["symbol"] = adata.var_names
    adata.var_names = [*adata.var_names[:-1], adata.var_names[0]]
    message = refusal(lambda: hs.map_cells(adata, st))
    assert message.endswith(
        "Sum the columns of one gene, or give them names of their own: sc.var_names_make_unique()."
    )


def test_names_from_a_column_go_through_the_report_and_the_plot(pair, tmp_path) -> None:
    """Symbols are a column on both sides; pictures and pages speak of symbols."""
    sc, st = (side.copy() for side in pair)
    for side, start in ((sc, 0), (st, 1000)):
        side.var["symbol"] = side.var_names
        side.var_names = [f"ENSG{start + i:011d}" for i in range(side.n_vars)]
    mapping = hs.map_cells(sc, st, sc_gene_column="symbol", st_gene_column="symbol")
    np.testing.assert_array_equal(mapping.X, hs.map_cells(*pair).X)
    imputed = hs.impute_genes(mapping, sc)
    shared = str(mapping.uns["homespot"]["genes"][0])
    axes = hs.plot.gene(st, imputed, shared, image=False)
    assert [ax.get_title().split(",")[0] for ax in axes] == ["measured", "imputed"]
    page = hs.report(mapping, tmp_path / "r.html", sc=sc, st=st, genes=[shared]).read_text()
    units = [f"{kind}, log(1 + 10,000 x / total)" for kind in ("measured", "imputed")]
    assert page.count(units[0]) == page.count(units[1]) > 0
