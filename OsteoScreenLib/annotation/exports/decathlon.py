"""The layout of the Medical Segmentation Decathlon, which MONAI's ``load_decathlon_datalist`` reads.

``dataset.json`` lists pairs of image and label under ``training`` and ``validation``; under ``test`` there are images
alone, as in the Decathlon, and under ``test_labelled`` the same ones with their labels.
"""

import json
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
from OsteoScreenLib.progress import IsCancelled, Progress, never, silent


def to_decathlon(
    dataset: Dataset, output: Path, progress: Progress = silent, cancelled: IsCancelled = never
) -> Exported:
    """Write the reviewed cases as a dataset of the Decathlon's layout into a new folder.

    Raises `OutputError` where `output` is there, `InputError` as `cases.reviewed`.
    """
    cases = reviewed(dataset)
    table = label_table(cases)
    pairs: dict[str, list[dict[str, str]]] = {"train": [], "validation": [], "test": []}
    with export_folder(output) as staged:
        for case, volume, labels in read_each(cases, progress, cancelled):
            place = "Ts" if case.split == "test" else "Tr"
            pair = {"image": f"./images{place}/{case.id}.nii.gz", "label": f"./labels{place}/{case.id}.nii.gz"}
            write_nifti(volume, staged / pair["image"])
            write_nifti(table.numbered(labels), staged / pair["label"])
            pairs[case.split or "train"].append(pair)
        about = {
            "name": "OsteoScreen",
            "description": "Vertebral bodies on CT, corrected with OsteoScreen; research use only",
            "tensorImageSize": "3D",
            "modality": {"0": "CT"},
            "labels": {str(number): name for name, number in table.names.items()},
            "numTraining": len(pairs["train"]),
            "numTest": len(pairs["test"]),
            "training": pairs["train"],
            "validation": pairs["validation"],
            "test": [pair["image"] for pair in pairs["test"]],
            "test_labelled": pairs["test"],
        }
        (staged / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return Exported(output, len(cases), len(dataset.cases) - len(cases))
