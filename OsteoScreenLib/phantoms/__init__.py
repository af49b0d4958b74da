"""Synthetic spines in synthetic abdomens, with exact truth: demo input, test input, training data."""

from OsteoScreenLib.phantoms.phantom import Phantom, make_phantom

__all__ = ["Phantom", "make_phantom"]
