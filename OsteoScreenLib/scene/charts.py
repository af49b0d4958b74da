"""A plot of a table's column."""

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
