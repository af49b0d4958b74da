"""Plots of the columns of tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import slicer


def add_bar_chart(
    scene: "slicer.vtkMRMLScene", table: "slicer.vtkMRMLTableNode", *, labels: str, values: str, title: str, unit: str
) -> "tuple[slicer.vtkMRMLPlotChartNode, slicer.vtkMRMLPlotSeriesNode]":
    """Add a chart with one bar for each row of a table: its height from the column `values`, its name from `labels`."""
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", f"{title} bars")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetPlotType(series.PlotTypeBar)
    series.SetLabelColumnName(labels)
    series.SetYColumnName(values)
    series.SetColor(0.34, 0.71, 0.91)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", title)
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetTitle(title)
    chart.SetYAxisTitle(unit)
    chart.SetLegendVisibility(False)
    return chart, series


def add_line_chart(
    scene: "slicer.vtkMRMLScene",
    lines: "Mapping[str, slicer.vtkMRMLTableNode]",
    *,
    x: str,
    y: str,
    title: str,
    colors: Sequence[tuple[float, float, float]],
) -> "tuple[slicer.vtkMRMLPlotChartNode, list[slicer.vtkMRMLPlotSeriesNode]]":
    """Add a chart with a line for each table, named as given: column `y` over column `x`, in `colors` in turn."""
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", title)
    all_series = []
    for number, (name, table) in enumerate(lines.items()):
        series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetPlotType(series.PlotTypeScatter)
        series.SetXColumnName(x)
        series.SetYColumnName(y)
        series.SetMarkerStyle(series.MarkerStyleNone)
        series.SetLineStyle(series.LineStyleSolid)
        series.SetColor(*colors[number % len(colors)])
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
        all_series.append(series)
    chart.SetTitle(title)
    chart.SetXAxisTitle(x)
    chart.SetYAxisTitle(y)
    return chart, all_series
