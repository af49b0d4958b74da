"""Datasets of slices with boxes, in COCO's format: reading anybody's, writing ours."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from OsteoScreenLib.bone_status import NAMES, status_of
from OsteoScreenLib.errors import InputError
from OsteoScreenLib.evaluation.boxes import LabelledBoxes
from OsteoScreenLib.labelled_table import column, numbers, read_table
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.plain_json import read_json

if TYPE_CHECKING:
    from PIL.Image import Image

ANNOTATIONS = "annotations.json"
IMAGES = "images"


@dataclass(frozen=True, eq=False)
class SliceImage:
    """One slice of a dataset: its picture, whose it is, `boxes` (n, 4) x0, y0, x1, y1 in pixels, `labels` (n,).

    `number` is COCO's id of the image. Labels are places in `bone_status.STATUSES`. A slice without a box is an example
    of nothing to be found.
    """

    number: int
    path: Path
    patient: str
    boxes: np.ndarray
    labels: np.ndarray

    def pixels(self) -> np.ndarray:
        """Return the picture (3, row, column) in [0, 1]; a grey one has three equal channels."""
        with _opened(self.path) as picture:
            return np.asarray(picture.convert("RGB"), np.float32).transpose(2, 0, 1) / 255


@dataclass(frozen=True, eq=False)
class NewSlice:
    """One slice to be written: `pixels` (3, row, column) in [0, 1], whose it is, and what is in it.

    Each of `bodies` is (box x, y, width, height in pixels, place in the categories), or with further fields of COCO's
    annotation behind it; `about` are further fields of COCO's image.
    """

    pixels: np.ndarray
    patient: str
    bodies: Sequence[tuple]
    about: dict[str, object] = field(default_factory=dict)


def write_slices(
    folder: Path, described: dict[str, object], slices: Iterable[NewSlice], categories: Sequence[str] = NAMES
) -> int:
    """Write slices as a COCO dataset into `folder` and return their number; `described` goes into COCO's ``info``.

    `categories` are those of `bone_status` unless told. Raises `OutputError`.
    """
    from PIL import Image

    images: list[dict] = []
    annotations: list[dict] = []
    with staged_folder(folder) as staged:
        (staged / IMAGES).mkdir()
        for number, one in enumerate(slices, start=1):
            name = f"{IMAGES}/{number:06d}.png"
            pixels = np.rint(one.pixels * 255).astype(np.uint8).transpose(1, 2, 0)
            Image.fromarray(pixels).save(staged / name)
            rows, columns = pixels.shape[:2]
            size = {"width": columns, "height": rows}
            images.append({"id": number, "file_name": name, **size, "patient": one.patient, **one.about})
            for box, place, *more in one.bodies:
                known = {"id": len(annotations) + 1, "image_id": number, "category_id": place + 1, "bbox": list(box)}
                further = {key: value for fields in more for key, value in fields.items()}
                annotations.append({**known, "area": box[2] * box[3], "iscrowd": 0, **further})
        kinds = [{"id": n, "name": name} for n, name in enumerate(categories, start=1)]
        whole = {"info": described, "images": images, "annotations": annotations, "categories": kinds}
        (staged / ANNOTATIONS).write_text(json.dumps(whole) + "\n", encoding="utf-8")
    return len(images)


def read_slices(path: Path, t_scores: Path | None = None) -> list[SliceImage]:
    """Read a COCO dataset: its JSON file, or a folder with one named `ANNOTATIONS`.

    Every image says which patient it is of, in a field ``patient``, for patients are never parted. Categories are named
    as in `bone_status`; with `t_scores`, a table of ``patient`` and ``t_score``, they may be named as they like, for
    the status comes from there. Raises `InputError` for what cannot be learned from.
    """
    path = path / ANNOTATIONS if path.is_dir() else path
    whole = _read_json(path)
    try:
        categories = {category["id"]: str(category["name"]).lower() for category in whole["categories"]}
        by_image: dict[int, list[dict]] = {image["id"]: [] for image in whole["images"]}
        for annotation in whole["annotations"]:
            by_image[annotation["image_id"]].append(annotation)
        known = None if t_scores is None else read_statuses(t_scores)
        return [_slice(path, image, by_image[image["id"]], categories, known) for image in whole["images"]]
    except KeyError as error:
        raise InputError(f"{path.name} is not a dataset in COCO's format: it lacks {error}.") from error
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        raise InputError(f"{path.name} is not a dataset in COCO's format: {error}.") from error


def read_found(path: Path, slices: Sequence[SliceImage]) -> list[LabelledBoxes]:
    """Return the boxes that a detector found in each slice, from COCO's results: a list, or a dataset's annotations.

    Each has ``image_id``, ``bbox``, ``score`` and ``category_id`` (1 to 3 in the order of `bone_status`). Raises
    `InputError`.
    """
    whole = _read_any(path)
    rows = whole.get("annotations") if isinstance(whole, dict) else whole
    try:
        by_image: dict[int, list[tuple]] = {one.number: [] for one in slices}
        for row in rows:
            x, y, width, height = map(float, row["bbox"])
            status = int(row["category_id"]) - 1
            if not 0 <= status < len(NAMES):
                raise InputError(f"{path.name} has a category_id {status + 1}; they go from 1 to {len(NAMES)}.")
            by_image[row["image_id"]].append(((x, y, x + width, y + height), status, float(row["score"])))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path.name} does not hold detections of this dataset in COCO's results format ({error})."
        ) from error
    return [
        LabelledBoxes(
            np.array([box for box, *_ in found], float).reshape(-1, 4),
            np.array([status for _, status, _ in found], np.int64),
            np.array([score for *_, score in found], float),
        )
        for found in (by_image[one.number] for one in slices)
    ]


def description_of(path: Path) -> str:
    """Return what a COCO dataset says of itself in ``info``, or its name."""
    path = path / ANNOTATIONS if path.is_dir() else path
    info = _read_json(path).get("info")
    said = info.get("description") if isinstance(info, dict) else None
    return str(said or f"The dataset {path.parent.name}")


def read_statuses(path: Path) -> dict[str, int]:
    """Return the place in `STATUSES` of each patient of a CSV table with the columns ``patient`` and ``t_score``."""
    table = read_table(path)
    scores = numbers(table, ["t_score"])[:, 0]
    return dict(zip(column(table, "patient").astype(str), map(status_of, scores), strict=True))


def split_patients(slices: Sequence[SliceImage], seed: int, share: float = 0.2) -> tuple[list, list]:
    """Return the slices to learn from and those held out, about a `share` of the patients; no patient is in both.

    Raises `InputError` where there are fewer than two patients.
    """
    patients = sorted({one.patient for one in slices})
    if len(patients) < 2:
        raise InputError(f"The dataset has {len(patients)} patient; at least two are needed, one to be held out.")
    count = max(1, round(share * len(patients)))
    held_out = set(np.random.default_rng([seed, 4]).permutation(patients)[:count].tolist())
    return [one for one in slices if one.patient not in held_out], [one for one in slices if one.patient in held_out]


def _slice(
    path: Path, image: dict, annotations: list[dict], categories: dict[int, str], known: dict[str, int] | None
) -> SliceImage:
    name = image["file_name"]
    if "patient" not in image:
        raise InputError(
            f"{path.name} does not say whose {name} is; give each image a field 'patient', so that no patient is both "
            "learned from and tested on."
        )
    patient = str(image["patient"])
    if known is not None and patient not in known:
        raise InputError(f"There is no T-score of patient '{patient}'.")
    boxes = np.array([annotation["bbox"] for annotation in annotations], np.float32).reshape(-1, 4)
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise InputError(f"{path.name}: a box of {name} has no width or height.")
    words = [categories[annotation["category_id"]] for annotation in annotations]
    other = [word for word in words if word not in NAMES]
    if other and known is None:
        raise InputError(
            f"{path.name} has a category '{other[0]}'; name them {', '.join(NAMES)}, or give a table of T-scores."
        )
    labels = [NAMES.index(word) for word in words] if known is None else [known[patient]] * len(words)
    boxes[:, 2:] += boxes[:, :2]
    return SliceImage(image["id"], path.parent / name, patient, boxes, np.array(labels, np.int64))


def _read_json(path: Path) -> dict:
    whole = _read_any(path)
    if not isinstance(whole, dict):
        raise InputError(f"{path.name} is not a dataset in COCO's format: it is no object.")
    return whole


def _read_any(path: Path) -> object:
    try:
        return read_json(path)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"{path.name} is not JSON: {error}.") from error


def _opened(path: Path) -> "Image":
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"Cannot read the slice {path}: {error}.") from error
