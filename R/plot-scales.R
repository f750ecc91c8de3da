# Colours, and the scales that give them.

# Colours that colour-blind readers can tell apart, those of the Python core:
# Okabe and Ito's eight, and eight more.
.palette <- c(
  "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
  "#000000", "#591A0D", "#0D1A8C", "#8C4033", "#331AD9", "#A6BF99", "#9973F2",
  "#664073", "#736673"
)

# For what is not known, or not relied on.
.grey <- "grey80"

# The largest labels have the colours, in the order of the levels; the others
# are grey, and stand together in the legend.
.labelScale <- function(
    labels, name, aesthetic = "colour", sizes = tabulate(labels)) {
  large <- sort(utils::head(
    order(-sizes, method = "radix"), length(.palette)
  ))
  own <- levels(labels)[large]
  others <- setdiff(levels(labels), own)
  values <- c(
    stats::setNames(.palette[seq_along(own)], own),
    stats::setNames(rep(.grey, length(others)), others)
  )
  text <- if (length(others)) sprintf("other (%d labels)", length(others))
  ggplot2::scale_colour_manual(
    name = name, values = values, breaks = c(own, utils::head(others, 1L)),
    labels = c(own, text), limits = levels(labels), na.value = .grey,
    aesthetics = aesthetic, guide = if (aesthetic == "colour") {
      # Points that can be seen.
      ggplot2::guide_legend(override.aes = list(size = 4))
    } else {
      "legend"
    }
  )
}

.valueScale <- function(name, ...) {
  ggplot2::scale_colour_viridis_c(name = name, na.value = .grey, ...)
}

# Colours that fit the values: labels, or numbers.
.scaleOf <- function(values, name) {
  if (is.numeric(values)) {
    .valueScale(name)
  } else {
    .labelScale(values, name)
  }
}

# An order that mixes what lies together, the same each time, and leaves R's
# random numbers alone: multiples of the golden ratio.
.mixedOrder <- function(n) {
  order((seq_len(n) * 0.6180339887498949) %% 1)
}
