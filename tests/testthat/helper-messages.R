# Messages: a test compares the words that a message cannot do without; the
# sentences stand in messages.txt, so that they can be rewritten by recording
# them again: HOMESPOT_UPDATE_MESSAGES=1 in the environment. Run the test files
# one after another then (TESTTHAT_PARALLEL=false), for all write that file.

# Checks that what follows is refused: the class of the condition, the words of
# its parts, "what | found | remedy", and its prose. `plain` takes out of the
# prose what differs between machines.
expectRefused <- function(
    expr, ..., class = "homespot_input_error", plain = identity) {
  said <- tryCatch(
    {
      force(expr)
      NULL
    },
    homespot_error = identity
  )
  expect_s3_class(said, class)
  wanted <- trimws(strsplit(paste(..., ""), "|", fixed = TRUE)[[1L]])
  expect_length(wanted, 3L)
  for (part in seq_len(3L)) {
    text <- said[[c("what", "found", "remedy")[part]]]
    expect_true(nzchar(text))
    expectWords(wanted[part], text)
  }
  expectRecorded(plain(conditionMessage(said)))
  invisible(conditionMessage(said))
}

# Checks that every word is in the text, and no part of a longer word or number.
expectWords <- function(words, text) {
  for (word in strsplit(words, " +")[[1L]]) {
    pattern <- paste0(
      if (grepl("^[[:alnum:]_]", word)) "(?<![\\w.])",
      "\\Q", word, "\\E", if (grepl("[[:alnum:]_]$", word)) "(?!\\w|\\.\\d)"
    )
    expect_match(text, pattern, perl = TRUE)
  }
}

# --- the recorded prose ------------------------------------------------------

recorded <- new.env()

# Compares a text with the recorded one, by the test that reads it and, in a
# test that reads several, their order.
expectRecorded <- function(text) {
  test <- currentTest()
  n <- sum(recorded$asked == test) + 1L
  recorded$asked <- c(recorded$asked, test)
  key <- if (n == 1L) test else paste(test, n)
  text <- gsub(tempdir(), "<folder>", text, fixed = TRUE)
  if (nzchar(Sys.getenv("HOMESPOT_UPDATE_MESSAGES"))) {
    recorded$new[[key]] <- text
  } else {
    expect_identical(text, recorded$texts[[key]])
  }
}

# File and description of the test that runs.
currentTest <- function() {
  found <- c("", "")
  for (i in seq_len(sys.nframe())) {
    frame <- sys.frame(i)
    if (identical(sys.function(i), testthat::source_file)) {
      found[1L] <- basename(get("path", frame))
    } else if (identical(sys.function(i), testthat::test_that)) {
      found[2L] <- get("desc", frame)
    }
  }
  paste(sub("[.]R$", "", found[1L]), found[2L], sep = "::")
}

# An entry is the test, and below it, indented, the text.
readMessages <- function() {
  file <- testthat::test_path("messages.txt")
  if (!file.exists(file)) {
    return(list())
  }
  lines <- readLines(file, encoding = "UTF-8")
  lines <- lines[!startsWith(lines, "#")]
  heads <- which(nzchar(lines) & !startsWith(lines, "    "))
  ends <- c(heads[-1L] - 1L, length(lines))
  texts <- Map(function(head, end) {
    text <- lines[seq_len(end - head) + head]
    paste(sub("^    ", "", text[nzchar(text)]), collapse = "\n")
  }, heads, ends)
  stats::setNames(texts, lines[heads])
}

# What was read in this run in place of what these files had before.
writeMessages <- function() {
  files <- unique(sub("::.*", "", names(recorded$new)))
  old <- readMessages()
  texts <- c(old[!sub("::.*", "", names(old)) %in% files], recorded$new)
  texts <- texts[order(names(texts), method = "radix")]
  entries <- sprintf(
    "\n%s\n%s", names(texts), gsub("(?m)^", "    ", texts, perl = TRUE)
  )
  writeLines(c(
    "# Every message that a test reads whole: the test, and below it the text.",
    "# Written by the tests with HOMESPOT_UPDATE_MESSAGES=1.", entries
  ), testthat::test_path("messages.txt"), useBytes = TRUE)
}

recorded$asked <- character()
recorded$new <- list()
recorded$texts <- readMessages()

withr::defer(
  if (length(recorded$new)) writeMessages(), testthat::teardown_env()
)
