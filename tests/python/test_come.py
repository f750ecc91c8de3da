"""COME as a user meets it: the map, its record, interruption and checkpoints."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import anndata as ad
import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax
from scipy.stats import entropy

torch = pytest.importorskip("torch", reason="torch is not installed")

from homespot import cell_positions, load, map_cells, methods, metrics, save
from homespot.common import cores, memory
from homespot.errors import ConvergenceWarning, DataWarning, TooLargeError
from homespot.learning import Checkpoint, Training, checkpoint, fingerprint
from homespot.objects.tables import expression
from homespot.verbs.map_cells import solve

SMALL: dict[str, Any] = {"hidden": 8, "latent": 4, "pretrain_epochs": 3}
FAST = SMALL | {"device": "cpu"}

NOTHING_SAID = pytest.mark.filterwarnings("ignore:The map says next to nothing")
"""A uniform start, after a few epochs."""


def come(pair: tuple[ad.AnnData, ad.AnnData], **options: Any) -> ad.AnnData:
    return map_cells(*pair, "come", **FAST | {"epochs": 4} | options)


def messages(caught: Any) -> list[str]:
    """What was said, but for the places of random cells."""
    return [text for w in caught if not (text := str(w.message)).startswith("Two halves of the genes")]


def record(mapping: ad.AnnData) -> dict[str, Any]:
    return mapping.uns["homespot"]["solver"]


def same(a: ad.AnnData, b: ad.AnnData) -> None:
    """The same bytes of P, and the same curves."""
    assert a.X.tobytes() == b.X.tobytes()
    curves = record(a)["losses"], record(b)["losses"]
    assert {k: v.tolist() for k, v in curves[0].items()} == {k: v.tolist() for k, v in curves[1].items()}
    assert record(a)["best_epoch"] == record(b)["best_epoch"]


# The map


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("summed", ["mean", "sum", "coefficients"])
def test_rows_are_probabilities(pair, summed: str, dtype: str) -> None:
    found = come(pair, summed=summed, dtype=dtype, map_optimiser="adam", weight_entropy=0.1)
    assert found.X.dtype == dtype
    assert found.X.min() >= 0
    np.testing.assert_allclose(found.X.sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    assert found.obs_names.tolist() == pair[0].obs_names.tolist()
    assert found.var_names.tolist() == pair[1].obs_names.tolist()


def test_genes_held_out_are_predicted(make_pair) -> None:
    sc, st = make_pair(n_cells=150, n_genes=110)
    unseen = sorted(set(sc.var_names) & set(st.var_names))[::4]
    mapping = map_cells(sc, st[:, ~st.var_names.isin(unseen)].copy(), "come", device="cpu")
    share = mapping.X / mapping.X.sum(axis=0)
    scores = metrics.gene_scores(
        np.log1p(st[:, unseen].X.toarray()), share.T @ np.log1p(sc[:, unseen].X.toarray()), unseen
    )
    assert scores["rmse"].median() < 1  # the mean over cells has 1
    assert scores["pcc"].median() > 0.5


def test_a_cell_finds_the_spot_it_came_from(make_pair) -> None:
    sc, st = make_pair(n_cells=60, n_genes=150)
    found = map_cells(sc, st, "come", device="cpu")
    assert (st.obs_names[found.X.argmax(axis=1)] == sc.obs["home"]).mean() > 0.8


def test_the_seed_decides(pair) -> None:
    found = come(pair, seed=3)
    same(found, come(pair, seed=3))
    assert found.X.tobytes() != come(pair, seed=4).X.tobytes()
    same(come(pair, seed=2**64 + 3), found)  # larger than torch takes


def test_single_precision_is_near_double(pair) -> None:
    np.testing.assert_allclose(come(pair).X, come(pair, dtype="float64").X, atol=1e-4)


@NOTHING_SAID
@pytest.mark.parametrize("preset", [None, "paper"])
def test_what_cuda_may_round_moves_the_map_by_less_than_is_said(pair, monkeypatch, preset) -> None:
    """TF32 by hand: factors to ten bits, to the nearest and of two the even one, where torch has leave to."""
    products, elsewhere, rounded = torch.backends.cuda.matmul, set(), []
    linear = torch.nn.functional.linear
    before = products.fp32_precision

    def ten_bits(x: torch.Tensor) -> torch.Tensor:
        bits = x.contiguous().view(torch.int32)
        return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)

    def rounding(product, first: int):
        def run(*given: Any, **options: Any) -> torch.Tensor:
            factors = list(given)
            if products.fp32_precision == "tf32":
                factors[first:] = [ten_bits(x) for x in factors[first:]]
                rounded.append(len(factors))
            return product(*factors, **options)

        return run

    def layer(*given: Any) -> torch.Tensor:
        elsewhere.add(products.fp32_precision)
        return linear(*given)

    options = {"preset": preset, "labels": "type", "epochs": 10}
    expected = come(pair, **options)
    monkeypatch.setattr(torch.nn.functional, "linear", layer)
    monkeypatch.setattr(torch, "mm", rounding(torch.mm, 0))
    monkeypatch.setattr(torch.Tensor, "addmm_", rounding(torch.Tensor.addmm_, 1))
    found = come(pair, **options)
    assert len(rounded) >= 10 * 6
    assert elsewhere == {"ieee"}
    assert products.fp32_precision == before
    assert 0 < np.abs(found.X - expected.X).max() < 1e-4


@pytest.mark.parametrize("stored", [sparse.csr_matrix, sparse.csc_matrix, np.asarray, np.asfortranarray])
def test_how_the_data_is_stored_does_not_matter(pair, stored) -> None:
    others = [adata.copy() for adata in pair]
    for adata in others:
        adata.X = stored(adata.X.toarray())
    np.testing.assert_allclose(come(others).X, come(pair).X, atol=1e-6)


def test_what_comes_in_is_left_as_it_was(make_pair) -> None:
    pair, before = make_pair(stored="dense"), make_pair(stored="dense")
    come(pair, labels="type", st_labels="region")
    for adata, old in zip(pair, before, strict=True):
        assert adata.X.tobytes() == old.X.tobytes()
        assert adata.obs.equals(old.obs)
        assert not adata.uns


def test_the_callers_torch_is_left_as_it_was(pair, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", None)  # would seed the generators of all GPUs
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        state, numpys = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
        come(pair)
        assert torch.get_num_threads() == 3
        assert torch.equal(torch.random.get_rng_state(), state)
        assert np.array_equal(np.random.get_state()[1], numpys[1])  # noqa: NPY002
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("large", "used"), [(0, 2), (cores._SERIAL, 1)])
def test_every_epoch_runs_with_the_threads_asked_for(large, used, pair, monkeypatch) -> None:
    """And with one where the map is small."""
    seen, epoch = [], Training.epoch
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(cores, "_SERIAL", large)

    def noting(self) -> None:
        seen.append(torch.get_num_threads())
        epoch(self)

    monkeypatch.setattr(Training, "epoch", noting)
    assert come(pair).uns["homespot"]["threads"] == 2
    assert seen == [used] * 4


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_gradients_switched_off_by_the_caller_do_not_matter(pair, off) -> None:
    with off():
        found = come(pair)
        assert not torch.is_grad_enabled()
    same(found, come(pair))


@pytest.mark.parametrize("start", ["correlation", "ssa", "uniform"])
@pytest.mark.parametrize("optimiser", ["mirror", "adam"])
@NOTHING_SAID
def test_every_start_trains(pair, start: str, optimiser: str) -> None:
    found = come(pair, start=start, map_optimiser=optimiser)
    assert record(found)["finished"] is True
    assert record(found)["losses"]["entropy"][0] != record(found)["losses"]["entropy"][-1]


STILL = {"epochs": 1, "map_rate": 1e-14, "dtype": "float64"}


@pytest.mark.parametrize("weights", ["equal", "spatial", None, {f"g{i}": i for i in range(1, 12)}])
@pytest.mark.filterwarnings("ignore:Left out .* without a weight")
def test_the_starts_are_what_they_say(pair, weights: Any) -> None:
    settings = {"gene_weights": weights, "device": "cpu", "dtype": "float64"}
    ssa = map_cells(*pair, "ssa", **settings)
    found = come(pair, start="ssa", gene_weights=weights, **STILL)
    np.testing.assert_allclose(found.X, ssa.X, atol=1e-9)
    softened = map_cells(*pair, "correlation", regularisation=0.1, **settings)
    temperature = 0.1 * record(softened)["largest_cost"]
    found = come(pair, gene_weights=weights, start_temperature=temperature, **STILL)
    np.testing.assert_allclose(found.X, softened.X, atol=1e-9)


@NOTHING_SAID
def test_the_uniform_start_has_no_weights(pair, refused) -> None:
    uniform = come(pair, start="uniform", **STILL)
    np.testing.assert_allclose(uniform.X, 1 / pair[1].n_obs, atol=1e-9)
    assert "homespot_sharpness" not in uniform.obs
    assert "gene_weights" not in uniform.uns["homespot"]
    for weights in ("spatial", {"g1": 1.0, "g2": 1.0}):
        with refused("start gene_weights | 'uniform' | start gene_weights"):
            come(pair, start="uniform", gene_weights=weights, **STILL)


def test_a_map_that_is_its_start_is_as_sharp_as_the_correlation(make_pair) -> None:
    """So both have the same places."""
    pair = make_pair(n_cells=90)
    correlation = map_cells(*pair, "correlation", device="cpu", dtype="float64")
    for temperature in (0.03, 0.3):
        found = come(pair, start_temperature=temperature, **STILL)
        softer = temperature / (0.05 * record(correlation)["largest_cost"])
        expected = softer * correlation.obs["homespot_sharpness"]
        np.testing.assert_allclose(found.obs["homespot_sharpness"], expected, rtol=1e-3)
        places = [cell_positions(m)[["homespot_x", "homespot_y"]] for m in (found, correlation)]
        np.testing.assert_allclose(*places, atol=1e-2)
        curves = [m.uns["homespot"]["sharpness"] for m in (found, correlation)]
        np.testing.assert_allclose(curves[0]["agreement"], curves[1]["agreement"], rtol=1e-9)
        np.testing.assert_allclose(curves[0]["powers"], softer * curves[1]["powers"], rtol=1e-3)


@pytest.mark.parametrize("options", [{}, {"map_rate": 1.0, "weight_entropy": 1.0, "epochs": 100}])
@pytest.mark.parametrize("temperature", [0.01, 0.03])
def test_a_sharp_start_stays_finite(pair, temperature: float, options: dict[str, Any]) -> None:
    found = come(pair, start="correlation", start_temperature=temperature, map_optimiser="mirror", **options)
    assert np.isfinite(found.X).all()
    assert all(np.isfinite(values).all() for values in record(found)["losses"].values())


def test_dropped_cells_and_spots_are_left_out_of_everything(pair) -> None:
    """Also of the types and of the start, which is made of the rows that are left."""
    sc, st = (adata.copy() for adata in pair)
    shared = [g for g in st.var_names if g in set(sc.var_names)]
    for adata, rows in ((sc, [3, 7]), (st, [0])):
        x = adata.X.toarray()
        x[np.ix_(rows, adata.var_names.get_indexer(shared))] = 0
        x[rows, next(i for i, g in enumerate(adata.var_names) if g not in shared)] = 5
        adata.X = x
    sc.X[5] = 0
    sc.obs["kind"] = sc.obs["type"].astype(str)
    sc.obs.loc[["c3", "c5", "c7"], "kind"] = "rare"
    for start in ("ssa", "correlation"):
        with pytest.warns(DataWarning) as caught:
            found = come((sc, st), start=start, labels="kind", st_labels="region")
        assert messages(caught) == [
            "Dropped 1 cell(s) without any expression ('c5').",
            f"Dropped 2 cell(s) without any of the {len(shared)} genes used ('c3', 'c7').",
            f"Dropped 1 spot(s) without any of the {len(shared)} genes used ('s0').",
        ]
        assert found.obs_names.tolist() == [c for c in sc.obs_names if c not in ("c3", "c5", "c7")]
        assert found.var_names.tolist() == st.obs_names[1:].tolist()
        assert (record(found)["cell_types"], record(found)["spot_types"]) == (2, 3)


def test_labels_of_one_type_only_once_cells_are_dropped(pair, refused) -> None:
    sc, st = (adata.copy() for adata in pair)
    x = sc.X.toarray()
    x[3, sc.var_names.isin(st.var_names)] = 0
    x[3, ~sc.var_names.isin(st.var_names)] = 5
    sc.X = x
    sc.obs["kind"] = np.where(sc.obs_names == "c3", "rare", "common")
    with pytest.warns(DataWarning), refused("cells spots two | 'common' | n_genes"):
        come((sc, st), labels="kind")


# Types, technology, presets


def test_types_count_where_they_are_given(pair) -> None:
    found = come(pair)
    assert (record(found)["cell_types"], record(found)["spot_types"]) == (0, 0)
    assert "type_contrast" not in record(found)["losses"]
    for options, counts in (
        ({"labels": "type"}, (2, 0)),
        ({"st_labels": "region"}, (0, 3)),
        ({"labels": "type", "st_labels": "region"}, (2, 3)),
    ):
        typed = come(pair, **options)
        assert (record(typed)["cell_types"], record(typed)["spot_types"]) == counts
        assert len(record(typed)["losses"]["type_contrast"]) == 4
        assert typed.X.tobytes() != found.X.tobytes()
        assert typed.uns["homespot"]["parameters"].items() >= options.items()


@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_labels_of_every_kind_of_column(pair, kind: str) -> None:
    expected = come(pair, labels="type")
    pair[0].obs["kind"] = pair[0].obs["type"].astype(kind)
    same(come(pair, labels="kind"), expected)


@pytest.mark.parametrize("start", [10, 40])
def test_technology_is_told_by_the_number_of_genes(pair, monkeypatch, start: int) -> None:
    monkeypatch.setattr("homespot.learning.fit._SEQUENCED_FROM", start)
    found = record(come(pair))
    assert found["technology"] == ("sequencing" if start == 10 else "imaging")
    assert found["technology_evidence"] == (
        "35 genes in the spatial data" + ("" if start == 10 else ", fewer than 40")
    )
    for stated in ("imaging", "sequencing"):
        other = record(come(pair, technology=stated))
        assert (other["technology"], other["technology_evidence"]) == (stated, "as stated")
        assert (other["losses"]["reconstruction"][0] == found["losses"]["reconstruction"][0]) == (
            stated == found["technology"]
        )


def test_genes_held_out_change_no_technology(pair, monkeypatch) -> None:
    monkeypatch.setattr("homespot.learning.fit._SEQUENCED_FROM", pair[1].n_vars)
    table = expression(pair[1], "st", None, "auto", "float32")
    cells = expression(pair[0], "sc", None, "auto", "float32")
    held_out = list(table.genes[:5])
    solution = solve(
        cells, table.without_genes(held_out), "come", device="cpu", parameters=SMALL | {"epochs": 1}
    )
    assert solution.record["solver"]["technology"] == "sequencing"
    assert not set(held_out) & set(solution.record["genes"])


def test_panels_of_probes_are_imaging(pair) -> None:
    assert record(come(pair))["technology_evidence"] == "35 genes in the spatial data, fewer than 2000"


PUBLISHED = {
    "paper:drosophila": (256, 128, 1e-3, 256, 70, 1, 1e-3, 1, 1),
    "paper:merfish": (512, 256, 1e-2, 128, 200, 1, 1e-3, 1, 1),
    "paper:smfish": (256, 128, 1e-3, 256, 100, 10, 1e-2, 1, 1),
    "paper:starmap": (512, 256, 1e-3, 256, 150, 1, 1e-3, 1, 1),
    "paper:pdac": (2048, 256, 1e-3, 128, 1000, 1, 1e-3, 1, 10),
}
COLUMNS = (
    "hidden",
    "latent",
    "pretrain_rate",
    "pretrain_batch",
    "epochs",
    "weight_mapping",
    "weight_shrinkage",
    "weight_similarity",
    "weight_contrast",
)


@pytest.mark.parametrize("preset", PUBLISHED)
def test_presets_are_the_published_settings(preset: str) -> None:
    """Wei et al.: the configurations of the five data sets."""
    settings = methods.get("come").settings(preset, {})
    assert dict(zip(COLUMNS, PUBLISHED[preset], strict=True)).items() <= settings.items()
    common = {
        "pretrain_epochs": 500,
        "pretrain_patience": 10,
        "rate": 1e-3,
        "map_rate": 1e-3,
        "map_optimiser": "adam",
        "start": "uniform",
        "summed": "coefficients",
        "tau": 0.8,
        "weight_reconstruction": 1,
        "weight_entropy": 0,
        "validation_genes": 0,
        "n_genes": 3000,
    }
    assert common.items() <= settings.items()


def test_the_published_map_is_nearly_uniform(pair) -> None:
    """Its C hardly moves from 1 / (M N): what the paper predicts with is C, not P."""
    with pytest.warns(ConvergenceWarning, match=r"says next to nothing of .* its rows is 0\.9\d* of log N"):
        found = come(pair, preset="paper", epochs=70)
    expected = entropy(found.X, axis=1).mean() / np.log(25)
    assert record(found)["entropy"] == pytest.approx(expected, abs=1e-5)
    assert record(found)["entropy"] > 0.999


# The record


def test_the_record_says_how_the_training_went(pair) -> None:
    found = come(pair, labels="type")
    ending = record(found)
    assert set(ending) == {
        "finished",
        "epochs",
        "best_epoch",
        "entropy",
        "losses",
        "technology",
        "technology_evidence",
        "cell_types",
        "spot_types",
        "type_contrast",
        "genes_held_out",
    }
    assert (ending["finished"], ending["epochs"], ending["best_epoch"]) == (True, 4, 4)
    terms = ("reconstruction", "mapping", "similarity", "inter_contrast", "type_contrast")
    assert {k: len(v) for k, v in ending["losses"].items()} == {
        "pretraining": 3,
        "entropy": 5,
        **dict.fromkeys(terms, 4),
    }
    assert ending["entropy"] == ending["losses"]["entropy"][-1]
    assert ending["entropy"] == pytest.approx(entropy(found.X, axis=1).mean() / np.log(25), abs=1e-5)
    shared = set(pair[0].var_names) & set(pair[1].var_names)
    assert set(found.uns["homespot"]["genes"]) == shared
    assert len(ending["genes_held_out"]) == 0


@pytest.mark.parametrize("options", [{}, {"labels": "type", "validation_genes": 0.2, "k_best": 5}])
def test_the_record_survives_a_file(pair, tmp_path, options: dict[str, Any]) -> None:
    found = come(pair, **options)
    save(found, tmp_path / "map.h5ad")
    again = load(tmp_path / "map.h5ad").uns["homespot"]
    before = found.uns["homespot"]
    assert again["parameters"] == before["parameters"]
    assert ("labels" in again["parameters"]) == ("labels" in options)
    assert not {"st_labels", "checkpoint"} & set(again["parameters"])
    for name, value in before["solver"].items():
        if name == "losses":
            assert {k: v.tolist() for k, v in again["solver"][name].items()} == {
                k: v.tolist() for k, v in value.items()
            }
        elif name == "genes_held_out":
            assert again["solver"][name].tolist() == value.tolist()
        else:
            assert again["solver"][name] == value


def test_genes_held_out_decide_which_epoch_is_kept(pair) -> None:
    """A rate so high that the last epoch is not the best."""
    options = {"validation_genes": 0.25, "epochs": 12, "map_rate": 0.5, "gene_weights": "equal"}
    found = come(pair, **options)
    ending, genes = record(found), set(found.uns["homespot"]["genes"])
    held_out = set(ending["genes_held_out"])
    assert genes | held_out == set(pair[0].var_names) & set(pair[1].var_names)
    assert not genes & held_out
    assert len(held_out) == round(0.25 * len(genes | held_out))
    curve = ending["losses"]["validation"]
    assert len(curve) == 13
    assert ending["best_epoch"] == curve.argmax() < 12
    assert ending["entropy"] == ending["losses"]["entropy"][ending["best_epoch"]]
    assert ending["entropy"] == pytest.approx(entropy(found.X, axis=1).mean() / np.log(25), abs=1e-5)
    if ending["best_epoch"]:
        shorter = come(pair, **options | {"epochs": ending["best_epoch"]})
        assert shorter.X.tobytes() == found.X.tobytes()
    assert set(record(come(pair, **options, seed=1))["genes_held_out"]) != held_out


# Progress


def test_both_stages_are_reported(pair) -> None:
    calls: list[tuple[int, int, str]] = []
    come(pair, progress=lambda *call: calls.append(call))
    steps = [call for call in calls if call[0]]  # at 0 it says how much memory there will be
    assert [call[:2] for call in steps] == [(1, 3), (2, 3), (3, 3), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert steps[0][2].startswith("error ")
    assert "reconstruction " in calls[-1][2]


def test_progress_as_a_log_is_a_line_of_json_a_step(pair, capsys) -> None:
    come(pair, progress="log")
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in map(json.loads, err.splitlines()) if line["done"]]
    assert [line["step"] for line in lines] == ["Pretraining"] * 3 + ["Training"] * 4
    assert [line["done"] for line in lines] == [1, 2, 3, 1, 2, 3, 4]


# Memory


def test_a_map_that_cannot_fit_is_refused_before_it_is_made(pair, monkeypatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1000)
    monkeypatch.setattr("homespot.learning.fit.log_tables", None)
    with pytest.raises(TooLargeError, match=r"a map of 40 cells x 25 spots over \d+ genes, found"):
        come(pair)


# Interruption and checkpoints


def interrupting(epoch: int, total: int = 6):
    """Press Ctrl-C after an epoch of the stage that has so many."""

    def progress(done: int, most: int, _: str) -> None:
        if (done, most) == (epoch, total):
            raise KeyboardInterrupt

    return progress


OPTIONS: dict[str, Any] = {"epochs": 6, "validation_genes": 0.25, "labels": "type"}


@pytest.fixture
def straight(pair) -> ad.AnnData:
    return come(pair, **OPTIONS)


def test_going_on_from_a_checkpoint_gives_the_uninterrupted_result(pair, straight, tmp_path) -> None:
    options = OPTIONS | {"checkpoint": str(tmp_path / "run.pt")}
    assert record(come(pair, **options | {"epochs": 3}))["epochs"] == 3
    found = come(pair, **options)
    same(found, straight)
    same(come(pair, **options), straight)  # nothing left to do
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_an_interrupted_training_gives_its_map_and_can_be_gone_on_with(pair, straight, tmp_path) -> None:
    options = OPTIONS | {"checkpoint": str(tmp_path / "run.pt")}
    with pytest.warns(ConvergenceWarning) as caught:
        found = come(pair, **options, progress=interrupting(3))
    assert messages(caught) == [
        "Training was interrupted after 3 of 6 epochs; the map is that of the state so far. "
        "The same call goes on from its checkpoint."
    ]
    assert (record(found)["finished"], record(found)["epochs"]) == (False, 3)
    np.testing.assert_allclose(found.X.sum(axis=1), 1, atol=1e-6)
    same(found, come(pair, **OPTIONS | {"epochs": 3}))
    same(come(pair, **options), straight)


def test_an_interrupted_pretraining_gives_the_start(pair, tmp_path) -> None:
    options = {"start": "correlation", "checkpoint": str(tmp_path / "run.pt")}
    with pytest.warns(ConvergenceWarning, match="interrupted after 0 of 4 epochs"):
        found = come(pair, **options, progress=interrupting(2, 3))
    assert (record(found)["finished"], record(found)["epochs"], record(found)["best_epoch"]) == (False, 0, 0)
    np.testing.assert_allclose(
        found.X, come(pair, epochs=1, map_rate=1e-14, start="correlation").X, atol=1e-6
    )
    assert record(found)["entropy"] == pytest.approx(entropy(found.X, axis=1).mean() / np.log(25), abs=1e-5)
    assert list(tmp_path.iterdir()) == []  # it starts anew
    same(come(pair, **options), come(pair, start="correlation"))


@pytest.mark.parametrize("validation_genes", [0.0, 0.25])
def test_an_interrupted_pretraining_can_be_saved(pair, tmp_path, validation_genes: float) -> None:
    with pytest.warns(ConvergenceWarning):
        found = come(pair, validation_genes=validation_genes, progress=interrupting(1, 3))
    save(found, tmp_path / "map.h5ad")
    assert load(tmp_path / "map.h5ad").X.tobytes() == found.X.tobytes()


def test_what_a_failure_leaves_is_the_last_state_written(pair, straight, tmp_path, monkeypatch) -> None:
    """Written after every epoch here; the fifth fails."""
    options, epoch = OPTIONS | {"checkpoint": str(tmp_path / "run.pt")}, Training.epoch
    monkeypatch.setattr(checkpoint, "_SECONDS", 0.0)

    def failing(self) -> None:
        if self.epochs == 4:
            raise MemoryError
        epoch(self)

    monkeypatch.setattr(Training, "epoch", failing)
    with pytest.raises(MemoryError):
        come(pair, **options)
    assert torch.load(tmp_path / "run.pt", weights_only=True)["state"]["epochs"] == 4
    monkeypatch.setattr(Training, "epoch", epoch)
    same(come(pair, **options), straight)


CHILD = """
import json, signal, sys, warnings
import anndata as ad
from homespot import map_cells

def progress(done, total, note):
    if total > 1000 and done == 5:
        print("go", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored
warnings.simplefilter("ignore")
sc, st = ad.read_h5ad("sc.h5ad"), ad.read_h5ad("st.h5ad")
found = map_cells(sc, st, "come", progress=progress, **json.loads(sys.argv[1]))
ending = found.uns["homespot"]["solver"]
print(json.dumps([ending["finished"], ending["epochs"], float(abs(found.X.sum(axis=1) - 1).max())]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_control_c_ends_the_epoch_under_way_and_keeps_all(pair, tmp_path) -> None:
    for adata, name in zip(pair, ("sc", "st"), strict=True):
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    options = FAST | {"checkpoint": str(tmp_path / "run.pt")}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(options | {"epochs": 1_000_000})],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "go\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, err) == (0, "")
    finished, epochs, error = json.loads(out)
    assert not finished
    assert epochs >= 5
    assert error < 1e-6
    state = torch.load(tmp_path / "run.pt", weights_only=True)["state"]
    assert state["epochs"] == state["coupling"]["steps"] == len(state["curves"]["mapping"]) == epochs
    went_on = map_cells(*pair, "come", **options, epochs=epochs + 2)
    same(went_on, map_cells(*pair, "come", **FAST, epochs=epochs + 2))


OTHER_RUN = "checkpoint same data settings seed | another run {path!r} | another file remove"


@pytest.fixture
def written(pair, tmp_path) -> Path:
    come(pair, **OPTIONS, checkpoint=str(tmp_path / "run.pt"))
    return tmp_path / "run.pt"


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"dtype": "float64"},
        {"map_rate": 0.123},
        {"labels": None},
        {"st_labels": "region"},
        {"validation_genes": 0.3},
        {"start": "ssa"},
        {"n_genes": 20},
        {"preset": "paper"},
    ],
    ids=str,
)
def test_a_checkpoint_of_other_settings_is_refused(pair, written, refused, monkeypatch, options) -> None:
    before = written.read_bytes()
    monkeypatch.setattr("homespot.learning.fit.pretrain", None)
    with refused(OTHER_RUN.format(path=str(written))):
        come(pair, **OPTIONS | options, checkpoint=str(written))
    assert written.read_bytes() == before


@pytest.mark.parametrize("side", [0, 1])
def test_a_checkpoint_of_other_data_is_refused(pair, written, refused, side: int) -> None:
    """Each of the genes in turn, those held out too."""
    before = written.read_bytes()
    shared = sorted(set(pair[0].var_names) & set(pair[1].var_names))
    for gene in shared[::6]:
        others = [adata.copy() for adata in pair]
        x = others[side].X.toarray()
        x[:, others[side].var_names.get_loc(gene)] += 1
        others[side].X = x
        with refused(OTHER_RUN.format(path=str(written))):
            come(others, **OPTIONS, checkpoint=str(written))
    assert written.read_bytes() == before


def test_the_same_types_under_another_name_are_the_same_run(pair, written, straight) -> None:
    pair[0].obs["kind"] = pair[0].obs["type"].map({"a": "x", "b": "y"})
    same(come(pair, **OPTIONS | {"labels": "kind"}, checkpoint=str(written)), straight)


def test_a_checkpoint_further_than_asked_for_is_refused(pair, written, refused) -> None:
    before = written.read_bytes()
    with refused(f"checkpoint 5 epoch | 6 {str(written)!r} | epochs"):
        come(pair, **OPTIONS | {"epochs": 5}, checkpoint=str(written))
    assert written.read_bytes() == before


def spoil(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("hello world")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut off":
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "a zip":
        np.savez(path, a=np.ones(3))
        path.with_name("run.pt.npz").rename(path)
    elif kind == "pickle":
        import pickle

        path.write_bytes(pickle.dumps({"run": 1}))
    else:
        of = {"tensor": torch.ones(3), "list": [1], "number": 3, "no state": {"run": "x"}}
        torch.save(of[kind], path)


@pytest.mark.parametrize(
    "kind", ["text", "empty", "cut off", "a zip", "pickle", "tensor", "list", "number", "no state"]
)
def test_what_is_no_checkpoint_is_refused_and_left(tmp_path, refused, kind: str) -> None:
    path = tmp_path / "run.pt"
    Checkpoint(str(path), "x").write({"numbers": torch.ones(1000)})
    spoil(path, kind)
    before = path.read_bytes()
    with refused(f"checkpoint | {str(path)!r} | another file"):
        Checkpoint(str(path), "x").read()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


def test_a_checkpoint_without_its_seal_is_refused(tmp_path, refused) -> None:
    """Only 0.99.0 wrote checkpoints without one, and those do not name a format."""
    path = tmp_path / "run.pt"
    Checkpoint(str(path), "x").write({"numbers": torch.ones(1000)})
    whole = path.read_bytes()
    at = whole.index(checkpoint._MARK)
    for spoilt in (whole[:at], whole[:-1], whole + b" ", whole[:at] + whole[at:].upper()):
        path.write_bytes(spoilt)
        with refused(f"whole checkpoint | {str(path)!r} damaged | another file anew", recorded=False):
            Checkpoint(str(path), "x").read()
    path.write_bytes(whole)
    assert Checkpoint(str(path), "x").read()["numbers"].tolist() == [1.0] * 1000


@pytest.mark.parametrize("where", ["no/run.pt", ".", "file/run.pt"])
def test_a_place_that_cannot_be_written_to_is_refused_before_the_training(
    pair, tmp_path, monkeypatch, refused, where: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("homespot.learning.fit.pretrain", None)
    path = str(tmp_path / where)
    with refused(f"checkpoint | {str(Path(path))!r} |"):
        come(pair, checkpoint=path)


def test_a_checkpoint_without_an_ending_is_written(pair, tmp_path) -> None:
    path = str(tmp_path / "run1")
    found = come(pair, checkpoint=path)
    assert [file.name for file in tmp_path.iterdir()] == ["run1"]
    assert come(pair, checkpoint=path).X.tobytes() == found.X.tobytes()


def half_written(error: BaseException) -> Callable[[object, BinaryIO], None]:
    def save(_state: object, file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    return save


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    path = tmp_path / "run.pt"
    file = Checkpoint(str(path), "x")
    file.write({"epochs": 1})
    before = path.read_bytes()
    monkeypatch.setattr(checkpoint.torch, "save", half_written(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        file.write({"epochs": 2})
    monkeypatch.setattr(checkpoint.torch, "save", half_written(OSError("no room")))
    with pytest.warns(DataWarning, match=r"run\.pt' could not be written \(no room\); the training goes on"):
        file.write({"epochs": 2})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    assert file.read() == {"epochs": 1}


@pytest.mark.parametrize("words", ["CUDA out of memory. Tried", "DefaultCPUAllocator: can't allocate memory"])
def test_a_good_checkpoint_is_not_blamed_for_want_of_memory(pair, tmp_path, monkeypatch, words: str) -> None:
    """Who is told that it is damaged deletes it."""
    path = str(tmp_path / "run.pt")
    come(pair, checkpoint=path)

    def load(*_: object, map_location: str, **__: object) -> None:
        assert map_location == "cpu"  # a card has no room for what it holds already
        raise torch.OutOfMemoryError(words)

    monkeypatch.setattr(checkpoint.torch, "load", load)
    with pytest.raises(TooLargeError, match=words):
        come(pair, checkpoint=path)


def test_a_card_that_fails_is_no_disk_that_is_full(tmp_path, monkeypatch) -> None:
    error = RuntimeError("CUDA error: an illegal memory access was encountered")
    monkeypatch.setattr(checkpoint.torch, "save", half_written(error))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        Checkpoint(str(tmp_path / "run.pt"), "x").write({"epochs": 2})
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_written_every_minute(tmp_path, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    file, states = Checkpoint(str(tmp_path / "run.pt"), "x"), []

    def state() -> dict[str, Any]:
        states.append(now[0])
        return {}

    for seconds in range(0, 200, 10):
        now[0] = float(seconds)
        file.maybe(state)
    assert states == [60, 120, 180]


def test_a_fingerprint_is_of_values_types_shapes_and_names() -> None:
    x = torch.arange(6.0)
    prints = {
        fingerprint(tensors, settings)
        for tensors, settings in (
            ({"a": x}, {"s": 1}),
            ({"a": x}, {"s": 2}),
            ({"b": x}, {"s": 1}),
            ({"a": x + 1}, {"s": 1}),
            ({"a": x.double()}, {"s": 1}),
            ({"a": x.reshape(2, 3)}, {"s": 1}),
            ({"a": None}, {"s": 1}),
        )
    }
    assert len(prints) == 7
    assert fingerprint({"a": x.reshape(2, 3).T}, {}) == fingerprint({"a": x.reshape(2, 3).T.contiguous()}, {})


def test_softmax_of_the_stored_coefficients_is_the_map(pair, tmp_path) -> None:
    found = come(pair, checkpoint=str(tmp_path / "run.pt"))
    state = torch.load(tmp_path / "run.pt", weights_only=True)["state"]
    np.testing.assert_allclose(found.X, softmax(state["coupling"]["coefficients"].numpy(), axis=1), atol=1e-6)
