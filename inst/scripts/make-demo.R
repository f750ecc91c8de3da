# Makes the demo data in inst/extdata, from a fixed seed: the same bytes each
# time. Run in the repository's root, with a Python that has the core's
# packages (see ?homespot::homespotPython): Rscript inst/scripts/make-demo.R
demo <- reticulate::import_from_path("homespot.verbs.make_demo", "python")
path <- reticulate::import("pathlib")$Path("inst/extdata")
print(demo$write_demo(path))
