"""From features to a rad-score: selection, LASSO, the score, and how far it can be believed."""
