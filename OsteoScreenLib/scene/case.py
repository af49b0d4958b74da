"""One screened case in the scene: the CT, its segmentation, tables, ellipses and chart, in one folder."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from OsteoScreenLib.annotation.segments import segments_of
from OsteoScreenLib.errors import LabelMapError
from OsteoScreenLib.result import ScreeningResult
from OsteoScreenLib.scene.charts import add_bar_chart
from OsteoScreenLib.scene.detections import DetectionNodes, add_detection
from OsteoScreenLib.scene.findings import add_findings
from OsteoScreenLib.scene.folders import add_folder, put_in_folder
from OsteoScreenLib.scene.rois import add_roi
from OsteoScreenLib.scene.segmentations import add_segmentation
from OsteoScreenLib.scene.tables import add_table
from OsteoScreenLib.scene.tissues import add_tissues
from OsteoScreenLib.scene.volumes import add_volume

if TYPE_CHECKING:
    import slicer


@dataclass(frozen=True, eq=False)
class CaseNodes:
    """The nodes of a case; `rois` by level, `folder` the subject-hierarchy item that holds all but the CT.

    `detection` is None where nothing was detected on the slices, `findings` where nothing speaks against a number.
    """

    volume: "slicer.vtkMRMLScalarVolumeNode"
    segmentation: "slicer.vtkMRMLSegmentationNode"
    measurements: "slicer.vtkMRMLTableNode"
    features: "slicer.vtkMRMLTableNode"
    rois: "dict[str, slicer.vtkMRMLMarkupsClosedCurveNode]"
    chart: "slicer.vtkMRMLPlotChartNode"
    folder: int
    detection: DetectionNodes | None = None
    findings: "slicer.vtkMRMLTableNode | None" = None


def add_case(
    scene: "slicer.vtkMRMLScene", result: ScreeningResult, volume_node: "slicer.vtkMRMLScalarVolumeNode | None" = None
) -> CaseNodes:
    """Add a screened case to the scene, always as new nodes: what is there, perhaps edited, is left as it is.

    `volume_node` is the CT if the scene holds it already. The folder comes next to it in the subject hierarchy.
    Raises `LabelMapError` if nothing was segmented; the scene is untouched then.
    """
    if not segments_of(result.segmentation.labels.voxels):
        raise LabelMapError("No vertebra was segmented, so there is no case to show.")
    name = result.volume.name
    volume = volume_node or add_volume(scene, result.volume)
    segmentation = add_segmentation(scene, result.segmentation.labels, volume, f"{name} vertebrae")
    measurements = add_table(scene, result.measurements, f"{name} measurements")
    features = add_table(scene, result.features, f"{name} features")
    rois = {level: add_roi(scene, roi) for level, roi in result.rois.items()}
    chart, bars = add_bar_chart(
        scene, measurements, labels="level", values="trabecular_mean_hu", title=f"{name} trabecular mean", unit="HU"
    )
    detection = add_detection(scene, result.detection, name) if result.detection else None
    findings = add_findings(scene, result.quality, name) if result.quality else None
    tissues = add_tissues(scene, result.tissues, f"{name} calibration tissues") if result.tissues else None
    folder = add_folder(scene, f"{name} OsteoScreen", beside=volume)
    put_in_folder(scene, folder, segmentation, measurements, features, *rois.values(), chart, bars)
    if detection:
        put_in_folder(scene, folder, *detection.all)
    if findings:
        put_in_folder(scene, folder, findings)
    if tissues:
        put_in_folder(scene, folder, tissues)
    return CaseNodes(volume, segmentation, measurements, features, rois, chart, folder, detection, findings)
