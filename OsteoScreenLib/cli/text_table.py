"""Tables for the terminal, as plain text."""

from collections.abc import Sequence
from io import StringIO


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table whose first `left` columns are words, to the left, and whose others are numbers, to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads[:left])
    for head in heads[left:]:
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(*row)
    page = StringIO()
    Console(file=page, width=120).print(table)
    return page.getvalue().rstrip("\n")
