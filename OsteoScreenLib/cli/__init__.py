"""The command line: `main` is the command ``osteoscreen``; each command has its own file."""

from OsteoScreenLib.cli.app import main

__all__ = ["main"]
