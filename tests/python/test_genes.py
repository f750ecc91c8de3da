"""Which features are genes, what the genes are called, and what would make more of them match."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import homespot as hs
from homespot import datasets
from homespot.errors import DataWarning, InputError
from homespot.expression.genes import genes_of

Pair = tuple[ad.AnnData, ad.AnnData]


def said(call: Callable[[], object]) -> list[str]:
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught]


def left_out(var: pd.DataFrame) -> list[str]:
    """Names of the features that are taken for no genes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        kept, _ = genes_of(var, "sc")
    return [str(name) for i, name in enumerate(var.index) if i not in set(kept)]


def typed(column: str, values: list[object]) -> pd.DataFrame:
    """Features called f0, f1, ..., and a gene, with a column of types."""
    return pd.DataFrame(
        {column: [*values, "Gene Expression"]}, index=[*map("f{}".format, range(len(values))), "g"]
    )


# --- features that are no genes -------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "Antibody Capture",
        "Antibody",
        "ADT",
        "Protein",
        "Protein Expression",
        "Multiplexing Capture",
        "HTO",
        "CRISPR Guide Capture",
        "Negative Control Probe",
        "negative_control_codeword",
        "Blank Codeword",
        "blank",
        "Unassigned Codeword",
        "Deprecated Codeword",
        "Genomic Control",
        "Negative",
        "Positive",
        "SystemControl",
        "FalseCode",
        "Custom",
        "Peaks",
        "Chromatin Accessibility",
        "spike-in",
        "ERCC",
    ],
)
@pytest.mark.parametrize("column", ["feature_types", "Feature Type", "CodeClass", "type", "Type"])
def test_what_a_column_calls_no_gene_is_left_out(column: str, value: str) -> None:
    assert left_out(typed(column, [value, "Gene", value.upper()])) == ["f0", "f2"]


@pytest.mark.parametrize(
    "value",
    [
        "Gene Expression",
        "Gene",
        "gene",
        "Endogenous",
        "protein_coding",
        "lncRNA",
        "antisense",
        "Housekeeping",
    ],
)
@pytest.mark.parametrize("column", ["feature_types", "gene_type", "gene_biotype", "code_class", "type"])
def test_genes_of_any_kind_stay(column: str, value: str) -> None:
    assert left_out(typed(column, [value, None, np.nan])) == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("type", ["positive", "negative", "control"]),  # markers of a type, with no word of genes
        ("class", ["peak", "custom", "protein"]),
        ("gene_type", ["protein", "guide_RNA", "lncRNA"]),  # what a gene codes for
        ("category", ["chromatin remodelling", "surface protein", "antibody production"]),
        ("category", ["housekeeping", "control", "custom"]),
        ("gene", ["CD4", "BLNK", "ERCC1"]),
        ("gene", [3, 0, 1]),
        ("codeword_category", ["custom_gene", "predesigned_gene", "predesigned_gene"]),
        ("cluster", ["Antibody Capture", "blank", "spike-in"]),
        ("spike", [0.5, 3.0, 1.0]),
        ("control", ["high", "low", "none"]),
        ("highly_variable", [True, False, True]),
        ("mt", [True, True, False]),
    ],
)
def test_other_columns_say_nothing(column: str, values: list[object]) -> None:
    assert left_out(pd.DataFrame({column: values}, index=["CD4", "BLNK", "ERCC1"])) == []


@pytest.mark.parametrize(
    "values",
    [[True, False, True], ["TRUE", "FALSE", "TRUE"], [1, 0, 1], [1.0, 0.0, 1.0], ["yes", "no", "yes"]],
)
@pytest.mark.parametrize(
    "column",
    [
        *("is_control", "control_probe", "isSpike", "NegPrb", "blank", "ERCC", "control", "is_neg_control"),
        *("negative_control_probe", "is_antibody", "unassigned_codeword", "non_gene"),
    ],
)
def test_columns_of_yes_and_no(column: str, values: list[object]) -> None:
    assert left_out(pd.DataFrame({column: values}, index=list("abc"))) == ["a", "c"]
    categories = pd.DataFrame({column: pd.Categorical(values)}, index=list("abc"))
    assert left_out(categories) == ["a", "c"]


@pytest.mark.parametrize("values", [[False, True, False], ["no", "yes", "no"], [0, 1, 0]])
@pytest.mark.parametrize("column", ["is_gene", "gene", "IsGene", "endogenous"])
def test_columns_of_genes(column: str, values: list[object]) -> None:
    assert left_out(pd.DataFrame({column: values}, index=list("abc"))) == ["a", "c"]


@pytest.mark.parametrize(
    ("column", "value", "gene"),
    [
        ("category", "control probe", "gene"),
        ("category", "Negative control probe", None),
        ("assay", "ADT", "RNA"),
        ("assay", "HTO", "Gene Expression"),
        ("probe_type", "Negative", "Endogenous"),
        ("feature_types", "VDJ", "Gene Expression"),
        ("feature_types", "VDJ-T", "Gene Expression"),
        ("library_type", "Multiplexing Capture", "Gene Expression"),
        ("Kind", "blank", "gene"),
        ("gene_group", "unassigned codeword", None),
        ("codeword_category", "negative_control_codeword", "predesigned_gene"),
    ],
)
def test_more_columns_of_kinds(column: str, value: str, gene: str | None) -> None:
    assert left_out(pd.DataFrame({column: [gene, value, gene]}, index=list("abc"))) == ["b"]


NO_GENES = [
    "FP_1",
    "FP 12",
    "EMPTY_1",
    "Control 1",
    "control_probe_3",
    "Blank-1",
    "DeprecatedCodeword_",
    "Unassigned_12",
    "__no_feature",
    "Blank-12",
    "CD3_TotalA",
    "adt-CD3",
    "CD3-prot",
    "CD3:SK7|CD3E|AHS0033|pAbO",
    "KI270728.1-230-1000",
    "NegAdd1",
    "BLANK_0001",
    "blank1",
    "BlankCodeword_0007",
    "NegControlProbe_00042",
    "NegControlCodeword_0500",
    "NegPrb1",
    "NegPrb12",
    "NegProbe-WTX",
    "Negative1",
    "Negative_control_3",
    "SystemControl23",
    "FalseCode12",
    "UnassignedCodeword_0001",
    "DeprecatedCodeword_0321",
    "Intergenic_Region_1463",
    "antisense_PROKR2",
    "ERCC-00002",
    "ERCC.00171",
    "POS_A(128)",
    "NEG_H(0)",
    "CD4_TotalSeqB",
    "TotalSeqB-CD1",
    "TotalSeq-C_0034",
    "totalseqA.CD4",
    "TotalSeq_CD8",
    "CD3-ADT",
    "ADT-PDL1",
    "Antibody_HLA-DR",
    "protein:CD45RA",
    "CD19.TotalSeqC",
    "ADT_CD3",
    "HTO_5",
    "Hashtag3",
    "chr1-10109-10357",
    "chrX:100-250",
]
GENES = [
    "Custom1",
    "TOTAL1",
    "ABCD1",
    "FP1",
    "CTRL",
    "CTRL.1",
    "CTRL-1",
    "EMP1",
    "CONTROL",
    "GFP",
    "GCFC2",
    "BLNK",
    "NEGR1",
    "ERCC1",
    "ERCC6L2",
    "NELL1",
    "nan",
    "NEGATIVE",
    "Neg1",
    "neg-1",
    "pos-1",
    "adt-1",
    "blanks",
    "BLK",
    "CHRNA1",
    "CHR1",
    "SPIKE1",
    "HLA-A",
    "MT-CO1",
    "RP11-34P13.7",
    "CD4",
    "SYS1",
    "FALSE",
    "PROTEIN",
    "X1700028P14Rik",
    "1700028P14Rik",
    "antisense",
    "ADTRP",
    "BLANK",
]


@pytest.mark.parametrize("name", NO_GENES)
def test_names_of_what_is_no_gene(name: str) -> None:
    assert left_out(pd.DataFrame(index=["CD4", name])) == [name]


@pytest.mark.parametrize("name", GENES)
def test_names_of_genes(name: str) -> None:
    assert left_out(pd.DataFrame(index=["CD4b", name])) == []


@pytest.mark.slow
@pytest.mark.usefixtures("real_data")
def test_no_gene_of_the_real_data_is_left_out() -> None:
    for name in datasets.names():
        for adata in datasets.load(name).values():
            assert left_out(adata.var) == []


def test_several_of_a_kind_and_one() -> None:
    names = ["CD4", "NegPrb1", "NegPrb2", "CD3_TotalA", "DeprecatedCodeword_1", "DeprecatedCodeword_2"]
    with pytest.warns(DataWarning) as caught:
        _, about = genes_of(pd.DataFrame(index=names), "st")
    assert (
        ": 2 negative controls ('NegPrb1', 'NegPrb2'), 1 antibody ('CD3_TotalA'), 2 codewords of no "
        in str(caught[0].message)
    )
    assert about.left_out["NegPrb1"] == "a negative control by its name"
    assert about.left_out["CD3_TotalA"] == "an antibody by its name"


def test_a_column_overrules_a_name() -> None:
    var = pd.DataFrame({"feature_types": ["Gene Expression", np.nan, "Gene Expression"]}, index=NO_GENES[:3])
    assert left_out(var) == [NO_GENES[1]]


def with_others(adata: ad.AnnData, kinds: dict[str, str | None], column: str = "feature_types") -> ad.AnnData:
    """The data with more features in front of its genes, of which each has more than all genes together."""
    values = np.random.default_rng(0).poisson(9000, (adata.n_obs, len(kinds)))
    x = adata.X.toarray() if sparse.issparse(adata.X) else adata.X
    var = pd.DataFrame(index=[*kinds, *adata.var_names])
    if any(kinds.values()):
        var[column] = [*kinds.values(), *["Gene Expression"] * adata.n_vars]
    stored = sparse.csr_matrix if sparse.issparse(adata.X) else np.asarray
    return ad.AnnData(
        stored(np.hstack([values, x]).astype(np.float32)), adata.obs.copy(), var, obsm=dict(adata.obsm)
    )


@pytest.mark.parametrize("stored", ["csr", "dense"])
def test_what_is_no_gene_changes_no_byte_of_the_map(make_pair, stored: str, tmp_path) -> None:
    sc, st = make_pair(stored=stored)
    without = hs.map_cells(sc, st)
    more_sc = with_others(sc, {"CD3": "Antibody Capture", "CD4": "Antibody Capture", "b": "Blank Codeword"})
    more_st = with_others(st, {"NegPrb1": None, "ERCC-00002": None})
    with pytest.warns(DataWarning) as caught:
        mapping = hs.map_cells(more_sc, more_st)
    assert [str(w.message) for w in caught] == [
        "Left out 3 feature(s) of the single-cell data that are not genes: 2 'Antibody Capture' ('CD3', "
        "'CD4'), 1 'Blank Codeword' ('b'). To keep them as genes, set sc.var['feature_types'] = "
        "sc.var['feature_types'].astype(object).replace(['Antibody Capture', 'Blank Codeword'], "
        "'Gene Expression').",
        "Left out 2 feature(s) of the spatial data that are not genes: 1 negative control ('NegPrb1'), 1 "
        "spike-in ('ERCC-00002'). To keep them as genes, set st.var['feature_types'] = 'Gene Expression'.",
    ]
    assert mapping.X.tobytes() == without.X.tobytes()
    more_sc.write_h5ad(tmp_path / "sc.h5ad")
    with pytest.warns(DataWarning):
        on_disk = hs.map_cells(ad.read_h5ad(tmp_path / "sc.h5ad", backed="r"), st)
    assert on_disk.X.tobytes() == without.X.tobytes()


def test_what_is_no_gene_is_not_imputed_and_changes_nothing_else(pair) -> None:
    sc, st = pair
    mapping = hs.map_cells(sc, st)
    with pytest.warns(DataWarning, match="Left out 1 feature"):
        found = hs.impute_genes(mapping, more := with_others(sc, {"CD3": "Protein"}), read_out="mean")
    expected = hs.impute_genes(mapping, sc, read_out="mean")
    assert found.var_names.tolist() == sc.var_names.tolist()
    assert found.X.tobytes() == expected.X.tobytes()
    with pytest.warns(DataWarning), pytest.raises(InputError) as caught:
        hs.impute_genes(mapping, more, ["g8", "CD3"])
    assert "found 1 that are no genes: 'CD3' is 'Protein' in sc.var['feature_types']." in str(caught.value)
    line = "sc.var['feature_types'].astype(object).replace(['Protein'], 'Gene Expression')"
    assert f"To keep them as genes, set sc.var['feature_types'] = {line}." in str(caught.value)


@pytest.mark.parametrize("stored", [object, "category"])
@pytest.mark.parametrize("raw", [False, True])
def test_the_lines_that_are_named_keep_the_features_and_write_over_nothing(pair, stored, raw: bool) -> None:
    sc, st = pair
    more = with_others(sc, {"CD3": "Antibody Capture", "b 1": "Blank Codeword", "Blank-1": None, "c": None})
    more.var["feature_types"] = more.var["feature_types"].replace("Gene Expression", "gene").astype(stored)
    more.var["is_control"] = more.var_names == "c"
    if raw:
        more.raw = more
    layer = {"sc_layer": "raw"} if raw else {}
    before = (more.raw if raw else more).var.copy()
    (words,) = said(lambda: hs.map_cells(more, st, **layer))
    assert "4 feature(s)" in words
    line = words.split(" set ")[1].removesuffix(".")
    exec(line, {"sc": more})
    after = (more.raw if raw else more).var
    rest = ~before.index.isin(["CD3", "b 1"])
    assert after.loc[rest, "feature_types"].dropna().tolist() == ["gene"] * sc.n_vars
    assert after["feature_types"].isna().sum() == 2
    mapping = hs.map_cells(more, st, **layer)
    assert hs.impute_genes(mapping, more, layer="raw" if raw else None).n_vars == sc.n_vars + 4


def test_a_column_of_genes_is_set_to_true(pair) -> None:
    sc, st = pair
    flagged = sc.copy()
    flagged.var["is_gene"] = flagged.var_names != "g8"
    (words,) = said(lambda: hs.map_cells(flagged, st))
    assert ": 1 is_gene False ('g8')." in words
    assert words.endswith("set sc.var['is_gene'] = True.")
    flagged.var["is_gene"] = True
    assert said(lambda: hs.map_cells(flagged, st)) == []
    flagged.var["is_gene"] = False  # which says nothing
    assert said(lambda: hs.map_cells(flagged, st)) == []


def test_a_protein_may_have_the_name_of_a_gene(pair) -> None:
    """The names of the genes that are left are unique."""
    sc, st = pair
    twin = with_others(sc, {"CD3": "Antibody Capture"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # anndata's, of names that are not unique
        twin.var_names = [sc.var_names[0], *sc.var_names]
    with pytest.warns(DataWarning, match="Left out 1"):
        assert hs.map_cells(twin, st).X.tobytes() == hs.map_cells(sc, st).X.tobytes()


def test_nothing_but_other_features_is_refused(pair, refused) -> None:
    sc, st = pair
    sc = sc.copy()
    sc.var["feature_types"] = "Peaks"
    with refused("genes single-cell data | 35 'Peaks' 'g8' | sc.var['feature_types'] 'Peaks'"):
        hs.map_cells(sc, st)


def test_cross_validation_warns_once(pair) -> None:
    sc, st = pair
    more = with_others(sc, {"CD3": "Antibody Capture"})
    words = said(lambda: hs.cross_validate(more, st, folds=3, progress=False))
    assert len([word for word in words if word.startswith("Left out")]) == 1
    scores = hs.cross_validate(sc, st, folds=3, progress=False).drop(columns="seconds")
    with pytest.warns(DataWarning):
        same = hs.cross_validate(more, st, folds=3, progress=False).drop(columns="seconds")
    pd.testing.assert_frame_equal(same, scores)


# --- names in a column ----------------------------------------------------------------------------


def renamed(adata: ad.AnnData, names: list[str], **columns: object) -> ad.AnnData:
    """The data with other names of genes, and columns of their annotation."""
    adata = adata.copy()
    adata.var = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()}, index=names)
    return adata


def ids(adata: ad.AnnData) -> list[str]:
    return [f"ENSG{i:011d}" for i in range(adata.n_vars)]


def test_a_column_gives_the_genes_their_names(pair) -> None:
    sc, st = pair
    plain = hs.map_cells(sc, st)
    by_id = renamed(sc, ids(sc), symbol=pd.Categorical(sc.var_names))
    mapping = hs.map_cells(by_id, st, sc_gene_column="symbol")
    assert mapping.X.tobytes() == plain.X.tobytes()
    of_st = renamed(st, ids(st), symbol=st.var_names)
    assert hs.map_cells(sc, of_st, st_gene_column="symbol").X.tobytes() == plain.X.tobytes()
    imputed = hs.impute_genes(mapping, by_id, ["g8", "g16"])
    np.testing.assert_array_equal(imputed.X, hs.impute_genes(plain, sc, ["g8", "g16"]).X)
    assert imputed.var["symbol"].tolist() == ["g8", "g16"]
    scores = [
        hs.cross_validate(*data, folds=3, progress=False, **named).drop(columns="seconds")
        for data, named in (
            ((sc, st), {}),
            ((by_id, of_st), {"sc_gene_column": "symbol", "st_gene_column": "symbol"}),
        )
    ]
    pd.testing.assert_frame_equal(*scores)


def test_a_column_that_is_not_there(pair, refused) -> None:
    with refused("'name' sc.var | 'symbol' | sc_gene_column"):
        hs.map_cells(renamed(pair[0], ids(pair[0]), symbol=pair[0].var_names), pair[1], sc_gene_column="name")


def test_genes_without_a_name_or_with_that_of_another_keep_their_own(pair) -> None:
    """Nothing is left out, so the totals are those of all genes; the genes left match as before."""
    sc, st = pair
    names = sc.var_names.to_numpy(dtype=object).copy()
    shared = [name for name in sc.var_names if name in set(st.var_names)]
    at = {name: sc.var_names.get_loc(name) for name in shared}
    names[at[shared[0]]], names[at[shared[1]]], names[at[shared[3]]] = None, " ", names[at[shared[2]]]
    by_id = renamed(sc, ids(sc), symbol=names)
    with pytest.warns(DataWarning) as caught:
        mapping = hs.map_cells(by_id, st, sc_gene_column="symbol")
    a, b, c, d = (f"ENSG{at[name]:011d}" for name in shared[:4])
    twins = [f"{shared[2]}_{of}" for of in sorted((c, d))]
    assert [str(w.message) for w in caught] == [
        "Names of genes from sc.var['symbol']: 2 gene(s) have no name there and keep their own "
        f"({', '.join(map(repr, sorted((a, b))))}), 2 share their name with another gene and get their own "
        f"behind it ({', '.join(map(repr, twins))}). To match these genes by other names, write them there."
    ]
    genes = set(mapping.uns["homespot"]["genes"])
    assert genes == set(hs.map_cells(sc, st).uns["homespot"]["genes"]) - set(shared[:4])
    with pytest.warns(DataWarning):
        imputed = hs.impute_genes(mapping, by_id, [shared[4], twins[0], a], read_out="mean")
    own = [ids(sc)[at[shared[4]]], twins[0].split("_")[1], a]
    by_own = hs.impute_genes(mapping, renamed(sc, ids(sc)), own, read_out="mean")
    np.testing.assert_array_equal(imputed.X, by_own.X)


# --- names that do not match ----------------------------------------------------------------------


def changed(pair: Pair, change: Callable[[str], str], side: int = 0, prefix: str = "HLA-") -> Pair:
    """Both sides with longer names, and those of one side changed."""
    tables = [renamed(adata, [f"{prefix}{name.lstrip('g')}" for name in adata.var_names]) for adata in pair]
    tables[side].var_names = [change(name) for name in tables[side].var_names]
    return tables[0], tables[1]


CHANGES = {
    "dots for dashes": (lambda name: name.replace("-", "."), "'-', '_' and '.' were the same", "HLA-"),
    "underscores": (lambda name: name.replace("-", "_"), "'-', '_' and '.' were the same", "HLA-"),
    "case": (str.lower, "upper and lower case were the same", "HLA-"),
    "blanks": (lambda name: f" {name} ", "blanks around them were left out", "HLA-"),
    "a genome": (lambda name: f"GRCh38_{name}", "the prefix 'GRCh38_' were left out", "HLA-"),
    "a genome with a dash": (lambda name: f"hg19-{name}", "the prefix 'hg19-' were left out", "HLA-"),
    "a genome of three": (lambda name: f"mm10___{name}", "the prefix 'mm10___' were left out", "HLA-"),
    "another prefix": (lambda name: f"assay1_{name}", "the prefix 'assay1_' were left out", "G"),
    "R's X": (lambda name: f"X{name}", "the X that R puts before a digit were left out", "17"),
    "R's names": (lambda name: name.replace("(", ".").replace("'", "."), "every other character", "E(spl)'"),
    "a number": (lambda name: f"{name}.1", "the number at the end of names in sc were left out", "HLAG"),
    "a version": (lambda name: f"{name}.12", "the version, which is the number", "ENSG0000000"),
    "two at once": (
        lambda name: f"mm10_{name.lower()}",
        "the prefix 'mm10_' were left out and upper",
        "HLA-",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("every", [True, False])
def test_changed_names_are_told_with_the_lines_that_change_them_back(
    make_pair, kind: str, every: bool
) -> None:
    change, words, prefix = CHANGES[kind]
    pair = make_pair(n_genes=60, seed=1)
    sc, st = changed(pair, str, prefix=prefix)
    plain = hs.map_cells(sc, st, gene_weights="equal")
    n_shared = len(sc.var_names.intersection(st.var_names))
    unchanged = sc.var_names.copy()
    sc.var_names = [change(name) if every or i % 3 else name for i, name in enumerate(sc.var_names)]
    left = len(sc.var_names.intersection(st.var_names))
    if every:
        with pytest.raises(InputError) as caught:
            hs.map_cells(sc, st)
        message = str(caught.value)
    else:
        (message,) = said(lambda: hs.map_cells(sc, st, gene_weights="equal"))
    assert f"{n_shared - left} more would match if {words}" in message
    example = next(name for name in st.var_names if name in set(unchanged) and name not in set(sc.var_names))
    assert f"{sc.var_names[unchanged.get_loc(example)]!r} in sc and {example!r} in st" in message
    line = message.split(", set ")[-1].removesuffix(".")
    exec(line, {"sc": sc, "st": st})
    assert hs.map_cells(sc, st, gene_weights="equal").X.tobytes() == plain.X.tobytes()
    assert said(lambda: hs.map_cells(sc, st, gene_weights="equal")) == []


def test_names_that_are_right_are_not_spoken_of(make_pair) -> None:
    """Each side has genes of its own, families that differ in a number, and some versions."""
    sc, st = make_pair(n_genes=60)
    for adata in (sc, st):
        adata.var_names = [f"NKX2-{name[1:]}" for name in adata.var_names]
    assert said(lambda: hs.map_cells(sc, st)) == []
    # The five that each side alone has could be anything.
    sc.var_names = [
        name if name in set(st.var_names) else f"AC00{i}.1" for i, name in enumerate(sc.var_names)
    ]
    st.var_names = [
        name if name in set(sc.var_names) else f"AC00{i}.2" for i, name in enumerate(st.var_names)
    ]
    assert said(lambda: hs.map_cells(sc, st)) == []


@pytest.mark.parametrize("names", ["ids", "numbers"])
def test_names_in_a_column_are_told(pair, names: str) -> None:
    sc, st = pair
    own = ids(sc) if names == "ids" else [str(i) for i in range(sc.n_vars)]
    other = renamed(sc, own, biotype="protein_coding", feature_name=sc.var_names)
    with pytest.raises(InputError) as caught:
        hs.map_cells(other, st)
    first = next(i for i, name in enumerate(sc.var_names) if name in set(st.var_names))
    n = len(sc.var_names.intersection(st.var_names))
    assert str(caught.value).endswith(
        f"{n} would match by the names in sc.var['feature_name'] ({sc.var_names[first]!r} of {own[first]!r} "
        "in sc): set sc_gene_column='feature_name'."
    )
    mapping = hs.map_cells(other, st, sc_gene_column="feature_name")
    assert mapping.X.tobytes() == hs.map_cells(sc, st).X.tobytes()


def test_names_in_columns_of_both_sides_are_told(pair) -> None:
    sc, st = pair
    a = renamed(sc, [f"sc_{i}" for i in range(sc.n_vars)], gene_ids=sc.var_names)
    b = renamed(st, [f"probe {i}" for i in range(st.n_vars)], SYMBOL=st.var_names)
    with pytest.raises(InputError, match=r"set sc_gene_column='gene_ids', st_gene_column='SYMBOL'\.$"):
        hs.map_cells(a, b)


def test_a_column_that_matches_many_more_is_told_where_some_match(pair) -> None:
    sc, st = pair
    some = renamed(
        sc, [name if i < 12 else f"x{i}" for i, name in enumerate(sc.var_names)], symbol=sc.var_names
    )
    (words,) = said(lambda: hs.map_cells(some, st, gene_weights="equal"))
    assert words.startswith("Only ")
    assert "set sc_gene_column='symbol'" in words


def test_genes_that_both_sides_only_number_are_refused(pair) -> None:
    """AnnData numbers genes without names; number 3 is another gene on each side."""
    sc, st = pair
    numbered = [
        renamed(adata, [str(i) for i in range(adata.n_vars)], symbol=adata.var_names) for adata in (sc, st)
    ]
    with pytest.raises(InputError) as caught:
        hs.map_cells(*numbered)
    assert "Expected names of genes, found only numbers, which are not the same genes" in str(caught.value)
    assert str(caught.value).endswith("Set sc_gene_column='symbol', st_gene_column='symbol'.")
    mapping = hs.map_cells(*numbered, sc_gene_column="symbol", st_gene_column="symbol")
    assert mapping.X.tobytes() == hs.map_cells(sc, st).X.tobytes()
    same = [renamed(adata[:, :20], [str(i) for i in range(20)]) for adata in (sc, st)]
    assert said(lambda: hs.map_cells(*same, gene_weights="equal")) == []


@pytest.mark.parametrize("call", ["sections", "folds", "processes"])
def test_names_are_spoken_of_once(make_pair, call: str) -> None:
    sc, st = changed(make_pair(n_genes=60), str)
    sc.var_names = [name.replace("-", ".") if i % 2 else name for i, name in enumerate(sc.var_names)]
    run = {
        "sections": lambda: hs.map_cells(sc, st, sections="region"),
        "folds": lambda: hs.cross_validate(sc, st, folds=3, progress=False),
        "processes": lambda: hs.cross_validate(sc, st, folds=2, n_jobs=2, progress=False),
    }[call]
    assert len([words for words in said(run) if "more would match" in words]) == 1
