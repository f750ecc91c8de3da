#' @rdname mappingMatrix
#' @export
setGeneric(
  "mappingMatrix",
  function(map, ...) standardGeneric("mappingMatrix")
)

#' @rdname homeSpot
#' @export
setGeneric("homeSpot", function(map, ...) standardGeneric("homeSpot"))

#' @rdname mappingInfo
#' @export
setGeneric("mappingInfo", function(map, ...) standardGeneric("mappingInfo"))

#' @rdname renormalise
#' @export
setGeneric("renormalise", function(map, ...) standardGeneric("renormalise"))
