"""Names of genes that do not match: columns and changes together, two names in one, and what is no remedy."""

from __future__ import annotations

import re
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import homespot as hs
from homespot.errors import DataWarning, InputError

N_CELLS, N_SPOTS = 40, 30
SYMBOLS = [f"{'ABCDEFGHIJ'[i % 10]}{'KLMNOP'[i % 6]}X{i}" for i in range(60)]
IDS = [f"ENSG{141510 + 7 * i:011d}" for i in range(60)]
VERSIONED = [f"{name}.{i % 9 + 1}" for i, name in enumerate(IDS)]
ENTREZ = [7157 + 11 * i for i in range(60)]


def table(names: list[str], rows: int = N_CELLS, **columns: object) -> ad.AnnData:
    """Counts of these genes; a gene's are those of its place in the list."""
    x = np.random.default_rng(rows).poisson(3, (rows, 60))[:, : len(names)].astype(np.float32)
    obs = pd.DataFrame(index=[f"r{rows}_{i}" for i in range(rows)])
    return ad.AnnData(x, obs, pd.DataFrame(columns, index=names))


def spots(names: list[str], **columns: object) -> ad.AnnData:
    return table(names, N_SPOTS, **columns)


def message(sc: ad.AnnData, st: ad.AnnData, **arguments: object) -> str:
    """What a call refuses, or warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            hs.map_cells(sc, st, **arguments)  # type: ignore[arg-type]
        except InputError as error:
            return str(error)
    return "; ".join(str(w.message) for w in caught)


def heeded(words: str, sc: ad.AnnData, st: ad.AnnData, **arguments: object) -> ad.AnnData:
    """The map after what a message says was done."""
    told = re.split(r"[,:] set |[,:] leave |st\. set ", words.removesuffix("."))[-1]
    lines, _, passed = told.partition(", and pass ")
    if lines.startswith(("sc_gene_column", "st_gene_column")):
        lines, passed = "", lines
    exec(lines, {"sc": sc, "st": st})
    return hs.map_cells(sc, st, **(arguments | eval(f"dict({passed})")))


@pytest.fixture
def plain() -> ad.AnnData:
    return hs.map_cells(table(SYMBOLS), spots(SYMBOLS))


LOWER = [name.lower() for name in SYMBOLS]
IN_COLUMNS = {
    "case": ((IDS, {"symbol": LOWER}), (SYMBOLS, {})),
    "case in categories": ((IDS, {"symbol": pd.Categorical(LOWER)}), (SYMBOLS, {})),
    "versions": ((SYMBOLS, {"gene_id": VERSIONED}), (IDS, {})),
    "versions of the spots": ((IDS, {}), (SYMBOLS, {"ids": VERSIONED})),
    "other versions": ((SYMBOLS, {"gene_id": VERSIONED}), ([f"{name}.77" for name in IDS], {})),
    "R's names": (
        (IDS, {"name": [f"HLA.{name}" for name in SYMBOLS]}),
        ([f"HLA-{name}" for name in SYMBOLS], {}),
    ),
    "a genome": ((IDS, {"name": [f"mm10___{name}" for name in SYMBOLS]}), (SYMBOLS, {})),
    "columns of both": ((IDS, {"symbol": LOWER}), ([f"p{i}x" for i in range(60)], {"target": SYMBOLS})),
}


@pytest.mark.parametrize("kind", IN_COLUMNS)
@pytest.mark.parametrize("raw", [False, True])
def test_a_column_and_a_change_are_tried_together(plain: ad.AnnData, kind: str, raw: bool) -> None:
    (own, columns), (other, of_st) = IN_COLUMNS[kind]
    sc, st = table(own, **columns), spots(other, **of_st)
    layer = {}
    if raw:
        sc.raw, layer = sc, {"sc_layer": "raw"}
        sc.X = sc.X - 1
    words = message(sc, st, **layer)
    assert "60 would match by the names in " in words
    assert "gene_column='" in words
    assert heeded(words, sc, st, **layer).X.tobytes() == plain.X.tobytes()


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("column", [None, "symbol"])
def test_the_names_in_use_are_those_that_are_changed(
    plain: ad.AnnData, raw: bool, column: str | None
) -> None:
    sc = table(LOWER if column is None else IDS, symbol=LOWER)
    st = spots(SYMBOLS)
    arguments: dict[str, str] = {} if column is None else {"sc_gene_column": column}
    if column is None:
        del sc.var["symbol"]
    if raw:
        sc.raw = sc
        sc.X = sc.X - 1
        arguments["sc_layer"] = "raw"
    words = message(sc, st, **arguments)
    named = {
        (False, None): "sc.var_names",
        (True, None): "sc.raw.var.index",
        (False, "symbol"): "sc.var['symbol']",
        (True, "symbol"): "sc.raw.var['symbol']",
    }[raw, column]
    assert words.endswith(f"set {named} = {named}.str.upper().")
    assert heeded(words, sc, st, **arguments).X.tobytes() == plain.X.tobytes()


def test_a_column_that_was_named_for_nothing() -> None:
    words = message(table(SYMBOLS, ids=IDS), spots(SYMBOLS), sc_gene_column="ids")
    assert words.endswith(f"in sc.var_names ({SYMBOLS[0]!r} of {IDS[0]!r} in sc): leave sc_gene_column out.")


@pytest.mark.parametrize("numbers", [ENTREZ, [float(n) for n in ENTREZ], [str(n) for n in ENTREZ]])
@pytest.mark.parametrize("column", ["entrez", "ENTREZID", "NCBI_gene", "gene_id", "GeneID"])
def test_entrez_ids_in_a_column(plain: ad.AnnData, numbers: list[object], column: str) -> None:
    sc, st = table(SYMBOLS, **{column: numbers}), spots([str(n) for n in ENTREZ])
    words = message(sc, st)
    assert f"60 would match by the names in sc.var['{column}'] ('7157' of {SYMBOLS[0]!r} in sc)" in words
    assert heeded(words, sc, st).X.tobytes() == plain.X.tobytes()


def test_entrez_ids_of_which_some_are_missing() -> None:
    sc = table(SYMBOLS, entrez=[np.nan, *map(float, ENTREZ[1:])])
    with pytest.warns(DataWarning, match="1 gene"):
        mapping = hs.map_cells(sc, spots([str(n) for n in ENTREZ]), sc_gene_column="entrez")
    assert len(mapping.uns["homespot"]["genes"]) == 59


def test_other_numbers_are_no_names() -> None:
    words = message(table(SYMBOLS, length=ENTREZ, n_cells=ENTREZ), spots([str(n) for n in ENTREZ]))
    assert words.endswith("Check that both use the same kind of gene names.")


TWO = [
    *("{symbol}_{id}", "{id}_{symbol}", "{id}|{symbol}", "{symbol}|{id}", "{symbol} ({id})", "{id}-{symbol}"),
    *("{symbol}.{id}", "{symbol};{id}", "{id}.3_{symbol}", "{symbol}_{id}.3", "{symbol}|{entrez}"),
    *(
        "{entrez}_{symbol}",
        "{symbol}_HGNC:{entrez}",
        "{symbol}_hg38",
        "GRCh38-2020-A_{symbol}",
        "hg38_{symbol}",
    ),
    *("GRCh38___{symbol}", "gene:{symbol}", "mm10_{symbol}"),
]


@pytest.mark.parametrize(
    ("form", "by"), [(form, by) for form in TWO for by in ("symbol", "id") if f"{{{by}}}" in form]
)
def test_names_with_something_before_or_behind_them(plain: ad.AnnData, form: str, by: str) -> None:
    names = [
        form.format(symbol=symbol, id=own, entrez=number)
        for symbol, own, number in zip(SYMBOLS, IDS, ENTREZ, strict=True)
    ]
    for side in ("sc", "st"):
        other = SYMBOLS if by == "symbol" else IDS
        sc, st = (table(names), spots(other)) if side == "sc" else (table(other), spots(names))
        words = message(sc, st)
        assert "60 more would match if " in words
        assert heeded(words, sc, st).X.tobytes() == plain.X.tobytes()


def test_float_names(plain: ad.AnnData) -> None:
    sc, st = table([f"{n}.0" for n in ENTREZ]), spots([str(n) for n in ENTREZ])
    words = message(sc, st)
    assert "if the '.0' behind whole numbers were left out" in words
    assert heeded(words, sc, st).X.tobytes() == plain.X.tobytes()


def test_a_column_that_matches_few_is_not_proposed() -> None:
    alias = [name if i < 5 else f"alias{i}" for i, name in enumerate(SYMBOLS)]
    words = message(table(IDS, alias=alias), spots(SYMBOLS))
    assert "alias" not in words
    assert words.endswith("the other gene symbols: translate one of them.")


def test_a_column_of_a_small_panel_is_proposed_if_it_matches_nearly_all() -> None:
    panel = SYMBOLS[:8]
    assert message(table(IDS, symbol=SYMBOLS), spots(panel)).endswith("set sc_gene_column='symbol'.")
    alias = [name if i < 4 else f"alias{i}" for i, name in enumerate(SYMBOLS)]
    assert "alias" not in message(table(IDS, alias=alias), spots(panel))


def test_numbers_that_are_left_of_names_are_no_match() -> None:
    words = message(table([f"sc_{i}" for i in range(60)]), spots([f"probe {i}" for i in range(60)]))
    assert words.endswith("Check that both use the same kind of gene names.")


def test_no_word_where_a_gain_is_small() -> None:
    """All but five genes match; those five match by a column, or by their case."""
    names = [name if i < 55 else name.lower() for i, name in enumerate(SYMBOLS)]
    assert message(table(names, symbol=SYMBOLS), spots(SYMBOLS)) == ""


@pytest.mark.slow
def test_what_is_said_for_many_genes_takes_a_moment() -> None:
    """The symbols are in columns of 20,000 genes on both sides, in another case on one."""
    letters = np.random.default_rng(0).choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), (20_000, 6))
    symbols = list(dict.fromkeys("".join(of) for of in letters))
    n = len(symbols)
    rows = np.ones((3, n), np.float32)
    ids = [f"ENSG{i:011d}.{i % 7}" for i in range(n)]
    sc = ad.AnnData(rows, var=pd.DataFrame({"symbol": symbols, "version": ids}, index=ids))
    lower = [name.lower() for name in symbols]
    st = ad.AnnData(rows, var=pd.DataFrame({"target": lower}, index=[f"AC{i}.1" for i in range(n)]))
    start = time.perf_counter()
    words = message(sc, st)
    assert time.perf_counter() - start < 30
    assert f"{n} would match by the names in sc.var['symbol'] and st.var['target']" in words
