"""homespot: every cell finds its home spot.

Maps dissociated single cells onto spatial transcriptomics: `map_cells` learns a cells x spots matrix of
probabilities, from which follow places, genes in space and cell types per spot.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from .common import start as _start  # noqa: F401 - before the rest

# isort: split
from . import datasets, methods
from .common.version import __version__
from .errors import DependencyError, UnavailableError
from .evaluate import dream, metrics
from .evaluate.calibration import calibration
from .evaluate.cross_validate import cross_validate
from .evaluate.simulate_spots import simulate_spots
from .evaluate.tune import tune
from .objects.join_sections import join_sections
from .report import report
from .verbs.add_mapping import add_mapping
from .verbs.annotate_cells import annotate_cells
from .verbs.assign_cells import assign_cells
from .verbs.cell_distances import cell_distances
from .verbs.cell_modes import cell_modes
from .verbs.cell_positions import cell_positions
from .verbs.colocate_types import colocate_types
from .verbs.combine_cells import combine_cells
from .verbs.combine_sections import combine_sections
from .verbs.deconvolve_spots import deconvolve_spots
from .verbs.fit_types import fit_types
from .verbs.impute_genes import impute_genes
from .verbs.load import load
from .verbs.make_demo import make_demo
from .verbs.map_cells import map_cells
from .verbs.place_cells import place_cells
from .verbs.renormalise import renormalise
from .verbs.save import save
from .verbs.subset import subset
from .verbs.type_distances import type_distances

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
    "fit_types",
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


if TYPE_CHECKING:
    from . import plot as plot
else:
    # A type checker that saw this would take every name for a module.
    def __getattr__(name: str) -> ModuleType:
        """Load `homespot.plot` when it is first used: it needs matplotlib, and the rest does not."""
        if name == "plot":
            try:
                return import_module(".plot", __name__)
            except DependencyError as error:
                # hasattr() and help() ask for every name, and take no error but an AttributeError.
                raise UnavailableError(*error.args) from error
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names: `map` and its like are modules of the package's own."""
    return sorted([*__all__, "plot"])
