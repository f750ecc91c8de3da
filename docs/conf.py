"""Settings of the Python reference: python -m sphinx docs docs/_build/html."""

from homespot import __version__

project = "homespot"
author = "The homespot developers"
copyright = "2026, The homespot developers"  # noqa: A001
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"homespot {release}"

napoleon_google_docstring = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "code"
