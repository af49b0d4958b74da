"""What benchmarks write: tables in Markdown, and which models made the figures."""

import pandas as pd

from OsteoScreenLib.models import list_models


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, numbers with three digits."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in table.values]
    lines = [list(table.columns), ["---"] * table.shape[1], *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def models_line() -> str:
    """Return one line that names the models at hand, with version and hash."""
    return "Models: " + "; ".join(f"{card.name} {card.version} ({card.sha256[:12]})" for card in list_models()) + "."
