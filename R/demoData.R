#' The demo data
#'
#' An arched tissue in five layers, seen by two technologies, with the truth
#' known: about 1,500 dissociated cells, and some 400 spots that sum over the
#' cells of another draw from the same tissue.
#' The numbers are made by `inst/scripts/make-demo.R`, from a fixed seed.
#'
#' @return A list of two:
#' * `sc`: a SingleCellExperiment, 270 genes by cells, with counts
#'   (dgCMatrix), and in colData `cell_type`, and the true place `true_spot`,
#'   `true_x`, `true_y`;
#' * `st`: a SpatialExperiment, 240 genes by spots, with counts, spatialCoords
#'   in micrometres, and in colData `n_cells`.
#'
#' 210 genes are in both.
#'
#' @examples
#' demo <- demoData()
#' demo$sc
#' demo$st
#'
#' @export
demoData <- function() {
  folder <- system.file("extdata", package = "homespot", mustWork = TRUE)
  cells <- .readTable(folder, "demo_sc_cells.csv.gz")
  spots <- .readTable(folder, "demo_st_spots.csv.gz")
  coords <- as.matrix(spots[c("x", "y")])
  list(
    sc = SingleCellExperiment(
      list(counts = .readCounts(folder, "sc", rownames(cells))),
      colData = DataFrame(cells)
    ),
    st = SpatialExperiment(
      assays = list(counts = .readCounts(folder, "st", rownames(spots))),
      colData = DataFrame(spots[setdiff(names(spots), c("x", "y"))]),
      spatialCoords = coords
    )
  )
}

.readTable <- function(folder, file) {
  utils::read.csv(file.path(folder, file), row.names = 1L)
}

.readCounts <- function(folder, side, columns) {
  path <- file.path(folder, sprintf("demo_%s_counts.mtx.gz", side))
  file <- gzfile(path)
  counts <- as(Matrix::readMM(file), "CsparseMatrix")
  genes <- readLines(file.path(folder, sprintf("demo_%s_genes.txt.gz", side)))
  dimnames(counts) <- list(genes, columns)
  counts
}
