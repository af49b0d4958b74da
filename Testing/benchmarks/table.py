"""What benchmarks write: tables in Markdown, and which models made the figures."""

import pandas as pd

from OsteoScreenLib.models import list_models


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, numbers with three digits."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in table.values]
    lines = [list(table.columns), ["---"] * table.shape[1], *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def models_line(names: tuple[str, ...] = ("locate", "count", "refine")) -> str:
    """Return one line that names models, by default those that segment, with version and hash."""
    cards = [card for card in list_models() if card.name in names]
    return "Models: " + "; ".join(f"{card.name} {card.version} ({card.sha256[:12]})" for card in cards) + "."
