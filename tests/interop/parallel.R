# Maps, watching for forks, and then maps again in fresh R processes at once.

arguments <- commandArgs(trailingOnly = TRUE)
source(arguments[1L])
folder <- arguments[2L]
out <- arguments[3L]

problem <- readProblem(folder)
homespotPython()

# The C library calls a handler before every fork() of this process, R's or
# Python's; programs that are started anew (posix_spawn) are none.
reticulate::py_run_string("
import ctypes
forks = 0
def note():
    global forks
    forks += 1
handler = ctypes.CFUNCTYPE(None)(note)
ctypes.CDLL(None).__register_atfork(handler, None, None, None)
")
forks <- function() reticulate::py_eval("forks")

map <- mapCells(problem$sc, problem$st)
placed <- placeCells(map, problem$sc)
invisible(addMapping(problem$sc, map))
path <- file.path(out, "here.h5ad")
saveMapping(map, path)
invisible(loadMapping(path))
ours <- forks()

# Workers that are R processes of their own, with a Python of their own.
workers <- BiocParallel::SnowParam(2L, exportglobals = FALSE)
maps <- BiocParallel::bplapply(1:2, function(i, script, folder) {
  source(script, local = TRUE)
  problem <- readProblem(folder)
  mappingMatrix(mapCells(problem$sc, problem$st))
}, script = arguments[1L], folder = folder, BPPARAM = workers)
afterwards <- forks()

# R's own fork is seen, so that none above means none.
child <- parallel:::mcfork(estranged = TRUE)
if (inherits(child, "masterProcess")) {
  parallel:::mcexit(0L)
}
control <- forks()

# And this process still maps.
again <- mapCells(problem$sc, problem$st)
p <- mappingMatrix(map)
writeJson(list(
  forks = list(ours = ours, afterwards = afterwards, control = control),
  identical = I(vapply(
    c(maps, list(mappingMatrix(again))), identical, NA, p
  )),
  basilisk = basilisk::getBasiliskFork()
), file.path(out, "parallel.json"))
