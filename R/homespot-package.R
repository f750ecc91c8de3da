#' homespot: every cell finds its home spot
#'
#' Maps dissociated single cells (scRNA-seq) onto a spatial reference
#' (spatial transcriptomics).
#' [mapCells()] makes the map, a [CellMapping-class] of cells by spots.
#' [addMapping()] puts it into the user's object, [placeCells()] gives the
#' cells coordinates.
#' The numbers come from a core in Python, which the package brings along;
#' [homespotPython()] says which Python runs it, and why.
#'
#' @keywords internal
"_PACKAGE"

#' @import methods
#' @importFrom BiocGenerics cbind rbind t unlist
#' @importFrom Matrix colSums rowSums
#' @importFrom DelayedArray colAutoGrid rowAutoGrid read_block extract_array
#' @importFrom DelayedArray chunkdim
#' @importFrom rlang .data
#' @importFrom S4Vectors DataFrame SelfHits from isTRUEorFALSE
#'   make_zero_col_DFrame mcols mcols<- metadata metadata<- nnode setValidity2
#'   to
#' @importFrom SingleCellExperiment SingleCellExperiment altExp altExp<-
#'   altExpNames altExps colPairs colPairs<- mainExpName reducedDim reducedDim<-
#'   reducedDimNames reducedDims rowPairs rowPairs<-
#' @importFrom SpatialExperiment SpatialExperiment imgData imgData<-
#'   spatialCoords spatialCoords<- spatialCoordsNames
#' @importFrom SummarizedExperiment assay assayNames assayNames<- assays
#'   assays<- colData colData<- rowData rowData<-
#' @importClassesFrom DelayedArray DelayedMatrix
#' @importClassesFrom Matrix CsparseMatrix Matrix dgCMatrix sparseMatrix
#' @importClassesFrom SingleCellExperiment SingleCellExperiment
#' @importClassesFrom SparseArray SparseMatrix
#' @importClassesFrom SpatialExperiment SpatialExperiment
#' @importClassesFrom SummarizedExperiment SummarizedExperiment
NULL
