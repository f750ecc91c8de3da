"""Pictures: what is drawn, not how it looks."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

import homespot as hs
from homespot import plot
from homespot.errors import InputError

mpl.use("Agg")


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


def test_losses_of_a_map_that_was_not_trained() -> None:
    sc, st = hs.make_demo()
    with pytest.raises(InputError) as caught:
        plot.losses(hs.map_cells(sc, st, "ssa", progress=False))
    assert str(caught.value) == (
        "Expected a map with the losses of a training, found one by method 'ssa' without. "
        'Use a map by map_cells(method="come").'
    )
