# Which column of coordinates is x, and which y, by the rules of the core's
# axes.py, so that a plot, and a map made by hand, need no Python; a test holds
# the two against each other.

.axisPlace <- paste0(
  "coords?|coordinates?|pos|position|centroid|center|centre|loc|location|",
  "pixels?|pxl?|um|c"
)
.axisLetter <- sprintf(
  "^(?:%s|sdim|dim|spatial|image)?([xyz])(?:%s|microns?|axis)?$", .axisPlace,
  .axisPlace
)
.axisGrid <- "^([a-z]*?)(columns?|cols?|rows?)([a-z]*)$"
.axisWords <- c(
  lon = "x", lng = "x", long = "x", longitude = "x", easting = "x",
  horizontal = "x", abscissa = "x",
  lat = "y", latitude = "y", northing = "y", vertical = "y", ordinate = "y"
)

# The pieces of a name, and where they stand: CenterX_global_px is center, x,
# global, px.
.tokens <- function(name) {
  at <- gregexpr("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name, perl = TRUE)[[1L]]
  if (at[1L] < 0L) {
    return(NULL)
  }
  to <- at + attr(at, "match.length") - 1L
  own <- substring(name, at, to)
  list(own = own, words = tolower(own), from = as.integer(at), to = to)
}

# One reading of a name: the axis that it names, the rest of it, whether it
# counts rows or columns, and the rest as it is spelled: x and X are two.
.axisReading <- function(name, tokens, axis, i, token, mark) {
  words <- tokens$words
  words[i] <- token
  own <- tokens$own[i]
  case <- c("x", "X", "Xx")[match(TRUE, c(
    own == tolower(own), own == toupper(own), TRUE
  ))]
  list(
    axis = axis, stem = paste0(mark, paste(words, collapse = "_")),
    grid = mark == "#", spelling = paste0(
      substr(name, 1L, tokens$from[i] - 1L), "*", case, "*",
      substring(name, tokens$to[i] + 1L)
    )
  )
}

# What a column may name. A letter within a word, as in stagex, is an axis only
# if another column has the other letter there.
.axisReadings <- function(name) {
  tokens <- .tokens(name)
  words <- tokens$words
  for (i in seq_along(words)) {
    known <- .knownAxis(words[i])
    if (!is.null(known)) {
      return(list(.axisReading(
        name, tokens, known$axis, i, known$token, known$mark
      )))
    }
  }
  found <- lapply(seq_along(words), function(i) {
    n <- nchar(words[i])
    ends <- substring(words[i], c(1L, n), c(1L, n))
    rest <- c(
      paste0("*", substring(words[i], 2L)),
      paste0(substr(words[i], 1L, n - 1L), "*")
    )
    lapply(which(ends %in% .keys$COORDINATES), function(end) {
      .axisReading(name, tokens, ends[end], i, rest[end], "?")
    })
  })
  unlist(found, recursive = FALSE)
}

# The axis that a word names by itself.
.knownAxis <- function(word) {
  letter <- regexec(.axisLetter, word, perl = TRUE)[[1L]]
  if (letter[1L] > 0L) {
    at <- letter[2L]
    axis <- substr(word, at, at)
    substr(word, at, at) <- "*"
    return(list(axis = axis, token = word, mark = ""))
  }
  grid <- regmatches(word, regexec(.axisGrid, word, perl = TRUE))[[1L]]
  if (length(grid)) {
    return(list(
      axis = if (startsWith(grid[3L], "col")) "x" else "y",
      token = paste0(grid[2L], "*", grid[4L]), mark = "#"
    ))
  }
  if (word %in% names(.axisWords)) {
    list(axis = .axisWords[[word]], token = "*", mark = "@")
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
  column <- rep(seq_along(found), lengths(found))
  found <- unlist(found, recursive = FALSE)
  readings <- data.frame(
    axis = vapply(found, `[[`, "", "axis"),
    stem = vapply(found, `[[`, "", "stem"),
    spelling = vapply(found, `[[`, "", "spelling"), column = column
  )
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
