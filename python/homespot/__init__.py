"""homespot: every cell finds its home spot.

Maps dissociated single cells onto spatial transcriptomics: `map_cells` learns a cells x spots matrix of
probabilities, from which follow places, genes in space and cell types per spot.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from . import datasets, methods
from ._version import __version__
from .add import add_mapping
from .annotate import annotate_cells
from .assign import assign_cells
from .colocate import cell_distances, colocate_types, type_distances
from .combine import combine_cells, combine_sections
from .deconvolve import deconvolve_spots
from .demo import make_demo
from .evaluate import dream, metrics
from .evaluate.calibrate import calibration
from .evaluate.cross_validate import cross_validate
from .evaluate.simulate import simulate_spots
from .evaluate.tune import tune
from .impute import impute_genes
from .joined import join_sections
from .map import map_cells
from .mapping import load, renormalise, save, subset
from .modes import cell_modes
from .place import cell_positions, place_cells
from .report import report

if TYPE_CHECKING:
    from . import plot as plot

__all__ = [
    "__version__",
    "add_mapping",
    "annotate_cells",
    "assign_cells",
    "calibration",
    "cell_distances",
    "cell_modes",
    "cell_positions",
    "colocate_types",
    "combine_cells",
    "combine_sections",
    "cross_validate",
    "datasets",
    "deconvolve_spots",
    "dream",
    "impute_genes",
    "join_sections",
    "load",
    "make_demo",
    "map_cells",
    "methods",
    "metrics",
    "place_cells",
    "renormalise",
    "report",
    "save",
    "simulate_spots",
    "subset",
    "tune",
    "type_distances",
]


def __getattr__(name: str) -> ModuleType:
    """Load `homespot.plot` when it is first used: it needs matplotlib, and the rest does not."""
    if name == "plot":
        return import_module(".plot", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names: `map` and its like are modules of the package's own."""
    return sorted([*__all__, "plot"])
