"""The same table by pyradiomics itself, for whoever must cite it; it is no dependency, for it has no wheel."""

from importlib import import_module

import numpy as np

from OsteoScreenLib import levels as table
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.progress import IsCancelled, Progress, stop_if
from OsteoScreenLib.radiomics.images import Case
from OsteoScreenLib.radiomics.settings import Settings, as_pyradiomics


def rows_by_pyradiomics(
    case: Case, rois: list[tuple[str, str]], settings: Settings, progress: Progress, cancelled: IsCancelled
) -> list[dict[str, float | str]]:
    """Return a row for each (level, roi); raises `InputError` where pyradiomics is not installed."""
    try:
        radiomics = import_module("radiomics")
        extractor = import_module("radiomics.featureextractor").RadiomicsFeatureExtractor(as_pyradiomics(settings))
    except ImportError as error:
        raise InputError(
            "pyradiomics cannot be imported here; leave the engine native, which gives the same table, or install it "
            "(in 3D Slicer with the extension SlicerRadiomics)."
        ) from error
    radiomics.setVerbosity(60)
    extractor.addProvenance(False)
    select = {"body": table.body_mask, "trabecular": table.trabecular_mask}
    image = case.volume.to_sitk()
    rows: list[dict[str, float | str]] = []
    for n, (level, roi) in enumerate(rois):
        stop_if(cancelled)
        progress(n / len(rois), f"Computing features with pyradiomics: {level} {roi}")
        mask = case.labels.with_voxels(select[roi](case.labels.voxels, level)).to_sitk()
        row: dict[str, float | str] = dict.fromkeys(settings.columns, np.nan)
        try:
            found = extractor.execute(image, mask)
            row |= {name: float(value) for name, value in found.items() if name in row}
            missing = sum(np.isnan(value) for value in row.values())
            row["log"] = f"pyradiomics leaves {missing} features out" if missing else "ok"
        except ValueError as error:
            row["log"] = f"pyradiomics: {error}, so all NaN"
        rows.append(row)
    return rows
