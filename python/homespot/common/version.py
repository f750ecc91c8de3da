"""The version of both languages: the one that DESCRIPTION names."""

import re
from importlib import metadata
from pathlib import Path


def _version() -> str:
    """Read it from DESCRIPTION, as in a checkout and in the R package; a wheel has it in its metadata."""
    description = Path(__file__).resolve().parents[3] / "DESCRIPTION"
    if description.is_file():
        text = description.read_text(encoding="utf-8")
        found = re.search(r"^Version: (.+)$", text, re.MULTILINE)
        if found and text.startswith("Package: homespot\n"):
            return found[1]
    return metadata.version("homespot")


__version__ = _version()
