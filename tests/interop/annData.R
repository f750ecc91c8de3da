# AnnData files of an experiment that R makes, and of one that Python wrote,
# read and written again. Environment variables name exchange.R and the folder.

source(Sys.getenv("HOMESPOT_EXCHANGE"))
folder <- Sys.getenv("HOMESPOT_FOLDER")

cells <- c("cell/1", "NA", "\u00b5 3")
genes <- c("beta'COP", "nan", "1", "TRUE")
counts <- matrix(c(0, 3, 0, 1, 2, 0, 0, 5, 0, 0, 7, 0), 4,
  dimnames = list(genes, cells)
)
whole <- counts
storage.mode(whole) <- "integer"
x <- SpatialExperiment::SpatialExperiment(
  assays = list(
    "square/roots" = sqrt(counts), counts = as(counts, "CsparseMatrix"),
    whole = whole
  ),
  rowData = S4Vectors::DataFrame(
    symbol = c("x", "x", NA, "y"), variable = c(TRUE, NA, FALSE, TRUE)
  ),
  colData = S4Vectors::DataFrame(
    sample_id = c("one", "one", "two/2"),
    type = factor(c("b", NA, "a"), c("b", "a", "unused")),
    grade = factor(c("lo", "hi", "lo"), c("lo", "hi"), ordered = TRUE),
    flag = c(TRUE, FALSE, TRUE), maybe = c(TRUE, NA, FALSE),
    count = c(1L, NA, -3L), number = c(0.1, NaN, -Inf), "odd/name" = 1:3,
    check.names = FALSE
  ),
  reducedDims = list(PCA = matrix(1:6 / 7, 3, dimnames = list(NULL, c(
    "PC1", "PC2"
  )))),
  altExps = list(protein = SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix(1:6, 2, dimnames = list(c("CD3", "CD4"), cells))),
    rowData = S4Vectors::DataFrame(clone = c("c1", "c2"))
  )),
  spatialCoords = cbind(pxl_col = c(0.1, 0.2, 0.3), pxl_row = c(3, 2, 1e9)),
  metadata = list(
    name = "one", colours = c(b = "#ff0000", a = "#00ff00"), sizes = 1:3,
    spatial = list(one = list(
      scalefactors = list(spot_diameter_fullres = 89.5)
    ))
  )
)
pixels <- array(c(255, 0, 10, 20, 30, 40), c(1, 2, 3))
image <- SpatialExperiment::SpatialImage(
  grDevices::as.raster(pixels, max = 255)
)
SpatialExperiment::imgData(x) <- S4Vectors::DataFrame(
  sample_id = c("one", "one", "two/2"),
  image_id = c("hires", "lowres", "hires"),
  data = I(list(image, image, image)), scaleFactor = c(0.5, 0.05, 0.25)
)
SingleCellExperiment::colPair(x, "near") <- S4Vectors::SelfHits(
  c(1L, 3L), c(2L, 1L), nnode = 3L, x = c(0.5, 2)
)
SingleCellExperiment::rowPair(x, "with") <- S4Vectors::SelfHits(
  2L, 4L, nnode = 4L
)
writeAnnData(x, file.path(folder, "r.h5ad"))

writeAnnData(
  readAnnData(file.path(folder, "python.h5ad")), file.path(folder, "back.h5ad")
)
