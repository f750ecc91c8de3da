# Both data sets of a verb, as sides (see obj-sides.R), checked as far as R can.

# `frame` has the arguments that every verb on both data sets has, as it was
# called. Only a map has places of its own (`coords`).
.bothData <- function(frame, coords = NULL) {
  given <- mget(c(
    "sc", "st", "sc.assay.type", "st.assay.type", "sc.scale", "st.scale",
    "sc.gene.column", "st.gene.column", "sections", "joint"
  ), envir = frame)
  .checkStrings(sc.scale = given$sc.scale, st.scale = given$st.scale)
  .checkStrings(
    sc.gene.column = given$sc.gene.column,
    st.gene.column = given$st.gene.column, optional = TRUE
  )
  if (!is.null(given$joint)) {
    .checkFlag(given$joint, "joint")
  }
  sc <- .side(given$sc, given$sc.assay.type, "sc")
  st <- .spatialSides(given$st, given$st.assay.type, coords)
  .checkGeneColumn(list(sc), "sc", given$sc.gene.column)
  .checkGeneColumn(st, "st", given$st.gene.column)
  tables <- .withSections(st, given$sections)
  list(
    sc = sc, st = st, tables = tables, given = given,
    sections = .sectionsToPython(given$sections, given$st, tables)
  )
}

# Calls a verb of the core that takes both data sets.
.callWithData <- function(verb, data, ..., .narrow = TRUE) {
  sc <- data$sc
  if (.narrow) {
    # Only a map has the cells' own places in its annotation.
    sc["coords"] <- list(NULL)
  }
  given <- data$given
  .call(
    verb, .experiment(sc, .narrow), .spatialToPython(data$tables, .narrow), ...,
    sc_scale = given$sc.scale, st_scale = given$st.scale,
    sc_gene_column = given$sc.gene.column,
    st_gene_column = given$st.gene.column,
    sections = data$sections, joint = given$joint,
    .sides = list(sc = data$sc, st = .firstOfSections(data$st))
  )
}
