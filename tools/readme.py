"""The README as a page outside the repository shows it: hatchling calls this when it builds the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A link or a picture whose target is a path in the repository.
INSIDE = re.compile(r"(!?)(\[[^]]*\])\((?!\w+:|#)([^)\s]+)\)")


class Readme(MetadataHookInterface):
    """Makes the README's links to files of the repository lead to the repository's own address."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to what pyproject.toml says of the project."""
        repository = metadata["urls"]["Homepage"]

        def absolute(link: re.Match[str]) -> str:
            picture, text, path = link.groups()
            return f"{picture}{text}({repository}/{'raw' if picture else 'blob'}/HEAD/{path})"

        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": INSIDE.sub(absolute, text)}
