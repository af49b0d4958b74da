"""A small table of words and numbers, a list of rows in one of the page's variables."""

from trame.widgets import html
from trame.widgets import vuetify3 as v3


def number_table(rows: str, identity: str, heads: tuple[str, ...] = ()) -> None:
    """Put a table of the variable `rows` where the panel is being built, hidden while it is empty."""
    with v3.VTable(v_if=f"{rows}.length", density="compact", classes="numbers mt-2", id=identity):
        if heads:
            with html.Thead(), html.Tr():
                for head in heads:
                    html.Th(head)
        with html.Tbody(), html.Tr(v_for=f"(row, n) of {rows}", key="n"):
            html.Td("{{ value }}", v_for="(value, n) of row", key="n")
