"""OsteoScreen's core: opportunistic osteoporosis screening on CT, the same for every face.

Research use only. Cannot be used to rule out low bone density.
"""

__version__ = "0.1.0"

RESEARCH_USE = "Research use only. Cannot be used to rule out low bone density."
