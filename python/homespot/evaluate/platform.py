"""The shift of a technology: a factor for every gene, fewer molecules, and dropout, for simulated cells."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..common.checks import one_of, within
from ..common.wording import argument
from ..errors import InputError, expected, some
from ..matrix.sums import column_sums, is_sparse

__all__ = ["DEPTH", "DROPOUT", "PLATFORM_SD", "Law", "check_platform", "shifted"]

F64 = npt.NDArray[np.float64]

Law = Literal["log-normal", "laplace"]
"""The law of the logarithm of a gene's factor: normal, or Laplace's."""

# Medians over pairs of real technologies, benchmarks/results/platforms.csv.
PLATFORM_SD, DEPTH, DROPOUT = 0.53, 0.22, 0.0

_MOST_SD = 3.0
_MOST_COUNT = 2.0**53  # whole numbers up to it are exact in float64


def check_platform(platform: Law | None, platform_sd: float, depth: float, dropout: float) -> None:
    """Refuse a shift that is not as `homespot.simulate_spots` describes it."""
    within("platform_sd", platform_sd, 0, _MOST_SD)
    within("depth", depth, 0, 1, open_low=True)
    within("dropout", dropout, 0, 0.99)
    if platform is not None:
        one_of("platform", platform, get_args(Law))
    elif (platform_sd, depth, dropout) != (PLATFORM_SD, DEPTH, DROPOUT):
        raise InputError(
            expected(
                f"{argument('platform')} with {argument('platform_sd')}, {argument('depth')} or "
                f"{argument('dropout')}, which describe its shift",
                "none",
                f"Choose one of {some(get_args(Law))} as {argument('platform')}, or leave the others out.",
            )
        )


def shifted(
    counts: Any, platform: Law, platform_sd: float, depth: float, dropout: float, seed: int
) -> tuple[Any, F64]:
    """Return the counts that another technology would see of the same cells, and the factor of every gene.

    A gene's factor is f = 10^e, e of standard deviation `platform_sd`, and a = depth f / m, where m is the
    mean of f over all molecules. A count of n becomes n floor(a) + Binomial(n, a - floor(a)), so that its
    expectation is a n. Every count is then lost with probability `dropout`.

    Parameters
    ----------
    counts
        Cells x genes, whole numbers, dense or sparse; they are not changed.
    platform, platform_sd, depth, dropout
        As for `homespot.simulate_spots`.
    seed
        Seed of the random numbers.

    Returns
    -------
    The counts, dense or sparse as `counts` are, in their type if that is one of floating point, else in
    int64; and f / m of every gene.
    """
    table = sparse.csr_matrix(counts, copy=True)
    table.sort_indices()
    table.eliminate_zeros()
    fraction = table.data != np.rint(table.data)
    if fraction.any():
        raise InputError(
            expected(
                f"counts of the cells, as molecules are drawn for {argument('platform')}",
                f"{table.data[fraction][0]:.4g}, which is not a whole number",
                f"Take the counts, or leave {argument('platform')} out.",
            )
        )
    rng = np.random.default_rng((seed, 1))  # `seed` alone divides the cells
    n_genes = table.shape[1]
    if platform == "laplace":
        factor = 10 ** rng.laplace(0, platform_sd / np.sqrt(2), n_genes)
    else:
        factor = 10 ** rng.normal(0, platform_sd, n_genes)
    molecules = column_sums(table)
    if molecules.any():
        factor /= factor @ molecules / molecules.sum()
    share = (depth * factor)[table.indices]
    times = np.floor(share)
    most = float(np.max(table.data * (times + 1.0), initial=0))
    if most > _MOST_COUNT:
        raise InputError(
            expected(
                f"counts that stay below {_MOST_COUNT:.0e} with the factors of {argument('platform')}",
                f"{most:.4g}",
                f"Take counts of molecules, or a smaller {argument('platform_sd')}.",
            )
        )
    n = np.rint(table.data).astype(np.int64)
    seen = n * times.astype(np.int64) + rng.binomial(n, share - times)
    seen[rng.random(len(seen)) < dropout] = 0
    table.data = seen.astype(table.dtype) if table.dtype.kind == "f" else seen
    table.eliminate_zeros()
    return table if is_sparse(counts) else table.toarray(), factor
