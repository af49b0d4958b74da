"""What a person points to becomes what a dataset takes: a CT with a label map, or a result of `osteoscreen screen`."""

import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from OsteoScreenLib.annotation.adding import Added, NewMask, add_case
from OsteoScreenLib.annotation.against_proposal import against_proposal
from OsteoScreenLib.annotation.dataset import Role
from OsteoScreenLib.annotation.deidentified import Identity, identity_of
from OsteoScreenLib.annotation.review import Decision, Review, Status, begun, looked_at
from OsteoScreenLib.annotation.seg_nrrd import read_segmentation
from OsteoScreenLib.errors import InputError, LabelMapError
from OsteoScreenLib.levels import body_mask, levels_in
from OsteoScreenLib.readers import read_labels, read_volume
from OsteoScreenLib.readers.dicom import series_files
from OsteoScreenLib.readers.files import is_image_file, reachable, read_image
from OsteoScreenLib.readers.labels import onto_grid
from OsteoScreenLib.result import Detection, ModelUse, Segmentation
from OsteoScreenLib.result_folder import PROPOSAL, RECORD, SCENE, SEGMENTATION, load_record
from OsteoScreenLib.volume import Acquisition, Volume


@dataclass(frozen=True)
class Source:
    """A case as files: a CT, or None where the result folder's own scene holds it, and a label map or result folder."""

    ct: Path | None
    masks: Path


def sources(paths: Sequence[Path]) -> list[Source]:
    """Return the cases that a list of paths names: each a result folder, or a CT followed by its masks.

    Raises `InputError` where a CT has nothing after it.
    """
    found: list[Source] = []
    waiting: Path | None = None
    for path in paths:
        if waiting is None and not _is_result(path):
            waiting = reachable(path)
        else:
            found.append(Source(waiting, reachable(path)))
            waiting = None
    if waiting is not None:
        raise InputError(
            f"{waiting.name} is no result of 'osteoscreen screen', and no label map follows it; give CT LABELMAP."
        )
    return found


def submit(
    source: Source,
    folder: Path,
    *,
    reader: str | None = None,
    role: Role | None = None,
    proposal: Path | None = None,
    patient: str | None = None,
    series: str | None = None,
) -> Added:
    """Read a case from its files and add it to the dataset in `folder` (`adding.add_case`).

    Masks of a result folder are a proposal until a review says otherwise, those of a label map a reader's, unless
    `role` says it. `proposal` is the label map that the mask was corrected from. Raises as the readers, `InputError`
    for a result folder whose CT is neither given nor in its scene.
    """
    if _is_result(source.masks):
        volume, mask, before = _from_result(source, series)
    else:
        volume, before = read_volume(source.ct, series), None
        mask = NewMask(read_labels(source.masks, volume))
    if proposal is not None:
        before = NewMask(read_labels(proposal, volume), "proposal")
    return _add(folder, volume, mask, before, reader=reader, role=role, patient=patient,
                identity=_identity(source.ct, series))  # fmt: skip


def submit_segmentation(
    segmentation: Segmentation,
    folder: Path,
    volume: Volume,
    *,
    patient: str | None = None,
    header: Path | None = None,
) -> Added:
    """Add a case that is being worked on, with its review, to the dataset in `folder` (`adding.add_case`).

    Masks that nobody has edited or decided about go in as a proposal, to be reviewed. `header` is a DICOM file of the
    CT, which says whose it is. Raises as `add_case`.
    """
    made = NewMask(
        segmentation.labels,
        role="proposal",
        findings=segmentation.findings,
        **_made_by(segmentation.engine, segmentation.models),
    )
    mask, before = _as_decided(made, segmentation.review, segmentation.proposal)
    return _add(folder, volume, mask, before, patient=patient, identity=_headed(header))


def _add(
    folder: Path,
    volume: Volume,
    mask: NewMask,
    before: NewMask | None,
    *,
    reader: str | None = None,
    role: Role | None = None,
    patient: str | None,
    identity: Identity,
) -> Added:
    mask = _signed(mask, role or ("reader" if reader else mask.role), reader)
    if before is not None:
        review = mask.review or _handed_in(before.labels.voxels, mask.labels.voxels, reader)
        figures = against_proposal(review, mask.labels.voxels, before.labels.voxels, volume.spacing)
        mask = replace(mask, review=figures)
    return add_case(folder, volume, mask, proposal=before, patient=patient, identity=identity)


def _is_result(path: Path) -> bool:
    return (path / RECORD).is_file()


def _from_result(source: Source, series: str | None) -> tuple[Volume, NewMask, NewMask | None]:
    """Return the CT of a result folder and its masks, with what the result says of them; and what they were before.

    Masks that nobody has edited or decided about are the proposal themselves.
    """
    folder = source.masks
    record = load_record(folder)
    labels = read_segmentation(folder / SEGMENTATION)
    volume = read_volume(source.ct, series) if source.ct else _in_scene(folder, labels, record.acquisition)
    labels = volume.with_voxels(onto_grid(labels, volume, f"The label map of {folder.name}"))
    made = NewMask(
        labels,
        role="proposal",
        findings=record.findings,
        detected=tuple(_overlap_of_boxes(labels, record.detection).items()) if record.detection else (),
        **_made_by(record.engine, record.models),
    )
    before = None
    if (folder / PROPOSAL).is_file():
        voxels = onto_grid(read_segmentation(folder / PROPOSAL), volume, f"The {PROPOSAL} of {folder.name}")
        before = volume.with_voxels(voxels)
    return volume, *_as_decided(made, record.review, before)


def _made_by(engine: str, models: Sequence[ModelUse]) -> dict[str, Any]:
    """Return engine and models as a record may hold them; a label map's own name stays out."""
    names = tuple(_plain(f"{model.name} {model.version} {model.sha256[:12]}") for model in models)
    return {"engine": _plain(engine) if models else "label map", "models": names}


def _as_decided(made: NewMask, review: Review, before: Volume | None) -> tuple[NewMask, NewMask | None]:
    """Return masks as a reader's with the proposal before them; or as the proposal, where nobody has decided yet."""
    if all(one.status is Status.TO_REVIEW for one in review):
        return made, None
    proposal = replace(made, labels=before, findings=(), detected=()) if before else None
    return replace(made, role="reader", review=review), proposal


def _signed(mask: NewMask, role: Role, reader: str | None) -> NewMask:
    """Return a mask as whose it is added: the reader's who is named, else of the one who decided in the review."""
    if role == "proposal":
        return replace(mask, role=role, reader=None)
    signed = next((one.decision.who for one in mask.review if one.decision.who), None)
    review = tuple(
        replace(one, decision=replace(one.decision, who=reader)) if reader and one.decision.who else one
        for one in mask.review
    )
    return replace(mask, role=role, reader=reader or (_plain(signed) if signed else None), review=review)


def _handed_in(before: np.ndarray, after: np.ndarray, reader: str | None) -> Review:
    """Return the review of a label map that somebody corrected elsewhere: what it holds is accepted, the rest not."""
    records = looked_at(begun(before), after)
    return tuple(
        replace(one, status=Status.ACCEPTED if one.mask else Status.REJECTED, decision=Decision(who=reader))
        for one in records
    )


def _in_scene(folder: Path, labels: Volume, acquisition: Acquisition | None) -> Volume:
    """Return the CT in a result folder's scene: the one image there on whose grid the label map lies."""
    wanted = f"Give the CT before the folder: dataset add CT {folder.name} -d DATASET."
    try:
        with zipfile.ZipFile(folder / SCENE) as scene, TemporaryDirectory() as place:
            for name in scene.namelist():
                if name.lower().endswith(".nrrd") and not name.lower().endswith(".seg.nrrd"):
                    volume = read_image(Path(scene.extract(name, place)))
                    try:
                        onto_grid(labels, volume, name)
                    except LabelMapError:
                        continue
                    return replace(volume, acquisition=acquisition)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{folder.name} has no {SCENE} that can be read, which holds its CT. {wanted}") from error
    raise InputError(f"The {SCENE} of {folder.name} holds no CT on the grid of its label map. {wanted}")


def _identity(ct: Path | None, series: str | None) -> Identity:
    """Return who a CT is of, as the header of its first file says; nobody where it is no DICOM."""
    return Identity() if ct is None or is_image_file(ct) else _headed(series_files(ct, series)[0])


def _headed(header: Path | None) -> Identity:
    """Return who a DICOM file is of; nobody where there is none."""
    if header is None:
        return Identity()
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return identity_of(pydicom.dcmread(header, stop_before_pixels=True, force=True))


def _overlap_of_boxes(labels: Volume, detection: Detection) -> dict[str, float]:
    """Return for each outlined level the intersection over union of the boxes around mask and detection, in RAS.

    A level that is outlined and not detected, though others are, has 0.
    """
    boxes = {one.level: (np.array(one.low), np.array(one.high)) for one in detection.vertebrae}
    found = {}
    for level in levels_in(labels.voxels):
        points = labels.to_ras(np.argwhere(body_mask(labels.voxels, level))[:, ::-1])
        low, high = points.min(0), points.max(0)
        if level in boxes:
            inner = np.clip(np.minimum(high, boxes[level][1]) - np.maximum(low, boxes[level][0]), 0, None).prod()
            sizes = (high - low).prod() + (boxes[level][1] - boxes[level][0]).prod()
            found[level] = round(float(inner / (sizes - inner)), 3) if sizes > inner else 0.0
        elif boxes:
            found[level] = 0.0
    return found


def _plain(text: str) -> str:
    """Return a text with the signs alone that a record may hold (`dataset.Words`)."""
    return re.sub(r"[^\w .,:/+()-]", "", text)[:64].lstrip(" .,:/+()-") or "unknown"
