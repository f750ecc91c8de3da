"""Preprocessing against NumPy, SciPy and scikit-learn, and one answer for every way of storing a table."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from scipy import sparse, stats
from sklearn.preprocessing import minmax_scale

from homespot import map_cells
from homespot.errors import DataWarning, InputError
from homespot.expression import table as tables
from homespot.expression import transforms
from homespot.expression.shared import shared_genes
from homespot.expression.table import Expression
from homespot.expression.transforms import log_normalised, min_max, most_variable, unit_rows, z_scores

DENSE = {
    "float32, C": lambda x: np.ascontiguousarray(x, np.float32),
    "float32, F": lambda x: np.asfortranarray(x, np.float32),
    "float64, C": lambda x: np.ascontiguousarray(x, np.float64),
    "float64, F": lambda x: np.asfortranarray(x, np.float64),
    "float16": lambda x: x.astype(np.float16),
    "int64": lambda x: x.astype(np.int64),
    "uint8": lambda x: x.astype(np.uint8),
    "int32, F": lambda x: np.asfortranarray(x, np.int32),
    "every second column of a wider one": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
}


def unsorted(x: np.ndarray) -> sparse.csr_matrix:
    m = sparse.csr_matrix(x)
    for start, stop in zip(m.indptr[:-1], m.indptr[1:], strict=True):
        m.indices[start:stop] = m.indices[start:stop][::-1].copy()
        m.data[start:stop] = m.data[start:stop][::-1].copy()
    m.has_sorted_indices = False
    return m


def duplicated(x: np.ndarray) -> sparse.csr_matrix:
    """Every entry in two halves."""
    m = sparse.csr_matrix(x)
    return sparse.csr_matrix((np.repeat(m.data / 2, 2), np.repeat(m.indices, 2), 2 * m.indptr), shape=m.shape)


def with_zeros(x: np.ndarray) -> sparse.csr_matrix:
    """Every entry stored, zeros too."""
    n, k = x.shape
    return sparse.csr_matrix((x.ravel(), np.tile(np.arange(k), n), np.arange(0, n * k + 1, k)), shape=x.shape)


SPARSE = {
    "csr": sparse.csr_matrix,
    "csr, float64": lambda x: sparse.csr_matrix(x.astype(np.float64)),
    "csr, int": lambda x: sparse.csr_matrix(x.astype(np.int16)),
    "csr array": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "csc array": sparse.csc_array,
    "coo": sparse.coo_matrix,
    "lil": sparse.lil_matrix,
    "unsorted": unsorted,
    "duplicates": duplicated,
    "stored zeros": with_zeros,
}


def counts(n: int = 50, k: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.lognormal(0, 1, k), (n, k)).astype(np.float32) + np.eye(n, k, dtype=np.float32)


def table(x: object, side: str = "sc", **options: object) -> Expression:
    n, k = x.shape  # type: ignore[attr-defined]
    return Expression(x, [f"r{i}" for i in range(n)], [f"g{i}" for i in range(k)], side, **options)  # type: ignore[arg-type]


def by_hand(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.log1p(1e4 * x / x.sum(axis=1, keepdims=True))


# --- one canonical form ---------------------------------------------------------------------------


@pytest.mark.parametrize("storage", DENSE)
def test_storage_of_a_dense_table_changes_no_byte(storage: str) -> None:
    x = counts()
    plain, other = table(x), table(DENSE[storage](x))
    genes = [f"g{i}" for i in (3, 30, 1, 7)]
    assert log_normalised(plain, genes).tobytes() == log_normalised(other, genes).tobytes()
    for quantity in ("totals", "log_totals", "variances"):
        assert getattr(plain, quantity).tobytes() == getattr(other, quantity).tobytes()
    assert other.scale == "counts"


@pytest.mark.parametrize("storage", ["float64, C", "float64, F", "float32, F"])
def test_storage_of_log_values_changes_no_byte(storage: str) -> None:
    x = by_hand(counts()).astype(np.float32)
    plain, other = table(x), table(DENSE[storage](x))
    assert plain.scale == other.scale == "log"
    assert log_normalised(plain, ["g1", "g0"]).tobytes() == log_normalised(other, ["g1", "g0"]).tobytes()
    assert plain.variances.tobytes() == other.variances.tobytes()


def test_bool_is_as_good_as_numbers() -> None:
    x = counts() > 1
    for stored in (x, sparse.csr_matrix(x)):
        assert (
            log_normalised(table(stored), ["g1"]).tobytes()
            == log_normalised(table(x * 1.0), ["g1"]).tobytes()
        )


@pytest.mark.parametrize("storage", SPARSE)
def test_sparse_agrees_with_dense(storage: str) -> None:
    """Log values to the byte, as sums of whole numbers are exact; variances to 1e-12."""
    x = counts()
    dense, other = table(x), table(SPARSE[storage](x))
    genes = [f"g{i}" for i in (3, 30, 1, 7)]
    assert log_normalised(dense, genes).tobytes() == log_normalised(other, genes).tobytes()
    np.testing.assert_array_equal(other.totals, dense.totals)
    np.testing.assert_allclose(other.log_totals, dense.log_totals, rtol=1e-12)
    np.testing.assert_allclose(other.variances, dense.variances, rtol=1e-12)


@pytest.mark.parametrize("storage", [s for s in SPARSE if s != "stored zeros"])
def test_storage_of_a_sparse_table_changes_no_byte(storage: str) -> None:
    x = counts()
    plain, other = table(sparse.csr_matrix(x)), table(SPARSE[storage](x))
    assert plain.variances.tobytes() == other.variances.tobytes()
    assert plain.log_totals.tobytes() == other.log_totals.tobytes()


@pytest.mark.parametrize("stored", ["float64", "fortran", "int", "csr float64", "csc", "unsorted"])
def test_storage_changes_no_byte_of_the_map(make_pair, stored: str) -> None:
    kind = "dense" if stored in ("float64", "fortran", "int") else "csr"
    sc, st = make_pair(stored=kind)
    expected = map_cells(sc, st).X.tobytes()
    for adata in (sc, st):
        adata.X = {
            "float64": lambda x: x.astype(np.float64),
            "fortran": np.asfortranarray,
            "int": lambda x: x.astype(np.int64),
            "csr float64": lambda x: x.astype(np.float64),
            "csc": lambda x: x.tocsc(),
            "unsorted": lambda x: unsorted(x.toarray()),
        }[stored](adata.X)
    assert map_cells(sc, st).X.tobytes() == expected


def test_map_of_sparse_and_of_dense_agree(make_pair) -> None:
    """To 1e-6, as the docs say."""
    sparse_map, dense_map = (map_cells(*make_pair(stored=stored)).X for stored in ("csr", "dense"))
    np.testing.assert_allclose(sparse_map, dense_map, atol=1e-6)


def test_blocks_change_little_and_totals_not_at_all(monkeypatch) -> None:
    x = counts()
    for stored in (x, sparse.csr_matrix(x)):
        whole = table(stored)
        expected = whole.totals, whole.variances, log_normalised(whole, ["g5"]), whole.log_totals
        with monkeypatch.context() as patch:
            patch.setattr(tables, "BLOCK_VALUES", 3 * 40)
            patch.setattr(transforms, "BLOCK_VALUES", 3 * 40)
            cut = table(stored)
            assert len(list(cut.blocks())) == 17
            np.testing.assert_array_equal(cut.totals, expected[0])
            np.testing.assert_allclose(cut.variances, expected[1], rtol=1e-12)
            np.testing.assert_array_equal(log_normalised(cut, ["g5"]), expected[2])
            np.testing.assert_array_equal(cut.log_totals, expected[3])


def test_sparse_is_not_made_dense_before_genes_are_selected() -> None:
    """20,000 x 30,000 would take 2.4 GB as float32; 100 MB are allowed."""
    rng = np.random.default_rng(0)
    n, k, per_row = 20_000, 30_000, 10
    indices = np.sort(rng.integers(0, k, (n, per_row)), axis=1).ravel().astype(np.int32)
    x = sparse.csr_matrix(
        (rng.poisson(2, n * per_row) + 1.0, indices, np.arange(0, n * per_row + 1, per_row)), (n, k)
    )
    names, genes = np.arange(n).astype(str), np.arange(k).astype(str)
    tracemalloc.start()
    try:
        t = Expression(x, names, genes)
        chosen = most_variable(t, 100)
        out = log_normalised(t, genes[chosen].tolist())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out.shape == (n, 100)
    assert peak < 100e6


def test_z_scores_and_unit_rows_take_little_more_than_their_input() -> None:
    x = np.random.default_rng(0).normal(size=(40_000, 500)).astype(np.float32)
    tracemalloc.start()
    try:
        unit_rows(z_scores(x))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * x.nbytes


@pytest.mark.parametrize("stored", ["dense", "csr", "unsorted"])
def test_inputs_are_not_changed(make_pair, stored: str) -> None:
    sc, st = make_pair(stored="dense" if stored == "dense" else "csr")
    if stored == "unsorted":
        sc.X, st.X = unsorted(sc.X.toarray()), unsorted(st.X.toarray())
    before = [adata.copy() for adata in (sc, st)]
    parts = [[a.copy() for a in _arrays(adata.X)] for adata in (sc, st)]
    map_cells(sc, st, marginals="counts")
    for adata, old, arrays in zip((sc, st), before, parts, strict=True):
        for now, then in zip(_arrays(adata.X), arrays, strict=True):
            assert now.tobytes() == then.tobytes()
        assert adata.obs.equals(old.obs)
        assert adata.var.equals(old.var)
        assert dict(adata.uns) == {}
        assert list(adata.obsm) == list(old.obsm)


def _arrays(x: object) -> list[np.ndarray]:
    return [x.data, x.indices, x.indptr] if sparse.issparse(x) else [x]  # type: ignore[attr-defined,list-item]


# --- normalisation --------------------------------------------------------------------------------


def test_counts_become_log_of_counts_per_ten_thousand() -> None:
    x = counts()
    t = table(x, dtype=np.float64)
    np.testing.assert_allclose(log_normalised(t, list(t.genes)), by_hand(x), rtol=1e-14)
    np.testing.assert_allclose(t.totals, x.sum(axis=1, dtype=np.float64), rtol=1e-14)
    np.testing.assert_allclose(t.log_totals, by_hand(x).sum(axis=1), rtol=1e-14)


def test_the_total_is_that_of_all_genes_not_of_those_asked_for() -> None:
    x = counts()
    np.testing.assert_allclose(log_normalised(table(x), ["g4"])[:, 0], by_hand(x)[:, 4], rtol=1e-6)


def test_log_values_are_used_as_they_are() -> None:
    x = by_hand(counts()).astype(np.float32)
    np.testing.assert_array_equal(log_normalised(table(x, scale="log"), ["g4", "g2"]), x[:, [4, 2]])


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_variance_is_numpys(stored) -> None:
    x = counts(200, 30)
    np.testing.assert_allclose(table(stored(x)).variances, by_hand(x).var(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        table(stored(x.astype(np.float64)), dtype=np.float64).variances, by_hand(x).var(axis=0), rtol=1e-12
    )


def test_variance_keeps_its_accuracy_far_from_zero() -> None:
    x = 1000 + np.random.default_rng(0).normal(0, 1e-2, (3000, 5))
    found = table(x, scale="log", dtype=np.float64).variances
    np.testing.assert_allclose(found, x.var(axis=0), rtol=1e-9)


def test_most_variable_are_the_highest_in_table_order() -> None:
    x = counts(100, 30)
    order = np.argsort(-by_hand(x).var(axis=0))
    np.testing.assert_array_equal(most_variable(table(x), 7), np.sort(order[:7]))
    np.testing.assert_array_equal(most_variable(table(x), 30), np.arange(30))
    np.testing.assert_array_equal(most_variable(table(x), 5000), np.arange(30))


def test_equal_variances_are_ranked_by_position() -> None:
    x = np.tile(by_hand(counts(20, 4)), (1, 3))  # genes 0, 4, 8 are the same, and so on
    best = int(np.argmax(x[:, :4].var(axis=0)))
    for stored in (x, sparse.csr_matrix(x)):
        np.testing.assert_array_equal(most_variable(table(stored, scale="log"), 2), [best, best + 4])


# --- what the numbers are -------------------------------------------------------------------------

sizes = {"n": hs.integers(2, 120), "k": hs.integers(12, 80), "seed": hs.integers(0, 10_000)}


def draw(n: int, k: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.poisson(rng.lognormal(0, 1.2, k) * rng.lognormal(0, 0.4, (n, 1)), (n, k)).astype(np.float64)
    x[:, :3] += np.array([1, 2, 3])
    return x


@given(**sizes)
def test_whole_numbers_are_counts(n: int, k: int, seed: int) -> None:
    for stored in (np.asarray, sparse.csr_matrix):
        t = table(stored(draw(n, k, seed)))
        assert (t.scale, t.evidence) == ("counts", "all values are whole numbers")


@given(**sizes, target=hs.sampled_from([1e4, 1e3, 500.0]), dtype=hs.sampled_from([np.float32, np.float64]))
def test_logarithms_of_normalised_counts_are_recognised(
    n: int, k: int, seed: int, target: float, dtype: type
) -> None:
    x = draw(n, k, seed)
    logs = np.log1p(target * x / x.sum(axis=1, keepdims=True)).astype(dtype)
    for stored in (np.asarray, sparse.csr_matrix):
        t = table(stored(logs))
        assert (t.scale, t.evidence) == (
            "log",
            "exp(x) - 1 are multiples of one unit: the logarithm of normalised counts",
        )


@given(**sizes, target=hs.sampled_from([1e4, 1e6, 1.0]))
def test_normalised_counts_without_logarithm_are_counts(n: int, k: int, seed: int, target: float) -> None:
    x = draw(n, k, seed)
    assert table((target * x / x.sum(axis=1, keepdims=True)).astype(np.float32)).scale == "counts"


@given(**{**sizes, "k": hs.integers(60, 150)}, per_spot=hs.integers(2, 50))
def test_means_of_counts_are_counts(n: int, k: int, seed: int, per_spot: int) -> None:
    """Where some genes are seen once or twice at a spot, as in every real panel of 60 genes or more."""
    x = draw(n * per_spot, k, seed).reshape(n, per_spot, k)
    x[..., 3:20] = np.random.default_rng(seed).poisson(0.02, (n, per_spot, 17))
    x = x.mean(axis=1)
    assert table(x.astype(np.float32)).scale == "counts"


@given(**sizes, per_spot=hs.integers(2, 20))
def test_means_of_logarithms_are_logarithms(n: int, k: int, seed: int, per_spot: int) -> None:
    x = by_hand(draw(n * per_spot, k, seed)).reshape(n, per_spot, k).mean(axis=1)
    assert table(x.astype(np.float32)).scale == "log"


@given(**sizes)
def test_a_continuous_atlas_is_taken_as_logarithms(n: int, k: int, seed: int) -> None:
    x = np.random.default_rng(seed).beta(0.5, 2, (n, k))
    assert table(x).scale == "log"
    assert table(x).evidence.startswith("not whole numbers, and no value above")


@given(**sizes)
def test_quantile_normalised_values_are_taken_as_logarithms(n: int, k: int, seed: int) -> None:
    x = by_hand(draw(n, k, seed)) + np.random.default_rng(seed).uniform(0, 1e-6, (n, k))
    target = np.sort(x, axis=1).mean(axis=0)
    assert table(target[x.argsort(axis=1).argsort(axis=1)]).scale == "log"


def test_continuous_values_too_large_for_logarithms_are_counts() -> None:
    t = table(np.random.default_rng(0).gamma(1, 50, (30, 20)))
    assert t.scale == "counts"
    assert t.evidence.endswith("too large for logarithms")


@given(**sizes)
def test_scaled_data_is_refused(n: int, k: int, seed: int) -> None:
    scaled = z_scores(by_hand(draw(n, k, seed)))
    for stored in (scaled, sparse.csr_matrix(scaled)):
        with pytest.raises(InputError, match="as z-scores or scaled data have"):
            table(stored)


def test_a_stated_scale_is_believed() -> None:
    assert table(counts(), scale="log").scale == "log"
    assert table(counts(), scale="log").evidence == "as stated"


def test_an_empty_sparse_table_has_counts() -> None:
    assert table(sparse.csr_matrix((3, 4), dtype=np.float32)).scale == "counts"


# --- rows and genes -------------------------------------------------------------------------------


def test_empty_rows_are_dropped_with_their_number_and_the_evidence_stays() -> None:
    x = counts(6, 5)
    x[[1, 4]] = 0
    with pytest.warns(DataWarning) as caught:
        kept = table(x).without_empty_rows()
    assert [str(w.message) for w in caught] == ["Dropped 2 cell(s) without any expression ('r1', 'r4')."]
    assert kept.names.tolist() == ["r0", "r2", "r3", "r5"]
    assert kept.evidence == "all values are whole numbers"
    assert table(counts(6, 5)).without_empty_rows().shape == (6, 5)


def labelled(labels: object) -> Expression:
    return Expression(np.eye(4) + 1, list("abcd"), list("wxyz"), labels=labels)


@pytest.mark.parametrize("labels", [["T", "B", "T", "T"], np.array(["T", "B", "T", "T"])])
def test_labels_follow_the_rows(labels: object) -> None:
    table = labelled(labels)
    assert table.labels.tolist() == ["T", "B", "T", "T"]
    assert table.take(np.array([3, 1])).labels.tolist() == ["T", "B"]
    # Of what is left, all may be of one type: the methods that need two say so.
    assert table.take(np.array([3, 2])).labels.tolist() == ["T", "T"]
    empty = Expression(np.diag([0, 1, 1, 1]), list("abcd"), list("wxyz"), labels=labels)
    with pytest.warns(DataWarning):
        assert empty.without_empty_rows().labels.tolist() == ["B", "T", "T"]
    assert labelled([3, 1, 3, 3]).labels.tolist() == ["3", "1", "3", "3"]
    assert labelled(None).take(np.array([0, 1])).labels is None


def test_labels_of_another_number(refused) -> None:
    with refused("label cells 4 | 3 |"):
        labelled(["T", "B", "T"])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_label_is_refused(missing: object, refused) -> None:
    with refused("label cell | 1 cell 'c' |"):
        labelled(["T", "B", missing, "T"])


def test_shared_genes_come_in_the_order_of_the_spatial_data() -> None:
    sc = Expression(counts(5, 4), list("vwxyz"), ["b", "a", "nan", "beta'COP"])
    st = Expression(counts(5, 4), list("vwxyz"), ["beta'COP", "q", "nan", "a"], "st")
    assert shared_genes(sc, st) == ["beta'COP", "nan", "a"]


def test_few_shared_genes_are_warned_of() -> None:
    sc = Expression(counts(5, 40), list("vwxyz"), [f"Gene{i}" for i in range(40)])
    st = Expression(counts(5, 30), list("vwxyz"), ["Gene3", "Gene5", *(f"GENE{i}" for i in range(28))], "st")
    with pytest.warns(DataWarning) as caught:
        assert shared_genes(sc, st) == ["Gene3", "Gene5"]
    assert [str(w.message) for w in caught] == [
        "Only 2 of 30 genes are in both data sets (single-cell: 'Gene0', 'Gene1', 'Gene2', ...; "
        "spatial: 'Gene3', 'Gene5', 'GENE0', ...). "
        "24 more would match if upper and lower case were the same: 'Gene0' in sc and 'GENE0' in st. "
        "If the species is the same, set sc.var_names = sc.var_names.str.upper()."
    ]


# --- scaling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_z_scores_are_scipys(dtype: type, tolerance: float) -> None:
    x = np.random.default_rng(0).lognormal(3, 1, (60, 20)).astype(dtype)
    expected = stats.zscore(x.astype(np.float64), axis=0)
    np.testing.assert_allclose(z_scores(x.copy()), expected, atol=tolerance)


@pytest.mark.parametrize("value", [0.0, 3.3, 0.1, 1e4, 1e-3])
def test_constant_genes_have_z_score_zero(value: float) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    x[:, 1] = value
    np.testing.assert_allclose(z_scores(x)[:, 1], 0, atol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_products_of_unit_rows_are_correlations(dtype: type, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(3, 2, (12, 50)).astype(dtype), rng.normal(-1, 1, (9, 50)).astype(dtype)
    expected = np.corrcoef(a, b)[:12, 12:]
    np.testing.assert_allclose(unit_rows(a.copy()) @ unit_rows(b.copy()).T, expected, atol=tolerance)


def test_a_constant_row_correlates_with_nothing() -> None:
    x = np.vstack([np.full(7, 3.3), np.arange(7)]).astype(np.float32)
    np.testing.assert_array_equal(unit_rows(x)[0], 0)


def test_min_max_is_sklearns() -> None:
    x = np.random.default_rng(0).lognormal(1, 1, (30, 8))
    np.testing.assert_allclose(min_max(x.copy()), minmax_scale(x), atol=1e-15)
    x[:, 2] = 5
    np.testing.assert_array_equal(min_max(x.copy())[:, 2], 0)
