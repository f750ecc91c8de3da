"""Settings of the Python documentation: python -m sphinx docs docs/_build/html."""

import logging
import os
from pathlib import Path

from jupyter_client import KernelManager

from homespot import __version__

project = "homespot"
author = "The homespot developers"
copyright = "2026, The homespot developers"  # noqa: A001
release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"homespot {release}"

# The pages' code runs at every build, away from the sources; what fails there fails the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
# The page on real data is shown without its results where the data is not there.
if not Path(os.environ.get("HOMESPOT_DATA", "")).joinpath("drosophila").is_dir():
    nb_execution_excludepatterns = ["real.md"]
os.environ.setdefault("OMP_NUM_THREADS", "2")
# The kernels talk in private, and without a line for each page.
KernelManager.transport_encryption.default_value = "auto"
logging.getLogger("traitlets").setLevel(logging.WARNING)

napoleon_google_docstring = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "code"
