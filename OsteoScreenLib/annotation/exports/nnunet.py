"""nnU-Net v2's raw dataset: ``imagesTr``, ``labelsTr``, ``imagesTs``, ``labelsTs``, ``dataset.json``, and the split.

Layout as in nnU-Net's documentation, "dataset_format". `SPLITS_FILE` goes into the folder of the preprocessed dataset,
where nnU-Net looks for it; its one fold is our training and validation set.
"""

import json
import re
from pathlib import Path

from OsteoScreenLib.annotation.dataset import Dataset
from OsteoScreenLib.annotation.exports.cases import (
    Exported,
    export_folder,
    label_table,
    read_each,
    reviewed,
    write_nifti,
)
from OsteoScreenLib.errors import OutputError
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent

SPLITS_FILE = "splits_final.json"


def to_nnunet(dataset: Dataset, output: Path, progress: Progress = silent, cancelled: IsCancelled = never) -> Exported:
    """Write the reviewed cases as a raw dataset of nnU-Net v2; test cases go beside (``imagesTs``, ``labelsTs``).

    Raises `OutputError` unless `output` is new and named as nnU-Net wants it, `InputError` as `cases.reviewed`.
    """
    if not re.fullmatch(r"Dataset[0-9]{3}_\w+", output.name):
        raise OutputError(f"nnU-Net wants its folders named like Dataset100_Spine, and not {output.name}.")
    cases = reviewed(dataset)
    table = label_table(cases)
    by_split = {split: [case.id for case in cases if case.split == split] for split in ("train", "validation", "test")}
    about = {
        "name": output.name,
        "description": "Vertebral bodies on CT, corrected with OsteoScreen; research use only",
        "channel_names": {"0": "CT"},
        "labels": table.names,
        "numTraining": len(by_split["train"]) + len(by_split["validation"]),
        "file_ending": ".nii.gz",
    }
    with export_folder(output) as staged:
        for case, volume, labels in read_each(cases, progress, cancelled):
            place = "Ts" if case.split == "test" else "Tr"
            write_nifti(volume, staged / f"images{place}" / f"{case.id}_0000.nii.gz")
            write_nifti(table.numbered(labels), staged / f"labels{place}" / f"{case.id}.nii.gz")
        (staged / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        fold = {"train": by_split["train"], "val": by_split["validation"]}
        (staged / SPLITS_FILE).write_text(json.dumps([fold], indent=2) + "\n", encoding="utf-8")
    return Exported(output, len(cases), len(dataset.cases) - len(cases))
