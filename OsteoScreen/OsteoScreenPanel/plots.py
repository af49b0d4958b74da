"""Charts in a layout with a plot view."""

import slicer


def show_charts(charts):
    """Show charts; the layout has one plot view, where the last stands and the others can be chosen."""
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)
    for chart in charts:
        if chart is not None:
            slicer.modules.plots.logic().ShowChartInLayout(chart)
