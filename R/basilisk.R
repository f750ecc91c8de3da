# The Python environment. This file stands alone: configure reads it without
# the rest of the package, and makes every environment that is defined in it.
# The definition serves both generations of basilisk: conda up to Bioconductor
# 3.21, virtualenv from 3.22. Change a pin here only; a test holds the pins
# against the ranges of pyproject.toml.
homespotEnv <- basilisk::BasiliskEnvironment(
  envname = "core",
  pkgname = "homespot",
  packages = "python=3.12",
  pip = c(
    "anndata==0.12.19",
    "h5py==3.16.0",
    "jinja2==3.1.6",
    "matplotlib==3.11.2",
    "numba==0.68.1",
    "numpy==2.4.6",
    "pandas==2.3.3",
    "plotly==7.1.0",
    "psutil==7.2.2",
    "scipy==1.17.1",
    "threadpoolctl==3.8.0",
    "tqdm==4.70.1",
    "typer==0.29.2"
  )
)
