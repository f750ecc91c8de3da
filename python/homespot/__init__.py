"""homespot: every cell finds its home spot.

Maps dissociated single cells onto spatial transcriptomics: `map_cells` learns a cells x spots matrix of
probabilities, from which follow places, genes in space and cell types per spot.
"""

from . import datasets, methods
from ._version import __version__
from .add import add_mapping
from .annotate import annotate_cells
from .colocate import cell_distances, colocate_types, type_distances
from .deconvolve import deconvolve_spots
from .demo import make_demo
from .evaluate import metrics
from .evaluate.simulate import simulate_spots
from .impute import impute_genes
from .map import map_cells
from .mapping import combine_cells, combine_sections, load, renormalise, save, subset
from .place import cell_positions, place_cells

__all__ = [
    "__version__",
    "add_mapping",
    "annotate_cells",
    "cell_distances",
    "cell_positions",
    "colocate_types",
    "combine_cells",
    "combine_sections",
    "datasets",
    "deconvolve_spots",
    "impute_genes",
    "load",
    "make_demo",
    "map_cells",
    "methods",
    "metrics",
    "place_cells",
    "renormalise",
    "save",
    "simulate_spots",
    "subset",
    "type_distances",
]
