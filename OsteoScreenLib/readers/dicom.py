"""DICOM folders: find the CT series, put its slices in order and decode them to HU."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from OsteoScreenLib.errors import InputError
from OsteoScreenLib.progress import IsCancelled, Progress, never, part, silent, stop_if
from OsteoScreenLib.readers.acquisition import acquisition_from
from OsteoScreenLib.readers.check import MIN_SLICES, check_grid, tidy
from OsteoScreenLib.readers.files import quiet
from OsteoScreenLib.readers.sizes import MOST_COMPRESSION, check_size
from OsteoScreenLib.readers.slices import DAMAGED, UNPLACED, Slice, frame_count, read_header, scan
from OsteoScreenLib.readers.stack import even, ijk_to_ras, ordered, straighten
from OsteoScreenLib.volume import Volume

BITS = (8, 16, 32)
HU_TYPES = ("", "HU", "US")
"""RescaleType of values that are HU: said so, or left unspecified as in most CT."""


@dataclass(frozen=True)
class Series:
    """The CT slices of one SeriesInstanceUID that form its largest stack; `left_out` more lie otherwise."""

    slices: tuple[Slice, ...]
    left_out: int

    @property
    def uid(self) -> str:
        """The SeriesInstanceUID."""
        return self.slices[0].uid

    @property
    def number(self) -> str:
        """The SeriesNumber, as text; empty if there is none."""
        return str(self.slices[0].header.get("SeriesNumber") or "")

    @property
    def size(self) -> int:
        """How many different slices the series has."""
        return len({(str(s.header.get("SOPInstanceUID", s.path)), s.frame) for s in self.slices})

    def __str__(self) -> str:
        description = " ".join(str(self.slices[0].header.get("SeriesDescription") or "").split())
        return f'{self.number or "..." + self.uid[-8:]} "{description}" ({self.size} slice{"s" * (self.size != 1)})'


def read_dicom(
    path: Path, series: str | None = None, progress: Progress = silent, cancelled: IsCancelled = never
) -> Volume:
    """Return the CT series in a DICOM folder, or the one that a DICOM file belongs to, in HU.

    `series` is as in `read_volume`. Slices are ordered by their position along their normal. Raises `InputError`.
    """
    chosen, notes = _choose(path, series, part(progress, 0.0, 0.3), cancelled)
    name = f"Series {chosen}"
    _check_pixels(chosen.slices, name)
    stack, found = ordered(chosen.slices, name)
    notes += found
    if len(stack) < MIN_SLICES:
        raise InputError(f"{name} is too small: at least {MIN_SLICES} slices are needed. Give the whole CT series.")
    matrix = ijk_to_ras(stack)
    check_grid(matrix, (*stack[0].shape[::-1], len(stack)), name)
    voxels = _decode(stack, part(progress, 0.3, 1.0), cancelled)
    notes += _check_rescale(stack, voxels, name)
    voxels, matrix, found = straighten(voxels, matrix, stack, name)
    notes += found
    voxels, matrix, found = even(voxels, matrix, stack)
    notes += found
    folder = path if path.is_dir() else path.parent
    headers = list({id(s.header): s.header for s in stack}.values())
    return Volume(tidy(voxels), matrix, acquisition_from(headers, tuple(notes)), folder.name or "volume")


def series_files(path: Path, series: str | None = None) -> list[Path]:
    """Return the files of the CT series that `read_dicom` would take."""
    chosen, _ = _choose(path, series, silent, never)
    return sorted({s.path for s in chosen.slices})


def series_stack(path: Path, series: str | None = None) -> list[Slice]:
    """Return the slices of the series that `read_dicom` would take, from bottom to top along their normal.

    Slice k is plane k of that volume, unless tilted or uneven slices had to be resampled. Raises `InputError`.
    """
    chosen, _ = _choose(path, series, silent, never)
    return ordered(chosen.slices, f"Series {chosen}")[0]


def _choose(path: Path, series: str | None, progress: Progress, cancelled: IsCancelled) -> tuple[Series, list[str]]:
    folder, deep = path, True
    if path.is_file():
        header = read_header(path)
        if header is None:
            raise InputError(f"{path.name} is not an image that can be read. Give NIfTI, NRRD, MetaImage or DICOM.")
        folder, deep = path.parent, path.name.upper() == "DICOMDIR"
        series = series or (None if deep else str(header.get("SeriesInstanceUID", "")))
    slices, others = scan(folder, deep, progress, cancelled)
    if not slices:
        raise InputError(_nothing(folder, others))
    by_uid: defaultdict[str, list[Slice]] = defaultdict(list)
    for s in slices:
        by_uid[s.uid].append(s)
    there = sorted((_largest_stack(group) for group in by_uid.values()), key=lambda s: -s.size)
    chosen = _named(there, series) if series else _largest(there, path.name)
    notes = [f"Series {other} was not read." for other in there if other is not chosen and other.size >= MIN_SLICES]
    if chosen.left_out:
        notes.append(f"{chosen.left_out} images of the series lie otherwise than the rest and were left out.")
    notes += [f"{others[kind]} files could not be used: {kind}." for kind in (UNPLACED, DAMAGED) if others[kind]]
    return chosen, notes


def _nothing(folder: Path, others: Counter[str]) -> str:
    if not others:
        empty = not any(folder.iterdir())
        return f"{folder.name} {'is empty' if empty else 'holds no DICOM image'}. Give the folder of a CT series."
    kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(4))
    return f"{folder.name} holds no CT image with a place in space, only {kinds}. Give the folder of a CT series."


def _largest_stack(slices: Sequence[Slice]) -> Series:
    stacks: list[list[Slice]] = []
    for s in slices:
        stack = next((stack for stack in stacks if s.lies_like(stack[0])), None)
        if stack is None:
            stacks.append([s])
        else:
            stack.append(s)
    largest = max(stacks, key=lambda stack: (len(stack), abs(stack[0].normal[2])))
    return Series(tuple(largest), len(slices) - len(largest))


def _named(there: Sequence[Series], name: str) -> Series:
    for matches in (
        [s for s in there if s.uid == name],
        [s for s in there if s.number == name],
        [s for s in there if s.uid.endswith(name)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise InputError(f'Several series answer to "{name}": {_list(matches)}. Give the SeriesInstanceUID.')
    raise InputError(f'No CT series answers to "{name}". There are: {_list(there)}.')


def _largest(there: Sequence[Series], name: str) -> Series:
    rivals = [s for s in there if s.size == there[0].size]
    if len(rivals) > 1:
        raise InputError(f"{name} has {len(rivals)} CT series of the same size: {_list(rivals)}. Choose with --series.")
    return there[0]


def _list(there: Sequence[Series]) -> str:
    numbers = Counter(s.number for s in there)
    return "; ".join(f"{s}" if numbers[s.number] == 1 or not s.number else f"{s} ...{s.uid[-8:]}" for s in there)


def _check_pixels(slices: Sequence[Slice], name: str) -> None:
    for s in slices:
        samples, kind = s.header.get("SamplesPerPixel", 1), s.header.get("PhotometricInterpretation", "MONOCHROME2")
        if samples != 1 or kind != "MONOCHROME2":
            raise InputError(f"{name} is stored as {kind}, not as CT values. Export the original CT series.")
        if s.rescale_type not in HU_TYPES:
            raise InputError(f"{name} holds {s.rescale_type} values, not HU. Give a series in HU.")
        if s.header.get("BitsAllocated", 16) not in BITS:
            raise InputError(f"{name} has pixels of {s.header.BitsAllocated} bits, which no CT has. Export it again.")
    _check_size(slices, name)


def _check_size(slices: Sequence[Slice], name: str) -> None:
    """Refuse a series that claims more than its files can hold, or memory can, before any of it is decoded."""
    files = {s.path: s for s in slices}
    frames = [frame_count(s.header) * s.shape[0] * s.shape[1] for s in files.values()]
    bits = max(s.header.get("BitsAllocated", 16) for s in slices)
    held = sum(path.stat().st_size for path in files) * MOST_COMPRESSION
    check_size(name, sum(frames) * bits // 8, held)


def _check_rescale(stack: Sequence[Slice], voxels: np.ndarray, name: str) -> list[str]:
    lacking = sum(s.rescale is None for s in stack)
    if not lacking:
        return []
    if lacking < len(stack) or voxels.min() > -200:
        raise InputError(
            f"{name} lacks RescaleSlope or RescaleIntercept in {lacking} slices, so that its HU cannot be known. "
            "Export the original CT series."
        )
    return ["RescaleSlope or RescaleIntercept is missing; the values look like HU and were taken as such."]


def _decode(stack: Sequence[Slice], progress: Progress, cancelled: IsCancelled) -> np.ndarray:
    images: list[np.ndarray] = []
    path, frames = None, np.empty(0)
    for n, s in enumerate(stack):
        stop_if(cancelled)
        progress(n / len(stack), f"Decoding slice {n + 1} of {len(stack)}")
        if s.path != path:
            path, frames = s.path, _read_frames(s.path)
        if s.frame >= len(frames) or frames.shape[1:] != s.shape:
            raise InputError(f"{s.path.name} does not hold the image that its header describes. Export it again.")
        images.append(tidy(_rescaled(frames[s.frame], s)))
    progress(1.0, "Decoded")
    return np.stack(images)


def _read_frames(path: Path) -> np.ndarray:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        with quiet():
            frames = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        raise InputError(f"{path.name} cannot be decoded: damaged or cut short. Export the series again.") from None
    return frames if frames.ndim == 3 else frames[None]


def _rescaled(image: np.ndarray, s: Slice) -> np.ndarray:
    if s.rescale == s.decoder_rescale or s.rescale is None or s.decoder_rescale is None:
        return image
    stored = np.rint((image - s.decoder_rescale[1]) / s.decoder_rescale[0])
    return stored * s.rescale[0] + s.rescale[1]
