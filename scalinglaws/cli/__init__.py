"""The command line: calls estimators, formats what they say, and computes nothing itself."""

from ._app import app, main

__all__ = ["app", "main"]
