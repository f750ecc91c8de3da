"""The version of both languages, as DESCRIPTION names it."""

import re
from importlib import metadata
from pathlib import Path


def _version() -> str:
    """Read DESCRIPTION, which a checkout and the R package have; a wheel has the version in its metadata."""
    description = Path(__file__).resolve().parents[3] / "DESCRIPTION"
    if description.is_file():
        text = description.read_text(encoding="utf-8")
        found = re.search(r"^Version: (.+)$", text, re.MULTILINE)
        if found and text.startswith("Package: homespot\n"):
            return found[1]
    return metadata.version("homespot")


__version__ = _version()
