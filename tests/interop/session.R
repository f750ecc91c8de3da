# Runs script after script, each with environment variables of its own: a line
# of JSON on the standard input names them, "done" on the output is the answer.

requests <- file("stdin", "r")
while (length(request <- readLines(requests, 1L)) > 0L) {
  asked <- jsonlite::fromJSON(request)
  do.call(Sys.setenv, asked$variables)
  sys.source(asked$script, new.env())
  cat("done\n")
}
