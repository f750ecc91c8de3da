"""Every name under which homespot stores something in a user's object, the same in Python and R."""

from __future__ import annotations

__all__ = [
    "ALT_EXPS",
    "ASSIGNED",
    "CONFIDENT",
    "CONFIDENT_SHARE",
    "COORDINATES",
    "CUT",
    "DROPPED",
    "ENTROPY",
    "EXPERIMENT",
    "EXPRESSION",
    "FEATURES",
    "FITS",
    "FORMAT_VERSION",
    "HOMESPOT",
    "LABEL",
    "LABEL_PROB",
    "LEFT_OVER",
    "LOG_SUM",
    "LOWER",
    "MAPPED",
    "NEAR_SPOT",
    "POSITIONS",
    "POTENTIAL",
    "PROB",
    "RADIUS",
    "SECTION",
    "SECTION_PROB",
    "SHARPNESS",
    "SPATIAL",
    "SPOT",
    "SPOT_CELLS",
    "SPREAD",
    "TYPE",
    "TYPE_PROB",
    "UPPER",
    "WHOLE",
]

FORMAT_VERSION = 2
"""Version of the file format of a saved mapping; version 1, of homespot 0.99.0, has no seal."""

HOMESPOT = "homespot"
"""Key of the run's record (uns, metadata) and of the map (obsm, reducedDim, altExp)."""

EXPERIMENT = "homespot_experiment"
"""uns key of the parts of an R experiment for which AnnData has no place: names, their order, kinds."""

ALT_EXPS = "altExps"
"""uns key of an experiment's alternative experiments, each as the arguments of an AnnData."""

SPATIAL = "spatial"
"""obsm/varm key of coordinates, as in scanpy and squidpy."""

COORDINATES = ("x", "y", "z")
"""Plain columns of the spots' coordinates."""

SPOT = "homespot_spot"
"""Name of a cell's home spot."""

NEAR_SPOT = "homespot_near_spot"
"""Name of the spot of least expected distance from a cell."""

PROB = "homespot_prob"
"""Probability of the home spot."""

POSITIONS = ("homespot_x", "homespot_y", "homespot_z")
"""Columns of a cell's position."""

SPREAD = "homespot_spread"
"""Spread of a cell's position, in the unit of the coordinates."""

LEFT_OVER = "homespot_left_over"
"""Probability that a cell's row of P leaves out: 1 minus its sum."""

DROPPED = "homespot_dropped"
"""Part of a cell's left-over that lay on spots that were taken out of the map."""

CUT = "homespot_cut"
"""Mass that `k_best` had cut off a cell's row before the row was renormalised."""

SECTION = "homespot_section"
"""Section of tissue: the one that a spot belongs to, or in which a cell is placed."""

SECTION_PROB = "homespot_section_prob"
"""Probability that a cell belongs to its section."""

SHARPNESS = "homespot_sharpness"
"""Power of a cell's row of P at which two halves of the genes agree best on its place."""

FITS = "homespot_fits"
"""How far the spots hold cells like one: the share of them that its kind makes up, over that of the cells."""

EXPRESSION = "homespot_expression"
"""Mean log expression of a cell, or of a spot, over the genes that the map was made from."""

SPOT_CELLS = "homespot_cells"
"""Expected number of cells at a spot: the column sum of P."""

ENTROPY = "homespot_entropy"
"""Entropy of a cell's row of P over the logarithm of the number of spots: 0 if one spot is certain, 1 if all
spots are equally probable."""

RADIUS = "homespot_radius"
"""Distance from a cell's position within which its true place is expected, in the unit of the coordinates."""

CONFIDENT = "homespot_confident"
"""Whether a cell's position can be relied on."""

ASSIGNED = "homespot_assigned"
"""Name of the spot that a cell is assigned to, within the spots' capacities."""

LOWER, UPPER = "lower", "upper"
"""Layers with the ends of intervals."""

MAPPED = "homespot_mapped"
"""Whether the map was made from this gene, with others."""

TYPE = "homespot_type"
"""Most abundant cell type of a spot."""

TYPE_PROB = "homespot_type_prob"
"""Share of the most abundant cell type of a spot."""

CONFIDENT_SHARE = "homespot_confident_share"
"""Share of a spot's mass that rests on confident cells."""

WHOLE = "homespot_whole_"
"""Prefix of the columns of a map's cells that were read from their whole rows before these were cut short."""

FEATURES = "homespot_features"
"""obsm and varm of a map without X: the features of the cells and of the spots; see `Potentials`."""

LOG_SUM = "homespot_log_sum"
"""obsm of a map without X: the logarithm of what the entries of a cell's row are divided by."""

POTENTIAL = "homespot_potential"
"""varm of a map without X: the potential of a spot, in units of the regularisation."""

LABEL = "homespot_label"
"""Most probable spatial label of a cell."""

LABEL_PROB = "homespot_label_prob"
"""Probability of the most probable spatial label of a cell."""
