"""What a worker can be asked for, and its life in the process of its own: read the folder, work, write the results."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from OsteoScreenLib import dataset_tasks
from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.output import staged_folder
from OsteoScreenLib.plain_json import from_text
from OsteoScreenLib.progress import Progress
from OsteoScreenLib.volume import Acquisition, Volume

if TYPE_CHECKING:
    import pandas as pd

    from OsteoScreenLib.measurement.case import Measured
    from OsteoScreenLib.radiographs.score import Scored
    from OsteoScreenLib.result import Detection, ScreeningResult, Segmentation

TASK, VOLUME, LABELS, PROGRESS, LOG = "task.json", "volume.npy", "labels.npy", "progress.jsonl", "log.txt"
RESULT = "result"
"""The folder below the task's that holds what was made, whole or not at all."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a task works on: its folder, name and parameters, a CT, and a label map on its grid (uint16, k, j, i)."""

    folder: Path
    task: str
    parameters: dict[str, Any]
    volume: Volume | None
    labels: np.ndarray | None

    @property
    def result(self) -> Path:
        """The folder of results."""
        return self.folder / RESULT

    @property
    def label_map(self) -> Volume:
        """The label map as a volume."""
        return self.volume.with_voxels(self.labels)


@dataclass(frozen=True)
class Task:
    """A task: `run` writes into `Inputs.result`; `read` returns that as the library's own data, in the face."""

    run: Callable[[Inputs, Progress], None]
    read: Callable[[Inputs], Any]


def save_inputs(inputs: Inputs) -> None:
    """Write a task into its folder."""
    volume = inputs.volume
    facts = None
    if volume is not None:
        np.save(inputs.folder / VOLUME, volume.voxels)
        made = volume.acquisition and asdict(volume.acquisition)
        facts = {"name": volume.name, "ijk_to_ras": volume.ijk_to_ras.tolist(), "acquisition": made}
    if inputs.labels is not None:
        np.save(inputs.folder / LABELS, inputs.labels)
    text = json.dumps({"task": inputs.task, "parameters": inputs.parameters, "volume": facts})
    (inputs.folder / TASK).write_text(text, encoding="utf-8")


def load_inputs(folder: Path) -> Inputs:
    """Read what `save_inputs` wrote."""
    asked = json.loads((folder / TASK).read_text(encoding="utf-8"))
    volume, facts = None, asked["volume"]
    if facts:
        made = facts["acquisition"]
        acquisition = Acquisition(**{**made, "notes": tuple(made["notes"])}) if made else None
        voxels = np.load(folder / VOLUME, mmap_mode="c")
        volume = Volume(voxels, np.array(facts["ijk_to_ras"]), acquisition, facts["name"])
    labels = np.load(folder / LABELS) if (folder / LABELS).exists() else None
    return Inputs(folder, asked["task"], asked["parameters"], volume, labels)


def run_folder(folder: Path) -> None:
    """Do the task in `folder`, in a process that is there for nothing else; it ends when its parent does."""
    say = _only_progress_on_stdout()
    _end_with_parent()
    try:
        inputs = load_inputs(folder)
        TASKS[inputs.task].run(inputs, lambda fraction, message: say(fraction=fraction, message=message))
    except OsteoScreenError as error:
        say(error=str(error))
    except MemoryError:
        say(error="The memory of this machine was not enough; crop the CT to the lumbar spine or close other programs.")
    except Exception as error:
        import traceback

        traceback.print_exc()
        say(error=f"An error in OsteoScreen itself ({type(error).__name__}: {' '.join(str(error).split())}).")
    else:
        say(done=True)


def _segment(inputs: Inputs, progress: Progress) -> None:
    from OsteoScreenLib.segmentation.engines import segment
    from OsteoScreenLib.segmentation_json import to_json

    found = segment(inputs.volume, progress=progress, **inputs.parameters)
    with staged_folder(inputs.result) as staged:
        np.save(staged / LABELS, found.labels.voxels)
        (staged / "segmentation.json").write_text(to_json(found), encoding="utf-8")


def _segmentation(inputs: Inputs) -> "Segmentation":
    from OsteoScreenLib.segmentation_json import from_json

    labels = inputs.volume.with_voxels(np.load(inputs.result / LABELS))
    return from_json((inputs.result / "segmentation.json").read_text(encoding="utf-8"), labels)


def _measure(inputs: Inputs, progress: Progress) -> None:
    from OsteoScreenLib.levels import levels_in
    from OsteoScreenLib.measurement.case import measure_case
    from OsteoScreenLib.result import Segmentation
    from OsteoScreenLib.segmentation_json import from_json

    progress(0.1, "Measuring")
    levels = inputs.parameters.get("levels") or levels_in(inputs.labels)
    facts = inputs.parameters.get("segmentation")
    found = from_json(facts, inputs.label_map) if facts else Segmentation(inputs.label_map, (), "masks by hand", "none")
    measured = measure_case(inputs.volume, found, levels, ungated=inputs.parameters.get("ungated", False))
    with staged_folder(inputs.result) as staged:
        measured.table.to_csv(staged / "measurements.csv", index=False)
        plain = {level: asdict(roi) for level, roi in measured.rois.items()}
        (staged / "rois.json").write_text(json.dumps(plain), encoding="utf-8")
        (staged / "findings.json").write_text(json.dumps([asdict(one) for one in measured.findings]), encoding="utf-8")


def _measurements(inputs: Inputs) -> "Measured":
    import pandas as pd

    from OsteoScreenLib.findings import Findings
    from OsteoScreenLib.measurement.case import Measured
    from OsteoScreenLib.measurement.hounsfield import AnteriorRoi

    table = pd.read_csv(inputs.result / "measurements.csv", float_precision="round_trip")
    plain = json.loads((inputs.result / "rois.json").read_text(encoding="utf-8"))
    rois = {
        level: AnteriorRoi(**{key: tuple(value) if isinstance(value, list) else value for key, value in roi.items()})
        for level, roi in plain.items()
    }
    findings = from_text((inputs.result / "findings.json").read_bytes(), Findings, "What was found")
    return Measured(table, rois, findings)


def _rad_score(inputs: Inputs, progress: Progress) -> None:
    from OsteoScreenLib.labelled_table import numbers
    from OsteoScreenLib.levels import levels_in
    from OsteoScreenLib.radiomics.extract import extract
    from OsteoScreenLib.signature import rad_score

    model = rad_score.read(Path(inputs.parameters["signature"]))
    name = inputs.volume.name
    levels = inputs.parameters.get("levels") or levels_in(inputs.labels)
    features = extract(inputs.volume, inputs.label_map, name, levels, progress=progress)
    rows = features[features["roi"] == model.roi] if model.roi else features
    scores = rad_score.scores(model, numbers(rows, list(model.features)), None, rows[["level", "roi"]])
    with staged_folder(inputs.result) as staged:
        scores.to_csv(staged / "rad_scores.csv", index=False)


def _rad_scores(inputs: Inputs) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_csv(inputs.result / "rad_scores.csv", float_precision="round_trip")


def _detect(inputs: Inputs, progress: Progress) -> None:
    from OsteoScreenLib.detection.detect import course_of_labels, detect
    from OsteoScreenLib.detection.detection_json import to_json
    from OsteoScreenLib.device import choose

    device = choose(inputs.parameters.get("device", "auto"))
    found, _ = detect(inputs.volume, course_of_labels(inputs.label_map), device, progress)
    with staged_folder(inputs.result) as staged:
        (staged / "detection.json").write_text(to_json(found), encoding="utf-8")


def _detected(inputs: Inputs) -> "Detection":
    from OsteoScreenLib.detection.detection_json import from_json

    return from_json((inputs.result / "detection.json").read_text(encoding="utf-8"))


def _screen(inputs: Inputs, progress: Progress) -> None:
    from OsteoScreenLib.result_folder import copy_result, refuse_foreign_files
    from OsteoScreenLib.screening import screen
    from OsteoScreenLib.segmentation_json import from_json

    parameters = dict(inputs.parameters)
    output = parameters.pop("output", None)
    if output is not None:
        refuse_foreign_files(Path(output))
    facts = parameters.pop("segmentation", None)
    if facts is not None:
        parameters["engine"] = from_json(facts, inputs.label_map)
    screen(inputs.volume, inputs.result, progress=progress, **parameters)
    if output is not None:
        copy_result(inputs.result, Path(output))


def _screened(inputs: Inputs) -> "ScreeningResult":
    from OsteoScreenLib.result_folder import load_result

    return load_result(inputs.result, inputs.volume)


def _radiograph(inputs: Inputs, progress: Progress) -> None:
    from OsteoScreenLib.device import choose
    from OsteoScreenLib.radiographs.score import load_scorer, score_films
    from OsteoScreenLib.radiographs.scored_files import save_scored
    from OsteoScreenLib.report.film_pages import write_scores

    asked = inputs.parameters
    scorer = load_scorer(asked["system"], Path(asked["model"]), choose(asked.get("device", "auto")))
    scored = score_films(scorer, [Path(film) for film in asked["films"]], asked.get("clinical", {}), progress)
    save_scored(scored, inputs.result)
    write_scores(scored, inputs.result)
    if "output" in asked:
        write_scores(scored, Path(asked["output"]))


def _scored(inputs: Inputs) -> "Scored":
    from OsteoScreenLib.radiographs.scored_files import load_scored

    return load_scored(inputs.result)


TASKS: dict[str, Task] = {
    "segment": Task(_segment, _segmentation),
    "measure": Task(_measure, _measurements),
    "rad_score": Task(_rad_score, _rad_scores),
    "detect": Task(_detect, _detected),
    "radiograph": Task(_radiograph, _scored),
    "screen": Task(_screen, _screened),
    "keep": Task(dataset_tasks.keep, dataset_tasks.kept),
    "export": Task(dataset_tasks.export, dataset_tasks.exported),
    "fine_tune": Task(dataset_tasks.tune, dataset_tasks.tuned),
}
"""``segment`` (engine, device, flips): a `Segmentation`. With a label map: ``measure`` (levels, all that there are if
left out; ``segmentation``, as for ``screen``; ungated): a `Measured`; ``rad_score`` (signature, a path; levels): a
table of scores by level; ``detect`` (device): a `Detection`. ``screen`` (engine, device, flips, ungated): a
`ScreeningResult`, and in `Inputs.result` all files of a case, which are copied to the folder ``output``, too, where
one is given; with a label map and ``segmentation`` (`segmentation_json`), of these masks as they are. ``radiograph``
needs no CT but system, model and films (paths; clinical, device): a `Scored`, and its page in `Inputs.result` and
``output``, if given.

Of a training dataset (``dataset``, a path): ``keep`` (segmentation; patient; header, a DICOM file), with CT and label
map: a `dataset_tasks.Kept`; ``export`` (format; into, the folder for the new folder, the task's own if left out): an
`Exported`; ``fine_tune`` (output, a new folder; parent, device, choices: fields of `Choices`): a `Tuned`."""


def _only_progress_on_stdout() -> Callable[..., None]:
    """Return what writes a line of JSON on stdout; all else that writes there, from Python or below, goes to stderr."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**values: object) -> None:
        lines.write(json.dumps(values) + "\n")
        lines.flush()

    return say


def _end_with_parent() -> None:
    """Have this process and those below it killed as soon as the parent, which holds the pipe at stdin, is gone."""
    windows = sys.platform == "win32"
    if not stat.S_ISFIFO(os.fstat(0).st_mode) or not (windows or os.getsid(0) == os.getpid()):
        return

    def wait() -> None:
        os.read(0, 1)
        if windows:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], check=False)
        else:
            os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()
