"""The numbers of a case as a DICOM structured report: TID 1500, a group of measurements for each segment.

What is measured in a segment refers to it in the SEG (TID 1411); what is measured elsewhere in a vertebra, or of it as
a whole, names the vertebra as its site (TID 1501). Which column is what is in `dicom_codes`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from OsteoScreenLib import __version__
from OsteoScreenLib.annotation.dicom_seg import MAKER, made_by_us
from OsteoScreenLib.annotation.segments import segment_named
from OsteoScreenLib.levels import BY_NAME

if TYPE_CHECKING:
    import pandas as pd
    from highdicom.seg import Segmentation
    from highdicom.sr import AlgorithmIdentification, Comprehensive3DSR, Measurement
    from highdicom.sr.templates import Template
    from pydicom import Dataset

DEVICE_UID = "2.25.272049846046571803120741104316108310271"
"""Which software observed: the same for every report."""


@dataclass(frozen=True, eq=False)
class RadScores:
    """Rad-scores of a case: a table with ``level``, ``rad_score`` and ``probability``, and which signature gave them.

    `region` is the ROI whose features it took (one of `LAYERS`, or empty), `signature` tells it apart from others.
    """

    table: "pd.DataFrame"
    region: str
    signature: str


def to_dicom_sr(
    measurements: "pd.DataFrame",
    segmentation: "Segmentation",
    images: "Sequence[Dataset]",
    series_number: int,
    scores: "tuple[RadScores, ...]" = (),
) -> "Comprehensive3DSR":
    """Return the rows of measured levels as a structured report on a SEG and the images below it.

    `measurements` is as `measurement.hounsfield.measure` makes it; numbers that are missing are left out, and columns
    whose unit is not known. highdicom's `save_as` writes the report.
    """
    import highdicom as hd
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from pydicom.sr.codedict import codes

    from OsteoScreenLib.annotation.dicom_codes import OURS

    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=DEVICE_UID, name=MAKER, manufacturer_name=MAKER, model_name=MAKER, serial_number=__version__
        ),
    )
    algorithm = hd.sr.AlgorithmIdentification(f"{MAKER} measures", __version__)
    groups = list(_groups(measurements, segmentation, "", algorithm))
    for one in scores:
        algorithm = hd.sr.AlgorithmIdentification(f"{MAKER} rad-score", __version__, [one.signature])
        groups += _groups(one.table, segmentation, one.region, algorithm)
    return hd.sr.Comprehensive3DSR(
        evidence=[segmentation, *images],
        content=hd.sr.MeasurementReport(
            observation_context=hd.sr.ObservationContext(observer_device_context=observer),
            procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
            imaging_measurements=groups,
            title=codes.DCM.ImagingMeasurementReport,
        ),
        **made_by_us(series_number),
        series_description="OsteoScreen measurements (research use only)",
        is_complete=True,
        coding_schemes=[
            CodingSchemeIdentificationItem(OURS, name="OsteoScreen measures", responsible_organization=MAKER)
        ],
    )


def _groups(
    table: "pd.DataFrame", segmentation: "Segmentation", region: str, algorithm: "AlgorithmIdentification"
) -> "Iterator[Template]":
    """Yield the groups of a table's rows: one for each region of a level, `region` for what names none."""
    segments = {str(item.SegmentLabel): item for item in segmentation.SegmentSequence}
    for row in table.to_dict("records"):
        level = str(row["level"])
        for name, measured in _by_region(row, region).items():
            yield _group(level, name, measured, segments.get(f"{level} {name}"), segmentation, algorithm)


def _by_region(row: dict[str, object], default: str) -> "dict[str, list[Measurement]]":
    import highdicom as hd

    from OsteoScreenLib.annotation.dicom_codes import term_of

    found: dict[str, list[Measurement]] = {}
    for column, value in row.items():
        term = term_of(column)
        if term is None or isinstance(value, str | bool) or value is None or not math.isfinite(value):
            continue
        measurement = hd.sr.Measurement(term.name, float(value), term.unit, derivation=term.statistic)
        found.setdefault(term.region or default, []).append(measurement)
    return found


def _group(
    level: str,
    region: str,
    measurements: "list[Measurement]",
    item: "Dataset | None",
    segmentation: "Segmentation",
    algorithm: "AlgorithmIdentification",
) -> "Template":
    """Return one group of measurements, in a segment where there is one (`item`)."""
    import highdicom as hd

    from OsteoScreenLib.annotation.dicom_codes import REGIONS, property_of, vertebra

    site = vertebra(BY_NAME[level])
    common = {
        "algorithm_id": algorithm,
        "finding_sites": [hd.sr.FindingSite(site)],
        "measurements": measurements,
    }
    if item is None:
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            hd.sr.TrackingIdentifier(identifier=f"{level} {region}".strip()),
            finding_type=REGIONS.get(region, site),
            **common,
        )
    category, kind = property_of(segment_named(str(item.SegmentLabel)))
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        hd.sr.TrackingIdentifier(item.TrackingUID, str(item.SegmentLabel)),
        referenced_segment=hd.sr.ReferencedSegment.from_segmentation(segmentation, int(item.SegmentNumber)),
        finding_category=category,
        finding_type=kind,
        **common,
    )
