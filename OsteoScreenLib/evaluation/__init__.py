"""How good a result is, against a reference."""
