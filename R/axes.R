# Which column of coordinates is x, and which y, by the rules of the core's
# axes.py, so that a plot, and a map made by hand, need no Python; a test holds
# the two against each other.

.axisPlace <- paste0(
  "coords?|coordinates?|pos|position|centroid|center|centre|loc|location|",
  "pixels?|pxl?|um|c"
)
.axisLetter <- sprintf(
  "^(?:(?:%s|sdim|dim|spatial|image)?)([xyz])(?:%s|microns?)?$", .axisPlace,
  .axisPlace
)
.axisGrid <-
  "^(image|pxl|pixel|px|array)?(col|cols|column|columns|row|rows)$"

# CenterX_global_px is center, x, global, px.
.tokens <- function(name) {
  found <- gregexpr("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name, perl = TRUE)
  tolower(regmatches(name, found)[[1L]])
}

# The axis that a column names, the rest of its name, and whether it counts
# rows or columns; NULL where it names none.
.axisOf <- function(name) {
  tokens <- .tokens(name)
  for (i in seq_along(tokens)) {
    letter <- regexec(.axisLetter, tokens[i], perl = TRUE)[[1L]]
    grid <- regmatches(tokens[i], regexec(.axisGrid, tokens[i]))[[1L]]
    if (letter[1L] > 0L) {
      at <- letter[2L]
      axis <- substr(tokens[i], at, at)
      substr(tokens[i], at, at) <- "*"
      return(list(
        axis = axis, stem = paste(tokens, collapse = "_"), grid = FALSE
      ))
    }
    if (length(grid)) {
      tokens[i] <- paste0(grid[2L], "*")
      return(list(
        axis = if (startsWith(grid[3L], "col")) "x" else "y",
        stem = paste0("#", paste(tokens, collapse = "_")), grid = TRUE
      ))
    }
  }
}

# Places come before positions within a field of view and ends of boxes, and
# those before the numbers of a grid.
.axisRank <- function(stem) {
  if (startsWith(stem, "#") && !grepl("pxl|pixel|image|px", stem)) {
    2L
  } else {
    as.integer(grepl("local|min|max|bbox|low|high|start|end", stem))
  }
}

.axisEmbedding <- "umap|tsne|pca|phate|embedding|diffmap"

# The columns of x, y and, where there is one, z, and whether y counts rows
# from the top; NULL where the names do not say.
.axes <- function(names) {
  found <- lapply(as.character(names), .axisOf)
  known <- which(lengths(found) > 0L)
  axis <- vapply(found[known], `[[`, "", "axis")
  stem <- vapply(found[known], `[[`, "", "stem")
  complete <- Filter(
    function(one) {
      all(c("x", "y") %in% axis[stem == one]) && !grepl(.axisEmbedding, one)
    }, unique(stem)
  )
  if (length(complete) == 0L) {
    return(NULL)
  }
  rank <- vapply(complete, .axisRank, 0L)
  best <- complete[which.min(rank)]
  at <- match(.keys$COORDINATES, axis[stem == best])
  list(
    columns = known[stem == best][at[!is.na(at)]],
    rows = startsWith(best, "#")
  )
}

# Coordinates with x first where the names of their columns say so.
.ordered <- function(coords) {
  axes <- if (!is.null(colnames(coords))) .axes(colnames(coords))
  if (is.null(axes) || ncol(coords) == 0L) {
    return(coords)
  }
  if (identical(axes$columns, seq_len(ncol(coords)))) {
    return(coords)
  }
  coords[, axes$columns, drop = FALSE]
}
