"""Rows in a QTableWidget."""

import qt

_SCROLL_BAR = 18
"""Pixels for the bar below a table that is wider than the panel."""


def fill(table, heads, rows, faded=()):
    """Put text into a table widget; `faded` rows are drawn in grey italics."""
    table.setColumnCount(len(heads))
    table.setHorizontalHeaderLabels(heads)
    table.setRowCount(len(rows))
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            item = qt.QTableWidgetItem(text)
            if number in faded:
                font = item.font()
                font.setItalic(True)
                item.setFont(font)
                item.setForeground(qt.QBrush(qt.QColor(150, 90, 0)))
            table.setItem(number, column, item)
    table.resizeColumnsToContents()
    lines = max(len(rows), 1) + max(head.count("\n") + 1 for head in heads)
    table.setFixedHeight(table.verticalHeader().defaultSectionSize * lines + _SCROLL_BAR)


def select_row(table, levels, level):
    """Select the row of a level, or none."""
    if level in levels:
        table.selectRow(levels.index(level))
    else:
        table.clearSelection()
