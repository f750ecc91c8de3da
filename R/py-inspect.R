# Whether a Python has what the core needs, and what is said where it has not.

# What the core imports, the oldest version it works with, and where there is
# one the version before which it has to be: the ends of pyproject.toml's
# ranges, against which a test holds them.
.needed <- c(
  anndata = "0.11.2", h5py = "3.11", numba = "0.61", numpy = "2.0",
  pandas = "2.2.2", psutil = "5.9", scipy = "1.15", threadpoolctl = "3.5",
  tqdm = "4.66", typer = "0.16"
)

# The same of what only COME and GPUs need.
.neededByCome <- c(torch = "2.4")

.below <- c(
  anndata = "1", numpy = "3", pandas = "4", scipy = "2", torch = "3"
)

# "anndata>=0.11.2,<1", as pip takes it.
.requirements <- function(names) {
  upper <- ifelse(names %in% names(.below), paste0(",<", .below[names]), "")
  paste0(names, ">=", c(.needed, .neededByCome)[names], upper)
}

.oldestPython <- "3.11"

.inspection <- function() {
  c(
    "import os, sys",
    "from importlib import metadata",
    "packages = {}",
    sprintf(
      "for name in '%s'.split():",
      paste(names(c(.needed, .neededByCome)), collapse = " ")
    ),
    "    try:",
    "        packages[name] = metadata.version(name)",
    "    except metadata.PackageNotFoundError:",
    "        packages[name] = ''",
    "host = getattr(sys.modules.get('homespot'), '__version__', '')",
    # reticulate follows links, Python does not.
    "prefix = os.path.realpath(sys.prefix)",
    "found = {'python': '.'.join(map(str, sys.version_info[:3])),",
    "         'prefix': prefix, 'host': host, 'packages': packages}"
  )
}

.inspectLoaded <- function() {
  # In a hosting Python reticulate has to be started first, or R crashes.
  reticulate::py_config()
  code <- paste(.inspection(), collapse = "\n")
  reticulate::py_run_string(code, local = TRUE)$found
}

# The same, asked of a Python that is not loaded: once loaded it stays.
.inspectFile <- function(named) {
  script <- tempfile(fileext = ".py")
  answer <- tempfile(fileext = ".txt")
  on.exit(unlink(c(script, answer)))
  writeLines(c(
    .inspection(), "for key in ('python', 'prefix'):",
    "    print(key, found[key], sep='=')",
    "for name, value in packages.items():", "    print(name, value, sep='=')"
  ), script)
  status <- if (nzchar(Sys.which(named$python))) {
    system2(named$python, shQuote(script), stdout = answer, stderr = FALSE)
  } else {
    127L
  }
  lines <- if (file.exists(answer)) readLines(answer)
  if (status != 0L || length(lines) < 2L) {
    .refusePython(
      sprintf("a Python at %s, which %s names", named$python, named$by),
      "none that runs", .ways()
    )
  }
  key <- sub("=.*", "", lines)
  value <- sub("^[^=]*=", "", lines)
  packages <- !key %in% c("python", "prefix")
  list(
    python = value[key == "python"], prefix = value[key == "prefix"],
    host = "",
    packages = as.list(stats::setNames(value[packages], key[packages]))
  )
}

.samePrefix <- function(python, prefix) {
  found <- tryCatch(
    .inspectFile(list(python = python, by = "")),
    homespot_error = function(e) NULL
  )
  identical(found$prefix, prefix)
}

.requireCore <- function(found, python, loaded, needed = .needed) {
  if (numeric_version(found$python) < .oldestPython) {
    .refusePython(
      sprintf("Python %s or later", .oldestPython),
      sprintf("Python %s at %s", found$python, python), .ways(loaded = loaded)
    )
  }
  versions <- unlist(found$packages)[names(needed)]
  lacking <- names(needed)[!nzchar(versions)]
  if (length(lacking)) {
    .refusePython(
      sprintf(
        "Python packages %s in %s",
        paste(names(needed), collapse = ", "), python
      ),
      sprintf("no %s", paste(lacking, collapse = ", ")),
      .ways(python, .requirements(lacking), loaded)
    )
  }
  # "2.13.0+cpu", "2.0rc1": the leading numbers count.
  plain <- sub("^([0-9]+(\\.[0-9]+)*).*$", "\\1", versions)
  old <- numeric_version(plain) < needed
  limited <- names(needed) %in% names(.below)
  new <- replace(
    logical(length(old)), limited,
    numeric_version(plain[limited]) >= .below[names(needed)[limited]]
  )
  wrong <- names(needed)[old | new]
  if (length(wrong)) {
    .refusePython(
      sprintf(
        "%s in %s", paste(.requirements(wrong), collapse = ", "), python
      ),
      paste(wrong, versions[wrong], collapse = ", "),
      .ways(python, .requirements(wrong), loaded)
    )
  }
}

# The error that names what is missing and the three ways out.
.refusePython <- function(what, found, ways) {
  .refuse(
    what, found,
    paste0(
      "Three ways out:\n",
      paste0(seq_along(ways), ". ", ways, ".", collapse = "\n")
    ),
    "homespot_dependency_error"
  )
}

.nameAnother <- paste(
  "another Python, by options(homespot.python = \"/path/to/python\") or the",
  "environment variable RETICULATE_PYTHON"
)

.ways <- function(python = NULL, install = NULL, loaded = FALSE) {
  name <- if (loaded) "In a fresh R session, name" else "Name"
  c(
    if (is.null(install)) {
      "Correct the path, or repair that Python"
    } else {
      sprintf("Install it: %s -m pip install %s", python, .quoted(install))
    },
    paste(name, .nameAnother),
    paste(
      name, "none (RETICULATE_PYTHON unset), and homespot makes an",
      "environment of its own, with basilisk"
    )
  )
}

.basiliskWays <- function() {
  c(
    "Let this machine reach the package indexes that basilisk installs from",
    paste(
      "Make a Python environment yourself: python3 -m venv homespot-env &&",
      "homespot-env/bin/pip install",
      .quoted(.requirements(names(.needed))), "and name it as below"
    ),
    paste("Name", .nameAnother)
  )
}

.quoted <- function(x) {
  paste(shQuote(x, type = "sh"), collapse = " ")
}

.refuseVersion <- function(version, python) {
  .refuse(
    sprintf(
      "homespot %s in the Python that is loaded (%s)", .ownVersion(), python
    ),
    sprintf("homespot %s, loaded there already", version),
    paste0(
      "Both halves have to be of one version. Three ways out:\n",
      "1. Install the same version on both sides.\n",
      "2. Do not import homespot in that Python before R uses it: R brings ",
      "its own.\n",
      "3. Use homespot from R in an R process of its own."
    ),
    "homespot_dependency_error"
  )
}
