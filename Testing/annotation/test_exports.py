import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import binary_dilation

from OsteoScreenLib.annotation.adding import NewMask, add_case
from OsteoScreenLib.annotation.dataset import Case, Dataset, open_dataset
from OsteoScreenLib.annotation.exports.bids import to_bids
from OsteoScreenLib.annotation.exports.coco import to_coco
from OsteoScreenLib.annotation.exports.decathlon import to_decathlon
from OsteoScreenLib.annotation.exports.nnunet import to_nnunet
from OsteoScreenLib.annotation.phi import identifying
from OsteoScreenLib.annotation.splitting import assign_splits
from OsteoScreenLib.annotation.submission import Source, submit
from OsteoScreenLib.errors import Cancelled, InputError, OutputError
from OsteoScreenLib.evaluation.overlap import overlap
from OsteoScreenLib.image_file import write_image, write_labels
from OsteoScreenLib.levels import SHELL, TRABECULAR, body_mask, label, levels_in, trabecular_mask
from OsteoScreenLib.phantoms.phantom import make_phantom
from OsteoScreenLib.training.slice_dataset import read_slices
from Testing.annotation.tiny_cases import tiny_case

TO_MM = 1e-3
"""How far a voxel may be displaced in NIfTI, whose matrix is of single precision."""


@pytest.fixture(scope="module", params=["oblique", "phantoms"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight tiny oblique cases of seven patients, or ten corrected phantoms; and a case that nobody has reviewed."""
    folder = tmp_path_factory.mktemp("exports")
    if request.param == "oblique":
        for seed in range(8):
            volume, labels = tiny_case(seed)
            add_case(folder / "dataset", volume, NewMask(labels, reader="R1"), patient=f"P{max(1, seed)}")
    else:
        for source, wrong in corrected_phantoms(folder):
            submit(source, folder / "dataset", reader="script", proposal=wrong)
    assign_splits(open_dataset(folder / "dataset"), 0.2, 0.2)
    volume, labels = tiny_case(8)
    add_case(folder / "dataset", volume, NewMask(labels, "proposal"))
    return open_dataset(folder / "dataset")


def corrected_phantoms(folder: Path) -> Iterator[tuple[Source, Path]]:
    """Yield ten phantoms as files, with masks as a script corrected them and as they were: 2 voxels too large."""
    for seed in range(10):
        phantom = make_phantom(7000 + seed, size=(44, 44, 48), spacing=(4.0, 4.0, 4.0), centre="L3")
        ct, right, wrong = (folder / f"{name}{seed}.nii.gz" for name in ("ct", "right", "wrong"))
        write_image(phantom.volume, ct)
        write_labels(phantom.labels, right)
        write_labels(phantom.labels.with_voxels(two_voxels_larger(phantom.labels.voxels)), wrong)
        yield Source(ct, right), wrong


def two_voxels_larger(labels: np.ndarray) -> np.ndarray:
    """Return a label map with every body, and the trabecular part within, dilated by two voxels."""
    larger = labels.copy()
    for level in levels_in(labels):
        body, inner = (
            binary_dilation(mask_of(labels, level), iterations=2) for mask_of in (body_mask, trabecular_mask)
        )
        larger[body & (labels == 0)] = label(level, SHELL)
        larger[inner & (body_mask(labels, level) | (labels == 0))] = label(level, TRABECULAR)
    return larger


def in_split(dataset: Dataset, *splits: str) -> list[Case]:
    return [case for case in dataset.cases if case.reviewed and case.split in splits]


def assert_same_image(path: Path, voxels: np.ndarray, ijk_to_ras: np.ndarray) -> None:
    """Let nibabel, which shares no code with us, read a file, and compare voxels and the place of each corner."""
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj).T, voxels)
    corners = np.array([[0, 0, 0], *np.diag(voxels.shape[::-1])])
    theirs, ours = (corners @ m[:3, :3].T + m[:3, 3] for m in (image.affine, ijk_to_ras))
    assert np.abs(theirs - ours).max() < TO_MM
    assert identifying(path) == []


def in_our_coding(numbers: np.ndarray, names: dict[str, int]) -> np.ndarray:
    """Return an export's consecutive numbers as our codes, by what its own table calls them."""
    codes = np.zeros(256, np.uint16)
    for name, number in names.items():
        if name != "background":
            level, part = name.split("_", 1)
            codes[number] = label(level, {"cortical_shell": SHELL, "trabecular": TRABECULAR}[part])
    return codes[numbers]


def test_what_a_script_corrected_is_what_is_learned_from(dataset: Dataset) -> None:
    if len(dataset.cases) < 11:
        pytest.skip("the oblique cases were not corrected")
    for case in in_split(dataset, "train", "validation", "test"):
        volume, labels = case.read()
        _, before = case.read(case.proposal)
        np.testing.assert_array_equal(two_voxels_larger(labels.voxels), before.voxels)
        for record in case.current.record.review:
            assert record.status == "accepted"
            found = overlap(
                body_mask(labels.voxels, record.level), body_mask(before.voxels, record.level), volume.spacing
            )
            assert record.dice == pytest.approx(found.dice, abs=1e-4)
            assert 1 < record.assd < 12
            assert record.decision.who == "script"


def test_nnunet_has_the_same_voxels_in_the_same_place(dataset: Dataset, tmp_path: Path) -> None:
    made = to_nnunet(dataset, tmp_path / "Dataset100_Spine")
    assert (made.cases, made.left_out) == (len(dataset.cases) - 1, 1)
    about = json.loads((made.folder / "dataset.json").read_text())
    assert list(about["labels"].values()) == list(range(len(about["labels"])))
    training = in_split(dataset, "train", "validation")
    assert about["numTraining"] == len(training) == len(list((made.folder / "imagesTr").iterdir()))
    for case in in_split(dataset, "train", "validation", "test"):
        place = "Ts" if case.split == "test" else "Tr"
        volume, labels = case.read()
        assert_same_image(made.folder / f"images{place}" / f"{case.id}_0000.nii.gz", volume.voxels, volume.ijk_to_ras)
        path = made.folder / f"labels{place}" / f"{case.id}.nii.gz"
        numbers = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        np.testing.assert_array_equal(in_our_coding(numbers, about["labels"]), labels.voxels)
        assert_same_image(path, numbers, volume.ijk_to_ras)
    (fold,) = json.loads((made.folder / "splits_final.json").read_text())
    assert {*fold["train"], *fold["val"]} == {case.id for case in training}
    assert fold["val"] == [case.id for case in in_split(dataset, "validation")]
    with pytest.raises(OutputError, match="Dataset100_Spine"):
        to_nnunet(dataset, tmp_path / "mine")


def test_nnunets_own_check_passes(dataset: Dataset, tmp_path: Path) -> None:
    verify = pytest.importorskip(
        "nnunetv2.experiment_planning.verify_dataset_integrity", reason="nnU-Net is not installed"
    )
    made = to_nnunet(dataset, tmp_path / "Dataset100_Spine")
    verify.verify_dataset_integrity(str(made.folder), 1)


def test_monai_reads_lists_and_voxels(dataset: Dataset, tmp_path: Path) -> None:
    from monai.data import load_decathlon_datalist, load_decathlon_properties
    from monai.transforms import LoadImage

    pytest.importorskip("nibabel")
    made = to_decathlon(dataset, tmp_path / "decathlon")
    path = made.folder / "dataset.json"
    about = json.loads(path.read_text())
    names = {name: int(number) for number, name in about["labels"].items()}
    assert load_decathlon_properties(path, ["numTraining", "modality"]) == {
        "numTraining": len(in_split(dataset, "train")), "modality": {"0": "CT"},
    }  # fmt: skip
    load = LoadImage(image_only=True, reader="NibabelReader")
    for key, split in (("training", "train"), ("validation", "validation"), ("test_labelled", "test")):
        pairs = load_decathlon_datalist(path, is_segmentation=True, data_list_key=key)
        assert len(pairs) == len(in_split(dataset, split)) > 0
        for pair, case in zip(pairs, in_split(dataset, split), strict=True):
            volume, labels = case.read()
            image, mask = load(pair["image"]), load(pair["label"])
            np.testing.assert_array_equal(np.asarray(image).T, volume.voxels)
            np.testing.assert_array_equal(in_our_coding(np.asarray(mask).T.astype(int), names), labels.voxels)
            np.testing.assert_allclose(image.affine, volume.ijk_to_ras, atol=TO_MM)
    tests = load_decathlon_datalist(path, is_segmentation=True, data_list_key="test")
    assert [Path(str(one["image"])).name for one in tests] == [
        f"{case.id}.nii.gz" for case in in_split(dataset, "test")
    ]


def test_coco_masks_are_put_together_again_by_pycocotools(dataset: Dataset, tmp_path: Path) -> None:
    coco_of = pytest.importorskip("pycocotools.coco").COCO
    rle = pytest.importorskip("pycocotools.mask")
    made = to_coco(dataset, tmp_path / "coco")
    coco = coco_of(str(made.folder / "annotations.json"))
    grids = coco.dataset["info"]["cases"]
    rebuilt = {case: np.zeros(grid["shape"], np.uint16) for case, grid in grids.items()}
    for annotation in coco.dataset["annotations"]:
        image = coco.loadImgs(annotation["image_id"])[0]
        level = coco.loadCats(annotation["category_id"])[0]["name"]
        size = image["height"], image["width"]
        body = coco.annToMask(annotation).astype(bool)
        inner = rle.decode(rle.frPyObjects(annotation["trabecular"], *size)).astype(bool)
        assert annotation["area"] == body.sum()
        assert rle.toBbox(rle.frPyObjects(annotation["segmentation"], *size)).tolist() == annotation["bbox"]
        target = rebuilt[image["case"]][image["slice"]]
        target[body] = label(level, SHELL)
        target[inner] += 1
    assert len(rebuilt) == made.cases
    for case in in_split(dataset, "train", "validation", "test"):
        _, labels = case.read()
        turned = sitk.DICOMOrient(labels.to_sitk(), "LPS")
        np.testing.assert_array_equal(rebuilt[case.id], sitk.GetArrayFromImage(turned))
        corner = np.array(grids[case.id]["ijk_to_ras"])[:3, 3] * [-1, -1, 1]
        np.testing.assert_allclose(corner, turned.GetOrigin(), atol=1e-6)
    assert not [found for path in made.folder.rglob("*") if path.is_file() for found in identifying(path)]


def test_our_own_reader_of_slices_takes_the_coco_export(dataset: Dataset, tmp_path: Path) -> None:
    made = to_coco(dataset, tmp_path / "coco")
    patients = {case.patient for case in in_split(dataset, "train", "validation", "test")}
    table = tmp_path / "t.csv"
    table.write_text("patient,t_score\n" + "".join(f"{patient},-2.7\n" for patient in patients))
    slices = read_slices(made.folder, table)
    assert {one.patient for one in slices} == patients
    assert all(len(one.boxes) for one in slices)
    with pytest.raises(InputError, match="table of T-scores"):
        read_slices(made.folder)


def test_bids_has_valid_names_sidecars_and_descriptions(dataset: Dataset, tmp_path: Path) -> None:
    made = to_bids(dataset, tmp_path / "bids")
    entity = r"sub-[a-zA-Z0-9]+_ses-[a-zA-Z0-9]+"
    images = sorted(path for path in made.folder.rglob("*.nii.gz"))
    assert len(images) == 2 * made.cases
    for path in images:
        suffix = "_desc-vertebrae_dseg" if "derivatives" in path.parts else "_ct"
        assert re.fullmatch(rf"{entity}{suffix}\.nii\.gz", path.name)
        subject, session = path.name.split("_")[:2]
        assert path.parts[-4:-1] == (subject, session, "ct")
        assert json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
    for folder, kind in ((made.folder, "raw"), (made.folder / "derivatives" / "osteoscreen", "derivative")):
        about = json.loads((folder / "dataset_description.json").read_text())
        assert about["DatasetType"] == kind
        assert {"Name", "BIDSVersion", "GeneratedBy"} <= set(about)
    with (made.folder / "participants.tsv").open(newline="") as file:
        people = list(csv.DictReader(file, delimiter="\t"))
    assert [row["participant_id"] for row in people] == sorted({f"sub-{case.patient}" for case in in_split(
        dataset, "train", "validation", "test")})  # fmt: skip
    with (made.folder / "derivatives" / "osteoscreen" / "desc-vertebrae_dseg.tsv").open(newline="") as file:
        lookup = {row["name"]: int(row["index"]) for row in csv.DictReader(file, delimiter="\t")}
    assert lookup["L1 trabecular"] == 202
    for case in in_split(dataset, "train", "validation", "test"):
        volume, labels = case.read()
        place, name = Path(f"sub-{case.patient}", f"ses-{case.id}", "ct"), f"sub-{case.patient}_ses-{case.id}"
        assert_same_image(made.folder / place / f"{name}_ct.nii.gz", volume.voxels, volume.ijk_to_ras)
        masks = made.folder / "derivatives" / "osteoscreen" / place
        assert_same_image(masks / f"{name}_desc-vertebrae_dseg.nii.gz", labels.voxels, labels.ijk_to_ras)
    assert not [found for path in made.folder.rglob("*") if path.is_file() for found in identifying(path)]


@pytest.mark.parametrize("write", [to_nnunet, to_decathlon, to_coco, to_bids])
def test_an_export_is_whole_or_not_there(write, dataset: Dataset, tmp_path: Path) -> None:
    output = tmp_path / "Dataset100_Spine"
    with pytest.raises(Cancelled):
        write(dataset, output, cancelled=iter([False, False, True]).__next__)
    assert list(tmp_path.iterdir()) == []
    output.mkdir()
    with pytest.raises(OutputError, match="is there already"):
        write(dataset, output)
    nobody = Dataset(dataset.folder, tuple(case for case in dataset.cases if not case.reviewed))
    with pytest.raises(InputError, match="nothing to export"):
        write(nobody, tmp_path / "Dataset101_Spine")


def test_cases_without_a_split_are_not_exported(tmp_path: Path) -> None:
    volume, labels = tiny_case()
    add_case(tmp_path / "d", volume, NewMask(labels))
    with pytest.raises(InputError, match="dataset split"):
        to_bids(open_dataset(tmp_path / "d"), tmp_path / "bids")
