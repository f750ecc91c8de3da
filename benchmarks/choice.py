"""How COME's start temperature and number of epochs were chosen: inside the training genes of Drosophila.

For each of the ten given folds, the genes that are not held out are divided into three again; two of the
three parts are predicted from the rest. The held-out genes of the outer fold are not looked at.

    python benchmarks/choice.py
"""

from __future__ import annotations

import copy
import os

import numpy as np
import pandas as pd
import torch
from _common import print_table, write_csv
from genes import random_folds

import homespot as hs
from homespot.common.cuda import torch_work
from homespot.expression.transforms import log_normalised, min_max, unit_rows, z_scores
from homespot.learning import Autoencoder, Coupling, Tables, Training, Weights, pretrain
from homespot.objects.tables import expression

TEMPERATURES = (0.1, 0.15, 0.2)
EPOCHS = (10, 15, 20, 30)
WEIGHTS = {
    "defaults": Weights(1.0, 0.01, 0.0, 0.03, 0.03, 0.0),
    "reconstruction alone": Weights(1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}


def inner(x: pd.DataFrame, y: pd.DataFrame, held: list[str]) -> list[dict[str, object]]:
    """Score every setting on the genes `held`, of all those in the tables; the pretraining is shared."""
    kept = [gene for gene in x.columns if gene not in set(held)]
    logs = [table[kept].to_numpy(np.float32) for table in (x, y)]
    cells, spots = (torch.tensor(min_max(values.copy())) for values in logs)
    z_sc, z_st = (unit_rows(z_scores(values.copy())) for values in logs)
    rho = torch.tensor(z_sc @ z_st.T)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(len(kept), 256, 128)
    pretrain(
        model,
        torch.cat([cells, spots]),
        epochs=100,
        patience=10,
        batch=256,
        learning_rate=1e-3,
        generator=torch.Generator().manual_seed(0),
        after_epoch=lambda *_: None,
    )
    rows: list[dict[str, object]] = []
    for temperature in TEMPERATURES:
        for name, weights in WEIGHTS.items():
            coefficients = rho / temperature
            training = Training(
                Tables(cells, spots),
                copy.deepcopy(model),
                Coupling(
                    coefficients,
                    latent="P",
                    optimiser="mirror",
                    learning_rate=0.05,
                    shrinkage=weights.shrinkage,
                    sharpness=weights.entropy,
                ),
                weights,
                summed="mean",
                rate=1e-3,
                tau=0.8,
            )
            training.look()
            for epoch in range(1, max(EPOCHS) + 1):
                training.epoch()
                if epoch in EPOCHS:
                    p = torch.softmax(coefficients, 1).numpy().astype(np.float64)
                    found = p.T @ x[held].to_numpy() / p.sum(axis=0)[:, None]
                    scores = hs.metrics.gene_scores(y[held].to_numpy(), found, held)
                    setting = {"terms": name, "start_temperature": temperature, "epochs": epoch}
                    rows += [{**setting, **score} for score in scores.to_dict("records")]
    return rows


def main() -> None:
    """Print the table and write its CSV file."""
    if "HOMESPOT_DATA" not in os.environ:
        print("Skipped: HOMESPOT_DATA does not name the folder with the data sets.")
        return
    data = hs.datasets.load("drosophila")
    genes = data["st"].var_names.tolist()
    tables = [
        expression(data[side], side, None, "auto", "float64").without_empty_rows() for side in ("sc", "st")
    ]  # type: ignore[arg-type]
    x, y = (pd.DataFrame(log_normalised(table, genes), columns=genes) for table in tables)
    given = pd.read_csv(hs.datasets.folder("drosophila") / "folds_kfold10_sorted.csv", keep_default_na=False)
    rows: list[dict[str, object]] = []
    with torch_work():
        for number, outer in given.groupby("fold"):
            training = [gene for gene in genes if gene not in set(outer["gene"])]
            for held in random_folds(training, 3, 100 + int(number))[:2]:
                rows += inner(x[training], y[training], held)
    settings = ["terms", "start_temperature", "epochs"]
    grouped = pd.DataFrame(rows).groupby(settings, sort=False)
    table = grouped.agg(
        median_pcc=("pcc", "median"), mean_pcc=("pcc", "mean"), ssim=("ssim", "mean"), jsd=("jsd", "mean")
    )
    lines = table.reset_index().to_dict("records")
    print_table(lines)
    print(f"Written to {write_csv('choice', lines)}")


if __name__ == "__main__":
    main()
