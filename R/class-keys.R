# The names under which results are stored in the user's objects. They are
# those of the Python core's keys.py; a test holds the two against each other.
.keys <- list(
  HOMESPOT = "homespot",
  EXPERIMENT = "homespot_experiment",
  ALT_EXPS = "altExps",
  SPATIAL = "spatial",
  COORDINATES = c("x", "y", "z"),
  SPOT = "homespot_spot",
  NEAR_SPOT = "homespot_near_spot",
  PROB = "homespot_prob",
  POSITIONS = c("homespot_x", "homespot_y", "homespot_z"),
  SPREAD = "homespot_spread",
  LEFT_OVER = "homespot_left_over",
  DROPPED = "homespot_dropped",
  CUT = "homespot_cut",
  SECTION = "homespot_section",
  SECTION_PROB = "homespot_section_prob",
  SHARPNESS = "homespot_sharpness",
  FITS = "homespot_fits",
  EXPRESSION = "homespot_expression",
  SPOT_CELLS = "homespot_cells",
  ENTROPY = "homespot_entropy",
  RADIUS = "homespot_radius",
  CONFIDENT = "homespot_confident",
  ASSIGNED = "homespot_assigned",
  LOWER = "lower",
  UPPER = "upper",
  MAPPED = "homespot_mapped",
  TYPE = "homespot_type",
  TYPE_PROB = "homespot_type_prob",
  CONFIDENT_SHARE = "homespot_confident_share",
  LABEL = "homespot_label",
  LABEL_PROB = "homespot_label_prob",
  FEATURES = "homespot_features",
  LOG_SUM = "homespot_log_sum",
  POTENTIAL = "homespot_potential",
  WHOLE = "homespot_whole_"
)

# Name of the assay of a CellMapping that holds the probabilities.
.mappingAssay <- "mapping"

# Row sum + left-over may differ from 1 by as much.
.tolerance <- 1e-4
