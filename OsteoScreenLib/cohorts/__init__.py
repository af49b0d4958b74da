"""Cohorts: which cases there are, how one is worked on, on what machines, and what comes of all of them."""
