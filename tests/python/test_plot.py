"""Pictures of how the solver ended: what is drawn, not how it looks."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import homespot as hs
from homespot import plot
from homespot.errors import InputError

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_losses_draws_every_curve_over_its_epochs() -> None:
    sc, st = hs.make_demo()
    mapping = hs.map_cells(
        sc[:200].copy(),
        st,
        "come",
        labels="cell_type",
        n_genes=40,
        hidden=8,
        latent=4,
        pretrain_epochs=3,
        epochs=5,
        validation_genes=0.2,
        progress=False,
    )
    ending = mapping.uns["homespot"]["solver"]
    figure = plot.losses(mapping)
    drawn = {ax.get_title(): ax.lines[0].get_xydata() for ax in figure.axes if ax.get_visible()}
    assert list(drawn) == [
        "pretraining",
        "inter contrast",
        "mapping",
        "reconstruction",
        "similarity",
        "type contrast",
        "entropy",
        "validation",
    ]
    for name, values in ending["losses"].items():
        points = drawn[name.replace("_", " ")]
        np.testing.assert_array_equal(points[:, 1], values)
        last = 3 if name == "pretraining" else 5
        assert points[-1, 0] == last
    kept = next(ax for ax in figure.axes if ax.get_title() == "validation").lines[1].get_xdata()
    assert set(kept) == {ending["best_epoch"]}


def test_losses_of_a_map_that_was_not_trained(refused) -> None:
    sc, st = hs.make_demo()
    with refused("map losses training | 'ssa' | map_cells method \"come\""):
        plot.losses(hs.map_cells(sc, st, "ssa", progress=False))


def test_losses_of_a_combined_map_are_those_of_its_parts(pair) -> None:
    sc, st = pair
    st.obs["section"] = np.repeat(["a", "b"], [st.n_obs // 2, st.n_obs - st.n_obs // 2])
    mapping = hs.map_cells(sc, st, sections="section", progress=False)
    with pytest.raises(InputError, match=r"found one of several parts, each of which has its own\. Draw"):
        plot.losses(mapping)


def test_an_interrupted_pretraining_is_a_point(pair) -> None:
    mapping = hs.map_cells(*pair, "ssa", progress=False)
    mapping.uns["homespot"]["solver"] = {"finished": False, "losses": {"entropy": np.array([0.9])}}
    [line] = plot.losses(mapping).axes[0].lines
    assert line.get_marker() == "o"


def test_marginals_draws_the_error_of_every_check() -> None:
    sc, st = hs.make_demo()
    mapping = hs.map_cells(sc, st, "ssa", tolerance=1e-6, progress=False)
    ending = mapping.uns["homespot"]["solver"]
    ax = plot.marginals(mapping)
    errors, tolerance = ax.lines
    np.testing.assert_array_equal(errors.get_xydata(), ending["errors"])
    assert set(tolerance.get_ydata()) == {1e-6}
    assert ax.get_yscale() == "log"
    assert ax.get_title() == (
        f"Converged after {ending['iterations']} iterations:\nmarginal errors "
        f"{ending['error_cells']:.1e} (cells) and {ending['error_spots']:.1e} (spots).\n"
        "The spots' marginal is relaxed."
    )


def test_marginals_of_a_map_without_a_solver(refused) -> None:
    sc, st = hs.make_demo()
    mapping = hs.map_cells(sc, st, "correlation", progress=False)
    assert plot.marginals(mapping).get_title().endswith("is relaxed.")
    del mapping.uns["homespot"]["solver"]
    with refused("map errors solver | 'correlation' | map_cells method \"ssa\""):
        plot.marginals(mapping)
