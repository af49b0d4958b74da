"""Rows in a QTableWidget."""

import qt


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
    table.setFixedHeight(table.verticalHeader().defaultSectionSize * (max(len(rows), 1) + 1) + 12)


def select_row(table, levels, level):
    """Select the row of a level, or none."""
    if level in levels:
        table.selectRow(levels.index(level))
    else:
        table.clearSelection()
