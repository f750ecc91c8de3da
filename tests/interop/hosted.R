# Run by an R that Python hosts (rpy2). The host sets `folder` and `out`, and
# carries its AnnData over: `sc`, `st`, and the mapping `converted`.

for (name in names(readCases(folder))) {
  arguments <- readCases(folder)[[name]]
  side <- if (isTRUE(arguments$dense)) "dense" else "sparse"
  arguments$dense <- NULL
  cells <- hosted[[side]]$sc
  map <- mapCase(cells, hosted[[side]]$st, arguments)
  writeMap(map, file.path(out, name))
  writePlaces(map, cells, file.path(out, name))
}
writePython(file.path(out, "python.json"))
writeVariants(folder, out, function(data, side) carried[[data]][[side]])

# Python's maps, as anndata2ri brings them: their transpose.
for (name in names(converted)) {
  map <- as(converted[[name]], "CellMapping")
  writeMap(map, file.path(out, paste0("converted_", name)))
  saveMapping(map, file.path(out, paste0("converted_", name, ".h5ad")))
}

# And what goes back to Python by anndata2ri: the cells with their places.
map <- mapCells(hosted$sparse$sc, hosted$sparse$st, k.best = 7)
placed <- placeCells(map, addMapping(hosted$sparse$sc, map))
