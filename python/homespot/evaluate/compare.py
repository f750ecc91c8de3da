"""compare: whether a method scores better than each of the others, gene by gene."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ..common.checks import numbers, one_of
from ..common.checks import table as check_table
from ..common.wording import verb
from ..errors import InputError, expected
from ..expression.metrics import METRICS

__all__ = ["compare", "scores_by_method"]


def scores_by_method(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one metric's scores, genes x methods, with the methods in the order of the table."""
    one_of("metric", metric, tuple(METRICS))
    remedy = f"Pass what {verb('cross_validate')} returned, or several such tables below one another."
    check_table(table, ("gene", "method", metric), remedy)
    twice = table.duplicated(["gene", "method"])
    if twice.any():
        raise InputError(
            expected(
                "one row a gene and method",
                f"{twice.sum()} more (e.g. of {table.loc[twice, 'gene'].iloc[0]!r})",
                "Average repeated scores first.",
            )
        )
    text = table.assign(method=table["method"].astype(str), gene=table["gene"].astype(str))
    text[metric] = numbers(table[metric], metric)
    wide = text.pivot(index="gene", columns="method", values=metric)
    return wide[list(dict.fromkeys(text["method"]))]


def compare(table: pd.DataFrame, metric: str = "pcc", reference: str | None = None) -> pd.DataFrame:
    """Test whether a method scores better than each of the others, gene by gene.

    Wilcoxon's signed-rank test, paired by gene and one-sided, as in the COME paper. P-values are not
    corrected for the number of methods.

    Parameters
    ----------
    table
        Table of `cross_validate`: columns gene, method and the metric, one row per gene and method.
    metric
        ``"pcc"`` or ``"ssim"``, where the reference is better if higher, ``"rmse"`` or ``"jsd"``, where it is
        better if lower.
    reference
        The method that is compared with the others; None: the first in the table.

    Returns
    -------
    One row for every other method: ``genes``, the number of genes with scores of both methods;
    ``difference``, the median of reference - other over these genes; and ``p``, NaN if no gene differs.
    """
    from scipy.stats import wilcoxon  # imported here, as it takes as long as a third of homespot

    wide = scores_by_method(table, metric)
    reference = str(wide.columns[0]) if reference is None else reference
    one_of("reference", reference, list(wide.columns))
    rows = {}
    for method in wide.columns.drop(reference):
        difference = (wide[reference] - wide[method]).dropna().to_numpy()
        p = np.nan
        if (difference != 0).any():
            side: Literal["greater", "less"] = "greater" if METRICS[metric].higher_is_better else "less"
            p = float(wilcoxon(difference, alternative=side).pvalue)
        rows[method] = (len(difference), float(np.median(difference)) if len(difference) else np.nan, p)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["genes", "difference", "p"])
