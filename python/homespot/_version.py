"""The version, the same as in DESCRIPTION."""

__version__ = "0.99.0"
