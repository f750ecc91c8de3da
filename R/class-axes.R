# Which column of coordinates is x, and which y, by the rules of the core's
# axes.py, so that a plot, and a map made by hand, need no Python; a test holds
# the two against each other.

.axisPlace <- paste0(
  "coords?|coordinates?|pos|position|centroid|center|centre|loc|location|",
  "pixels?|pxl?|um|c"
)
.axisLetter <- sprintf(
  "^((?:%s|sdim|dim|spatial|image)?)([xyz])((?:%s|microns?|axis)?)$",
  .axisPlace, .axisPlace
)
.axisGrid <- "^([a-z]*?)(columns?|cols?|rows?)([a-z]*)$"
.axisWords <- c(
  lon = "x", lng = "x", long = "x", longitude = "x", easting = "x",
  horizontal = "x", abscissa = "x",
  lat = "y", latitude = "y", northing = "y", vertical = "y", ordinate = "y"
)

# What a column may name: every axis, with the rest of the name, and the name
# as it is spelled, for x and X are two. The pieces of CenterX_global_px are
# center, x, global and px. A letter within a word, as in stagex, is an axis
# only if another column has the other letter there.
.axisReadings <- function(name) {
  at <- gregexpr("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name, perl = TRUE)
  own <- regmatches(name, at)[[1L]]
  words <- tolower(own)
  reading <- function(i, axis, token, mark) {
    cases <- c(x = words[i], X = toupper(own[i]), Xx = own[i])
    case <- names(cases)[match(own[i], cases)]
    regmatches(name, at) <- list(replace(own, i, sprintf("*%s*", case)))
    stem <- paste0(mark, paste(replace(words, i, token), collapse = "_"))
    c(axis = axis, stem = stem, spelling = name)
  }
  for (i in seq_along(words)) {
    known <- .knownAxis(words[i])
    if (length(known)) {
      return(list(reading(i, known[1L], known[2L], known[3L])))
    }
  }
  found <- lapply(seq_along(words), function(i) {
    lapply(c("^.", ".$"), function(end) {
      axis <- regmatches(words[i], regexpr(end, words[i]))
      if (axis %in% .keys$COORDINATES) {
        reading(i, axis, sub(end, "*", words[i]), "?")
      }
    })
  })
  Filter(length, unlist(found, recursive = FALSE))
}

# The axis that a word names by itself, the rest of the word, and a mark for
# whether it is a letter, a row or column, or a word.
.knownAxis <- function(word) {
  letter <- regmatches(word, regexec(.axisLetter, word, perl = TRUE))[[1L]]
  grid <- regmatches(word, regexec(.axisGrid, word, perl = TRUE))[[1L]]
  if (length(letter)) {
    c(letter[3L], paste0(letter[2L], "*", letter[4L]), "")
  } else if (length(grid)) {
    axis <- if (startsWith(grid[3L], "col")) "x" else "y"
    c(axis, paste0(grid[2L], "*", grid[4L]), "#")
  } else if (word %in% names(.axisWords)) {
    c(.axisWords[[word]], "*", "@")
  }
}

# Places come before positions within a field of view and ends of boxes, those
# before letters within a word, and those before the numbers of a grid.
.axisRank <- function(stem) {
  if (startsWith(stem, "#") &&
        !grepl("pxl|pixel|image|img|px|fullres", stem)) {
    3L
  } else if (startsWith(stem, "?")) {
    2L
  } else {
    as.integer(grepl("local|fov|min|max|bbox|low|high|start|end", stem))
  }
}

.axisEmbedding <-
  "umap|tsne|pca|phate|embedding|diffmap|latent|mde|velocity|chr"

# The columns of x, y and, where there is one, z, and whether y counts rows
# from the top; NULL where the names do not say. Columns in `last` are taken
# only where no others will do.
.axes <- function(names, last = integer()) {
  found <- lapply(as.character(names), .axisReadings)
  readings <- do.call(rbind, as.list(unlist(found, recursive = FALSE)))
  if (is.null(readings)) {
    return(NULL)
  }
  readings <- as.data.frame(readings)
  readings$column <- rep(seq_along(found), lengths(found))
  # The first of equals, of those that are not taken last.
  readings <- readings[order(readings$column %in% last), ]
  stems <- unique(readings$stem[order(readings$column)])
  stems <- stems[!grepl(.axisEmbedding, stems)]
  pairs <- lapply(stems, function(stem) {
    .axisPair(readings[readings$stem == stem, ], last)
  })
  stems <- stems[lengths(pairs) > 0L]
  pairs <- pairs[lengths(pairs) > 0L]
  if (length(pairs) == 0L) {
    return(NULL)
  }
  late <- vapply(pairs, function(pair) any(pair[1:2] %in% last), NA)
  best <- order(late, vapply(stems, .axisRank, 0L))[1L]
  list(columns = pairs[[best]], rows = startsWith(stems[best], "#"))
}

# The likeliest pair of one stem: names of the same case belong together.
.axisPair <- function(readings, last) {
  first <- function(of) {
    of$column[match(.keys$COORDINATES, of$axis)]
  }
  every <- first(readings)
  if (anyNA(every[1:2])) {
    return(NULL)
  }
  spellings <- unique(readings$spelling[order(readings$column)])
  # Plain x and y before others.
  spellings <- spellings[order(spellings != "*x*")]
  pairs <- lapply(spellings, function(spelling) {
    pair <- first(readings[readings$spelling == spelling, ])
    ifelse(is.na(pair), every, pair)[!is.na(every)]
  })
  whole <- vapply(spellings, function(spelling) {
    all(c("x", "y") %in% readings$axis[readings$spelling == spelling])
  }, NA)
  pairs <- c(pairs[whole], list(every[!is.na(every)]))
  late <- vapply(pairs, function(pair) any(pair[1:2] %in% last), NA)
  pairs[[order(late)[1L]]]
}

# Columns that differ in a number alone, as spatial_1 and spatial_2 do, in its
# order.
.numberedColumns <- function(names, last) {
  parts <- regmatches(names, regexec("^(.*?)([0-9]+)([^0-9]*)$", names,
    perl = TRUE
  ))
  at <- which(lengths(parts) > 0L)
  stem <- tolower(vapply(parts[at], function(part) {
    paste(part[c(2L, 4L)], collapse = "\n")
  }, ""))
  number <- as.integer(vapply(parts[at], `[[`, "", 3L))
  for (one in unique(stem)) {
    of <- at[stem == one][order(number[stem == one])]
    numbers <- sort(number[stem == one])
    if (!numbers[1L] %in% 0:1 ||
          !identical(numbers, numbers[1L] + seq_along(numbers) - 1L)) {
      next
    }
    of <- .otherColumns(of, last)
    if (length(of) %in% 2:3) {
      # scikit-image counts the dimensions of an image: rows come first.
      reversed <- one == "centroid-\n" && numbers[1L] == 0L
      return(if (reversed) rev(of) else of)
    }
  }
}

# The columns without those that are taken last, if two or three are left.
.otherColumns <- function(columns, last) {
  left <- setdiff(columns, last)
  if (length(left) %in% 2:3) left else columns
}

# Columns of 1, 2, ..., n or 0, 1, ..., n - 1: the numbers of the rows, as files
# have them. Those of few rows may be coordinates by chance.
.countingColumns <- function(coords) {
  n <- nrow(coords)
  which(vapply(seq_len(ncol(coords)), function(i) {
    values <- coords[, i]
    n >= 5L && values[1L] %in% 0:1 && all(values == values[1L] + seq_len(n) - 1)
  }, NA) %in% TRUE)
}

# Coordinates in the order that the names of their columns say, x, y, z or 1, 2,
# 3, without numbers of the rows; as they are where there are no names.
.ordered <- function(coords) {
  names <- colnames(coords)
  if (is.null(names) || ncol(coords) == 0L) {
    return(coords)
  }
  last <- .countingColumns(coords)
  columns <- .axes(names, last)$columns
  if (is.null(columns)) {
    columns <- .numberedColumns(names, last)
  }
  if (is.null(columns)) {
    columns <- .otherColumns(seq_along(names), last)
  }
  if (identical(columns, seq_along(names))) {
    return(coords)
  }
  coords[, columns, drop = FALSE]
}
