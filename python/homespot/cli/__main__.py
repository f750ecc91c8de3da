"""python -m homespot.cli."""

from . import main

main()
