"""The words that the two languages spell differently, as messages ask for them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from homespot import bridge
from homespot.bridge.wording import R
from homespot.common.wording import Change, GeneTable, Wording, argument, spoken, verb

SC, ST = GeneTable("sc"), GeneTable("st")
SEURAT = R(
    {
        "sc": {"called": "sc", "seurat": True, "assay": "RNA"},
        "st": {"called": "st", "seurat": True, "assay": "Spatial", "fixed": True},
    }
)
SECTIONS = R({"st": {"called": "st", "several": True}})
STRIPPED = Change("replace", "^a", "")

# What is asked for; the words of Python; those of R for Bioconductor's objects, and for Seurat's if others.
SPELLED: list[tuple[Callable[[Wording], str], str, str, str]] = [
    (lambda w: w.argument("k_best"), "k_best", "k.best", ""),
    (lambda w: w.argument("k_best", 3), "k_best=3", "k.best = 3", ""),
    (lambda w: w.argument("joint", True), "joint=True", "joint = TRUE", ""),
    (lambda w: w.argument("sections", "slide"), "sections='slide'", 'sections = "slide"', ""),
    (lambda w: w.argument("sc_layer"), "sc_layer", "sc.assay.type", ""),
    (lambda w: w.verb("map_cells"), "map_cells()", "mapCells()", ""),
    (lambda w: w.verb("cell_positions"), "cell_positions()", "placeCells()", ""),
    (lambda w: w.verb("subset"), "subset()", "map[cells, spots]", ""),
    (lambda w: w.shown(None), "None", "NULL", ""),
    (lambda w: w.shown("None"), "'None'", "'None'", ""),
    (lambda w: w.shown(1), "1", "1", ""),
    (lambda w: w.pip("zarr"), "pip install zarr", f"{sys.executable} -m pip install zarr", ""),
    (lambda w: w.section("a"), "st['a']", "st$a", ""),
    (lambda w: w.section(0), "st[0]", "st[[1]]", ""),
    (lambda w: w.annotation("st"), "st.obs", "colData(st)", "the metadata of st"),
    (lambda w: w.column("st", "is on"), "st.obs['is on']", 'st[["is on"]]', ""),
    (lambda w: w.column("st", "it's"), 'st.obs["it\'s"]', 'st[["it\'s"]]', ""),
    (lambda w: w.set_column("st", "in_tissue", 1), "st.obs['in_tissue'] = 1", "st$in_tissue <- 1", ""),
    (lambda w: w.images(), "st.uns['spatial']", "imgData(st)", "Images(st)"),
    (
        lambda w: w.unique_rows("st", "sample"),
        "st.obs_names = st.obs['sample'].astype(str) + '_' + st.obs_names",
        'colnames(st) <- paste(st$sample, colnames(st), sep = "_")',
        "",
    ),
    (
        lambda w: w.unique_rows("sc"),
        "sc.obs_names_make_unique()",
        "colnames(sc) <- make.unique(colnames(sc))",
        "",
    ),
    (
        lambda w: w.set_coordinates(w.matrix("obsm", "X")),
        "set st.obsm['spatial'] = st.obsm['X']",
        'pass coords = reducedDim(st, "X")',
        'pass coords = Embeddings(st, "X")',
    ),
    (
        lambda w: w.coordinates_in_columns(["a", "b"]),
        "st.obs[['a', 'b']].to_numpy()",
        "colData(st)[c('a', 'b')]",
        "st[[]][c('a', 'b')]",
    ),
    (
        lambda w: w.coordinates_in_columns(["a", "b"], text=True),
        "st.obs[['a', 'b']].to_numpy(dtype=float)",
        "colData(st)[c('a', 'b')]",
        "st[[]][c('a', 'b')]",
    ),
    (
        lambda w: w.swapped_coordinates(),
        "st.obsm['spatial'][:, [1, 0]]",
        "unname(spatialCoords(st)[, 2:1])",
        "a matrix of x and y",
    ),
    (lambda w: w.genes(SC), "sc.var", "rowData(sc)", 'sc[["RNA"]]'),
    (lambda w: w.genes(GeneTable("sc", raw=True)), "sc.raw.var", "rowData(sc)", 'sc[["RNA"]]'),
    (
        lambda w: w.set_gene_column(SC, "kind", "Gene"),
        "sc.var['kind'] = 'Gene'",
        "rowData(sc)$kind <- 'Gene'",
        'sc[["RNA"]][["kind"]] <- \'Gene\'',
    ),
    (
        lambda w: w.set_gene_column(SC, "is_control", False),
        "sc.var['is_control'] = False",
        "rowData(sc)$is_control <- FALSE",
        'sc[["RNA"]][["is_control"]] <- FALSE',
    ),
    (
        lambda w: w.replace_in_gene_column(SC, "kind", ["a", "b c"], "Gene"),
        "sc.var['kind'] = sc.var['kind'].astype(object).replace(['a', 'b c'], 'Gene')",
        "rowData(sc)$kind <- replace(as.character(rowData(sc)$kind), "
        "rowData(sc)$kind %in% c('a', 'b c'), 'Gene')",
        'sc[["RNA"]][["kind"]] <- setNames(replace(as.character(sc[["RNA"]][["kind"]][, 1]), '
        "sc[[\"RNA\"]][[\"kind\"]][, 1] %in% c('a', 'b c'), 'Gene'), rownames(sc[[\"RNA\"]]))",
    ),
    (
        lambda w: w.change_gene_names(SC, "id", STRIPPED),
        "sc.var['id'] = sc.var['id'].str.replace('^a', '', regex=True)",
        "rowData(sc)$id <- gsub('^a', '', rowData(sc)$id, perl = TRUE)",
        'sc[["RNA"]][["id"]] <- setNames(gsub(\'^a\', \'\', sc[["RNA"]][["id"]][, 1], perl = TRUE), '
        'rownames(sc[["RNA"]]))',
    ),
    (
        lambda w: w.change_gene_names(SC, None, Change("upper")),
        "sc.var_names = sc.var_names.str.upper()",
        "rownames(sc) <- toupper(rownames(sc))",
        'rownames(sc[["RNA"]]) <- toupper(rownames(sc[["RNA"]]))',
    ),
    (
        lambda w: w.change_gene_names(ST, None, STRIPPED),
        "st.var_names = st.var_names.str.replace('^a', '', regex=True)",
        "rownames(st) <- gsub('^a', '', rownames(st), perl = TRUE)",
        'st[["Spatial"]] <- as(st[["Spatial"]], "Assay5"); rownames(st[["Spatial"]]) <- '
        "gsub('^a', '', rownames(st[[\"Spatial\"]]), perl = TRUE)",
    ),
    (
        lambda w: w.unique_gene_names("sc"),
        "sc.var_names_make_unique()",
        "rownames(sc) <- make.unique(rownames(sc))",
        'rownames(sc[["RNA"]]) <- make.unique(rownames(sc[["RNA"]]))',
    ),
    (
        lambda w: w.take_gene_names("st['a']", "id"),
        "st['a'].var_names = st['a'].var['id']",
        "rownames(st['a']) <- rowData(st['a'])$id",
        'st[\'a\'][["Spatial"]] <- as(st[\'a\'][["Spatial"]], "Assay5"); '
        'rownames(st[\'a\'][["Spatial"]]) <- st[\'a\'][["Spatial"]][["id"]][, 1]',
    ),
]


@pytest.mark.parametrize(("words", "python", "r", "seurat"), SPELLED, ids=[case[1] for case in SPELLED])
def test_each_language_has_its_own_words(
    words: Callable[[Wording], str], python: str, r: str, seurat: str
) -> None:
    assert words(Wording()) == python
    assert words(R()) == r
    assert words(SEURAT) == (seurat or r)


def test_lines_for_a_list_of_sections_are_for_each_of_them() -> None:
    assert SECTIONS.set_column("st", "on", 1) == "st <- lapply(st, function(x) { x$on <- 1; x })"
    assert SECTIONS.coordinates_in_columns(["a", "b"]) == "lapply(st, function(x) colData(x)[c('a', 'b')])"
    assert SECTIONS.column("st", "homespot_section") == "the list st"
    assert R({"st": {"called": "st", "bare": True}}).column("st", "on") == "coords$on"
    assert (
        R({"sc": {"called": "sce"}}).unique_gene_names("sc") == "rownames(sce) <- make.unique(rownames(sce))"
    )


def test_messages_are_spelled_for_the_language_that_calls() -> None:
    assert argument("k_best") == "k_best"
    with spoken(R()):
        assert f"{verb('place_cells')} {argument('k_best', None)}" == "placeCells() k.best = NULL"
    assert argument("k_best") == "k_best"


def test_an_error_says_what_r_may_know_better(pair) -> None:
    sc, st = pair
    sc.X = sc.X.toarray() - 5
    answer = bridge.call("map_cells", sc, st, "ssa")
    assert answer["error"]["topic"] == "values of sc"
