# Alone: Rscript -e 'testthat::test_file("tests/testthat/test-come.R",
# package = "homespot")'.

skipWithoutPython()

# The small problem with types on both sides.
typedProblem <- function(types = rep(c("a", "b", "c"), 4)) {
  problem <- smallProblem()
  list(
    sc = SingleCellExperiment::SingleCellExperiment(
      list(counts = problem$sc), colData = S4Vectors::DataFrame(type = types)
    ),
    st = SpatialExperiment::SpatialExperiment(
      assays = list(counts = problem$st), spatialCoords = problem$coords,
      colData = S4Vectors::DataFrame(layer = rep(c("in", "out"), 4))
    )
  )
}

quick <- function(problem = typedProblem(), ...) {
  given <- list(...)
  size <- list(epochs = 3, pretrain.epochs = 2, hidden = 6, latent = 3)
  do.call(mapCells, c(
    list(problem$sc, problem$st, method = "come"),
    size[setdiff(names(size), names(given))], given
  ))
}

test_that("labels of both sides are learned from, and the record counts them", {
  bare <- quick()
  map <- quick(labels = "type", st.labels = "layer")
  expect_s4_class(map, "CellMapping")
  expect_true(validObject(map))
  solver <- mappingInfo(map)$solver
  expect_identical(solver$cell_types, 3L)
  expect_identical(solver$spot_types, 2L)
  expect_true("type_contrast" %in% names(solver$losses))
  expect_identical(mappingInfo(map)$parameters$st_labels, "layer")
  expect_identical(mappingInfo(bare)$solver$cell_types, 0L)
  expect_false("type_contrast" %in% names(mappingInfo(bare)$solver$losses))
  expect_false(identical(mappingMatrix(map), mappingMatrix(bare)))
})

test_that("labels of every kind are the same types", {
  text <- rep(c("a", "b", "c"), 4)
  expected <- mappingMatrix(quick(labels = "type"))
  kinds <- list(
    factor(text), factor(text, c("unused", "c", "a", "b")),
    factor(text, ordered = TRUE), S4Vectors::Rle(text), match(text, letters),
    match(text, letters) + 0.5
  )
  for (types in kinds) {
    map <- quick(typedProblem(types), labels = "type")
    expect_identical(mappingMatrix(map), expected)
  }
  flags <- quick(typedProblem(text == "a"), labels = "type")
  expect_identical(mappingInfo(flags)$solver$cell_types, 2L)
})

test_that("what may be left out is NULL, and may be given as NULL", {
  parameters <- methodParameters("come")
  absent <- c("labels", "st.labels", "gene.weights", "checkpoint")
  expect_true(all(absent %in% names(parameters)))
  expect_identical(
    parameters[absent], stats::setNames(vector("list", length(absent)), absent)
  )
  expect_false(any(vapply(
    parameters[setdiff(names(parameters), absent)], is.null, NA
  )))
  map <- quick(labels = NULL, st.labels = NULL, checkpoint = NULL)
  expect_identical(mappingMatrix(map), mappingMatrix(quick()))
  expect_false("labels" %in% names(mappingInfo(map)$parameters))
})

test_that("the manual has every parameter", {
  page <- utils::help("methodParameters", package = "homespot")
  skip_if_not(length(page) > 0L, "the manual is not installed")
  text <- paste(
    capture.output(tools::Rd2txt(utils:::.getHelpFile(page))),
    collapse = "\n"
  )
  for (name in names(methodParameters("come"))) {
    expect_match(text, name, fixed = TRUE)
  }
})

test_that("presets apply, and parameters by name go over them", {
  expect_warning(
    map <- quick(preset = "paper:drosophila", epochs = 2),
    "says next to nothing", class = "homespot_convergence_warning"
  )
  found <- mappingInfo(map)
  expect_identical(found$preset, "paper:drosophila")
  own <- runPython(c(
    "from homespot import methods",
    "chosen = dict(epochs=2, pretrain_epochs=2, hidden=6, latent=3)",
    "settings = methods.get('come').settings('paper:drosophila', chosen)",
    "for name, value in settings.items():",
    "    if value is not None:",
    "        print(name, value, sep='=')"
  ))
  values <- strsplit(own, "=", fixed = TRUE)
  expected <- vapply(values, `[`, "", 2L)
  names(expected) <- vapply(values, `[`, "", 1L)
  expect_setequal(names(expected), names(found$parameters))
  for (name in names(expected)) {
    value <- found$parameters[[name]]
    own <- expected[[name]]
    if (is.numeric(value)) {
      own <- as.numeric(own)
    }
    expect_equal(value, own, label = name)
  }
})

test_that("candidates arrive, and the map is sparse", {
  few <- quick(candidates = 3)
  expect_s4_class(mappingMatrix(few), "dgCMatrix")
  expect_identical(mappingInfo(few)$solver$candidates, 3L)
  expect_identical(mappingInfo(few)$parameters$candidates, 3L)
  expect_equal(
    unname(Matrix::rowSums(mappingMatrix(few) > 0)), rep(3, 12)
  )
  sums <- unname(Matrix::rowSums(mappingMatrix(few)))
  expect_equal(sums, rep(1, 12), tolerance = 1e-6)
  cut <- quick(candidates = 3, k.best = 2)
  expect_equal(
    unname(Matrix::rowSums(mappingMatrix(cut) > 0)), rep(2, 12)
  )
  full <- mappingMatrix(quick())
  for (all in list("auto", NULL)) {
    expect_identical(mappingMatrix(quick(candidates = all)), full)
  }
  every <- mappingMatrix(quick(candidates = 8))
  expect_equal(as.matrix(every), full, tolerance = 1e-5)
  path <- withr::local_tempfile(fileext = ".pt")
  straight <- quick(epochs = 4, candidates = 3)
  quick(epochs = 2, candidates = 3, checkpoint = path)
  rest <- quick(epochs = 4, candidates = 3, checkpoint = path)
  expect_identical(mappingMatrix(rest), mappingMatrix(straight))
  expectRefused(
    quick(candidates = "all"), "candidates 'auto' | 'all' | one of these"
  )
  expectRefused(quick(candidates = 0), "candidates at least 1 | 0 |")
})

test_that("a map says how its training ended", {
  shown <- function(map) {
    grep("^method:", capture.output(show(map)), value = TRUE)
  }
  map <- quick()
  expect_identical(shown(map), "method: come, trained for 3 epochs")
  expect_identical(
    shown(quick(epochs = 1)), "method: come, trained for 1 epoch"
  )
  metadata <- S4Vectors::metadata(map)
  metadata$homespot$solver$finished <- FALSE
  S4Vectors::metadata(map) <- metadata
  expect_identical(shown(map), "method: come, INTERRUPTED after 3 epochs")
  metadata$homespot$solver$finished <- TRUE
  metadata$homespot$solver$best_epoch <- 2L
  S4Vectors::metadata(map) <- metadata
  expect_identical(
    shown(map), "method: come, trained for 3 epochs, best after 2"
  )
})

test_that("losses and genes held out survive the file", {
  for (share in c(0, 0.3)) {
    map <- quick(labels = "type", validation.genes = share)
    solver <- mappingInfo(map)$solver
    expect_length(solver$genes_held_out, round(share * 30))
    expect_type(solver$losses, "list")
    for (curve in solver$losses) {
      expect_type(curve, "double")
    }
    path <- withr::local_tempfile(fileext = ".h5ad")
    saveMapping(map, path)
    back <- mappingInfo(loadMapping(path))$solver
    expect_setequal(names(back), names(solver))
    others <- setdiff(names(solver), "losses")
    expect_identical(back[others], solver[others])
    expect_identical(back$losses[names(solver$losses)], solver$losses)
    # And what was read can be written again.
    saveMapping(loadMapping(path), path)
    again <- mappingInfo(loadMapping(path))$solver
    expect_identical(again, back)
  }
})

test_that("progress counts both stages, as a function and as a bar", {
  steps <- NULL
  note <- function(done, total, note) steps <<- rbind(steps, c(done, total))
  quick(epochs = 2, pretrain.epochs = 4, progress = note)
  steps <- steps[steps[, 1] > 0, ]
  expect_identical(steps[, 2], rep(c(4L, 2L), c(4, 2)))
  expect_identical(steps[, 1], c(1:4, 1:2))
  # The first stage ends at its total, and the bar goes on.
  expect_no_error(quick(epochs = 5, pretrain.epochs = 2, progress = TRUE))
})

test_that("a checkpoint goes on to the result of one run", {
  path <- withr::local_tempfile(fileext = ".pt")
  whole <- quick(epochs = 4)
  quick(epochs = 2, checkpoint = path)
  rest <- quick(epochs = 4, checkpoint = path)
  expect_identical(mappingMatrix(rest), mappingMatrix(whole))
  expect_identical(
    mappingInfo(rest)$solver$losses, mappingInfo(whole)$solver$losses
  )
})

test_that("plotLosses() shows every term from its first epoch on", {
  skip_if_not_installed("ggplot2")
  map <- quick(labels = "type", epochs = 4, validation.genes = 0.3)
  losses <- mappingInfo(map)$solver$losses
  plot <- plotLosses(map)
  expect_s3_class(plot, "ggplot")
  data <- plot$data
  expect_named(data, c("term", "epoch", "value"))
  expect_setequal(levels(data$term), gsub("_", " ", names(losses)))
  expect_identical(levels(data$term)[1], "pretraining")
  for (name in names(losses)) {
    part <- data[data$term == gsub("_", " ", name), ]
    expect_identical(part$value, as.vector(losses[[name]]))
    first <- if (name %in% c("entropy", "validation")) 0L else 1L
    expect_identical(part$epoch, seq.int(first, length.out = nrow(part)))
  }
  expect_identical(max(data$epoch[data$term == "validation"]), 4L)
  built <- ggplot2::ggplot_build(plot)
  expect_identical(nrow(built$layout$layout), length(losses))
  # The line stands at the epoch that was kept.
  expect_equal(
    unique(built$data[[3L]]$xintercept), mappingInfo(map)$solver$best_epoch
  )
  expect_length(plotLosses(quick())$layers, 2L)
})

test_that("the same plot comes from a file", {
  skip_if_not_installed("ggplot2")
  map <- quick()
  path <- withr::local_tempfile(fileext = ".h5ad")
  saveMapping(map, path)
  expect_identical(plotLosses(loadMapping(path))$data, plotLosses(map)$data)
})

test_that("plotLosses() refuses a map without losses", {
  problem <- smallProblem()
  map <- mapCells(problem$sc, problem$st)
  expectRefused(
    plotLosses(map),
    "losses training | 'ssa' without | mapCells(method = \"come\")"
  )
  expectRefused(plotLosses(problem$sc), "CellMapping | matrix 30 x 12 |")
})
