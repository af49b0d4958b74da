"""A pandas table as a vtkMRMLTableNode."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import slicer
    from vtkmodules.vtkCommonCore import vtkAbstractArray


def add_table(scene: "slicer.vtkMRMLScene", frame: "pd.DataFrame", name: str) -> "slicer.vtkMRMLTableNode":
    """Add a table to the scene, locked: numbers as numbers (missing ones NaN), everything else as text."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    fill_table(node, frame)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    return node


def fill_table(node: "slicer.vtkMRMLTableNode", frame: "pd.DataFrame") -> None:
    """Put a table into a node in place of what it held."""
    node.RemoveAllColumns()
    for column in frame.columns:
        node.AddColumn(_column(frame[column]))


def rows_of(node: "slicer.vtkMRMLTableNode") -> list[dict[str, str | float]]:
    """Return a node's rows, each by column name: numbers as floats, everything else as text."""
    table = node.GetTable()
    columns = [table.GetColumn(n) for n in range(table.GetNumberOfColumns())]
    rows = []
    for row in range(table.GetNumberOfRows()):
        rows.append({column.GetName(): _value(column, row) for column in columns})
    return rows


def _value(column: "vtkAbstractArray", row: int) -> str | float:
    return float(column.GetValue(row)) if column.IsNumeric() else column.GetValue(row)


def _column(values: "pd.Series") -> "vtkAbstractArray":
    from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkStringArray

    if is_float_dtype(values) or is_integer_dtype(values):
        column = numpy_to_vtk(values.to_numpy(), deep=True)
    else:
        words = values.map({True: "yes", False: "no"}) if is_bool_dtype(values) else values.fillna("").astype(str)
        column = vtkStringArray()
        for word in words:
            column.InsertNextValue(word)
    column.SetName(str(values.name))
    return column
