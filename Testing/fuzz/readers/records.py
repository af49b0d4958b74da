"""JSON that the library writes and takes back, and a dataset's folder."""

import json
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import open_dataset
from OsteoScreenLib.annotation.index import read_index
from OsteoScreenLib.annotation.phi import identifying
from OsteoScreenLib.annotation.queue import queue
from OsteoScreenLib.annotation.review import begun
from OsteoScreenLib.detection.detection_json import from_json as detection_from_json
from OsteoScreenLib.detection.detection_json import to_json as detection_to_json
from OsteoScreenLib.measurement.cutoffs import load_cutoffs
from OsteoScreenLib.measurement.hounsfield import anterior_rois, measure
from OsteoScreenLib.measurement.site import Scanner, Site, load_site
from OsteoScreenLib.result import (
    DetectedVertebra,
    Detection,
    ModelUse,
    Provenance,
    ScreeningResult,
    Segmentation,
    SliceBox,
    VertebraFinding,
)
from OsteoScreenLib.result_folder import load_result, save_result
from OsteoScreenLib.segmentation_json import from_json, to_json
from OsteoScreenLib.signature import rad_score
from OsteoScreenLib.signature.doubt import Doubt
from OsteoScreenLib.training.slice_dataset import read_found, read_slices
from Testing.fuzz.given import Given, taken
from Testing.fuzz.mutation import spoilt_bytes, spoilt_plain, spoilt_text
from Testing.fuzz.reader import Reader
from Testing.fuzz.readers import labels

_COCO = {
    "info": {"description": "slices"},
    "images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9, "patient": "p1"},
               {"id": 2, "file_name": "b.png", "width": 9, "height": 9, "patient": "p2"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}],
    "categories": [{"id": 1, "name": "normal"}, {"id": 2, "name": "osteopenia"}, {"id": 3, "name": "osteoporosis"}],
}  # fmt: skip
_CUTOFFS = {"cutoffs": [{"level": "L1", "hu": 160, "meaning": "m", "source": "s"}]}


def _use() -> ModelUse:
    return ModelUse("refine", "1.0", "0" * 64, "phantoms")


@cache
def _segmentation() -> Segmentation:
    found = labels.labelled()
    level = VertebraFinding("L1", 0.9, True, (1.0, 2.0, 3.0))
    return Segmentation(found, (level,), "st-unet", "cpu", (_use(),), ("note",), (), begun(found.voxels), found)


def _detection() -> Detection:
    box = SliceBox(3, (0.0, 0.0, 1.0), (5.0, 5.0, 1.0), (0.7, 0.2, 0.1), "L1")
    one = DetectedVertebra("L1", (0.7, 0.2, 0.1), 4, 3, (0.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    return Detection((box,), (one,), _use(), "cpu", ("note",))


def _result() -> list[Given]:
    rois = anterior_rois(labels.labelled(), ["L1", "L2"])
    table = measure(labels.volume(), labels.labelled(), ["L1", "L2"], rois)
    features = pd.DataFrame({"case": ["a"], "level": ["L1"], "roi": ["trabecular"], "original_firstorder_Mean": [3.5]})
    made = Provenance("0.1", "a", "0" * 64, "2020-01-01T00:00:00", 3.0, {"device": "cpu"})
    result = ScreeningResult(labels.volume(), _segmentation(), table, features, rois, made, detection=_detection())
    with tempfile.TemporaryDirectory() as folder:
        save_result(result, Path(folder))
        return [taken(Path(folder))]


def _signature() -> list[Given]:
    names, row = ("original_firstorder_Mean", "original_glcm_Contrast"), (1.0, 2.0)
    model = rad_score.RadScore(
        label="label", features=names, means=row, scales=row, coefficients=row, intercept=0.5, cutoff=0.1,
        settings=rad_score.Settings(), training={"rows": 9}, batch="scanner", batches=("x", "y"), slopes=(row, row),
        offsets=(row, row), doubt=Doubt(lows=row, highs=row, draws=((0.1, 1.0, 2.0),) * 3, calibration=(0.0, 1.0)),
        **{"lambda": 0.1},
    )  # fmt: skip
    return [{"a.json": model.model_dump_json().encode()}]


def _site() -> list[Given]:
    site = Site(name="here", cases=9, fitted_to="t_score", scanners=(Scanner("Maker", "One", 120.0, 9, 1.5),),
                cutoffs=load_cutoffs()[:2])  # fmt: skip
    return [{"a.json": site.model_dump_json().encode()}]


def _dataset() -> list[Given]:
    with tempfile.TemporaryDirectory() as folder:
        add_case(Path(folder), labels.volume(), NewMask(labels.labelled()), patient="p")
        return [taken(Path(folder))]


def _read_signature(folder: Path) -> None:
    model = rad_score.read(folder / "a.json")
    X, others = np.full((2, len(model.features)), 1.5), pd.DataFrame({"case": ["a", "b"]})
    rad_score.scores(model, X, np.array(["x", "y"], object), others)


def _read_site(folder: Path) -> None:
    site, _ = load_site(folder / "a.json")
    assert all(np.isfinite(one.offset_hu) for one in site.scanners)


def _read_coco(folder: Path) -> None:
    slices = read_slices(folder / "a.json")
    assert all(np.isfinite(one.boxes).all() for one in slices)
    read_found(folder / "a.json", slices)


def _read_dataset(folder: Path) -> None:
    dataset = open_dataset(folder)
    queue(dataset)
    read_index(folder)
    for case in dataset.cases:
        case.read()


def _look_through(folder: Path) -> None:
    for path in folder.iterdir():
        identifying(path)


def _json(read: Callable[[str], object], folder: Path) -> None:
    read((folder / "a.json").read_text(encoding="utf-8", errors="replace"))


def spoilt(rng: Random, given: Given) -> Given:
    """Return files of which one is spoilt as what it is: JSON, a table, or bytes."""
    name = rng.choice(sorted(given))
    content = given[name]
    if name.endswith(".json") and rng.random() < 0.85:
        return {**given, name: _spoilt_json(rng, content)}
    if name.endswith((".csv", ".json")) or "/splits/" in name or b"\0" not in content:
        return {**given, name: spoilt_text(rng, content)}
    return {**given, name: spoilt_bytes(rng, content)}


def _spoilt_json(rng: Random, content: bytes) -> bytes:
    value = json.loads(content)
    if rng.random() < 0.01:
        return b"[" * 20000 + b"]" * 20000
    return json.dumps(spoilt_plain(rng, value)).encode("utf-8", "surrogatepass")


def _one(name: str, seeds: Callable[[], list[Given]], read: Callable[[Path], object]) -> Reader:
    return Reader(name, seeds, spoilt, read)


READERS = (
    _one("result-folder", _result, lambda folder: load_result(folder, labels.volume())),
    _one("signature", _signature, _read_signature),
    _one("site-table", _site, _read_site),
    _one("cutoffs", lambda: [{"a.json": json.dumps(_CUTOFFS).encode()}],
         lambda folder: load_cutoffs(folder / "a.json")),
    _one("coco-boxes", lambda: [{"a.json": json.dumps(_COCO).encode()}], _read_coco),
    _one("dataset", _dataset, _read_dataset),
    _one("segmentation-json", lambda: [{"a.json": to_json(_segmentation()).encode()}],
         partial(_json, lambda text: from_json(text, labels.labelled()))),
    _one("detection-json", lambda: [{"a.json": detection_to_json(_detection()).encode()}],
         partial(_json, detection_from_json)),
    _one("look-through", lambda: [{"a.nrrd": b"NRRD0004\ntype: short\n\nxx", "b.json": b'{"a": ["b", 1]}'},
                                  {"c.csv": b"a,b\n1,2\n", "d.nii": bytes(400)}], _look_through),
)  # fmt: skip
