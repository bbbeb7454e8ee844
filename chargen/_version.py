"""The version, which the package, its metadata and every checkpoint state."""

__version__ = "0.1.0"
