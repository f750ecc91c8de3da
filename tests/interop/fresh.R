# A fresh R process with its own Python: maps what Python wrote, reads the maps
# that Python saved, and saves maps of its own.

arguments <- commandArgs(trailingOnly = TRUE)
source(arguments[1L])
folder <- arguments[2L]
out <- arguments[3L]

# Whatever starts Python is homespot, so this comes after the first map.
writeCases(folder, out)
writePython(file.path(out, "python.json"))

# Data that say more of themselves, as R reads the files.
writeVariants(folder, out, function(data, side) {
  readAnnData(file.path(folder, data, paste0(side, ".h5ad")))
})

# Python's maps, read and written again.
for (path in Sys.glob(file.path(folder, "saved_*.h5ad"))) {
  map <- loadMapping(path)
  stem <- file.path(out, sub("[.]h5ad$", "", basename(path)))
  writeMap(map, stem)
  saveMapping(map, paste0(stem, ".h5ad"))
}

# A map made in R, with names and annotation of every kind.
p <- matrix(c(0.75, 0.125, 0, 0.25, 0.5, 0.125, 0, 0.375, 0.75), 3)
dimnames(p) <- list(
  c("beta'COP", "nan", "E(spl)m5-HLH"), c("spot/1", "NA", "\u00b5 3")
)
made <- function(p, coords) {
  CellMapping(p,
    coords = coords,
    cells = S4Vectors::DataFrame(
      type = factor(c("b", NA, "a"), c("b", "a", "unused")),
      grade = factor(c("lo", "hi", "lo"), c("lo", "hi"), ordered = TRUE),
      text = c("x", "NA", NA), flag = c(TRUE, FALSE, TRUE),
      maybe = c(TRUE, NA, FALSE), count = c(1L, NA, -3L),
      number = c(0.1, NaN, -Inf), "odd name" = 1:3, check.names = FALSE
    ),
    spots = S4Vectors::DataFrame(
      sample_id = c("s1", "s1", "s2"), area = c(0.1, 0.2, 0.3)
    ),
    info = list(
      method = "by hand", parameters = list(a = 0.1, b = 1:3, c = "x"),
      genes = c("nan", "beta'COP")
    )
  )
}
coords <- cbind(x = c(0.1, 0.2, 0.3), y = 1:3, z = c(-1, 0, 1e9 + 0.1))
saveMapping(made(p, coords), file.path(out, "made_3d.h5ad"))
p[, 3] <- 0
saveMapping(
  made(as(p, "CsparseMatrix"), coords[, 1:2]),
  file.path(out, "made_sparse.h5ad")
)
saveMapping(made(p, NULL), file.path(out, "made_nowhere.h5ad"))
