"""The package's version, in a file of its own so that a build reads it without numpy."""

__version__ = "0.1.0"
