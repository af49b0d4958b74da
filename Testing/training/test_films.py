"""Films to learn from: who is a patient, what is a copy, and that a network learns, resumes and is tested honestly."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from OsteoScreenLib.cli.app import main
from OsteoScreenLib.errors import InputError, ModelError
from OsteoScreenLib.radiographs.film import names_of
from OsteoScreenLib.radiographs.prepare import knee, resized
from OsteoScreenLib.radiographs.score import load_scorer, score_films
from OsteoScreenLib.radiographs.systems import SYSTEMS, Recipe, graded_by
from OsteoScreenLib.training.duplicates import find_duplicates, without_duplicates
from OsteoScreenLib.training.film_sets import Films, prepare_films, split_films, varied
from OsteoScreenLib.training.films import Choices, area, train
from OsteoScreenLib.training.phantom_films import write_phantom_films
from OsteoScreenLib.training.pictures import Picture, limited, read_pictures

TEXTURE = SYSTEMS["bone-texture"]


def texture(seed: int, coarse: bool) -> np.ndarray:
    """Return a picture of grain, coarse in the ill class."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([seed, coarse])
    image = gaussian_filter(rng.standard_normal((96, 96)), 3.0 if coarse else 1.0)
    return np.rint(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("films")
    for name in TEXTURE.classes:
        (data / name).mkdir()
        for seed in range(36):
            Image.fromarray(texture(seed, name == TEXTURE.classes[1])).save(data / name / f"{seed:02d}.png")
    return data


def test_folders_are_the_classes_and_each_film_a_patient(folder: Path) -> None:
    pictures, _ = read_pictures(folder, TEXTURE)
    assert len(pictures) == 72
    assert {one.path.parent.name for one in pictures if one.ill} == {"degraded"}
    assert len({one.patient for one in pictures}) == 72
    few = limited(pictures, 20, seed=0)
    assert len(few) == 20
    assert sum(one.ill for one in few) == 10


def test_a_table_says_who_and_what_is_known(folder: Path) -> None:
    table = folder / "films.csv"
    table.write_text(
        "path,label,patient,age,sex\nnormal/00.png,0,a,61,F\ndegraded/00.png,1,b,,m\ndegraded/01.png,1,b,70,\n"
    )
    pictures, _ = read_pictures(table, TEXTURE)
    assert [one.patient for one in pictures] == ["a", "b", "b"]
    assert [one.clinical for one in pictures] == [
        {"age": 61.0, "sex": 1.0},
        {"age": None, "sex": 0.0},
        {"age": 70.0, "sex": None},
    ]


def test_a_bone_score_labels_films_and_what_lies_between_is_left_out(tmp_path: Path) -> None:
    table = tmp_path / "films.csv"
    scores = {"a": 1.2, "b": 1.201, "c": 1.349, "d": 1.35, "e": 0.9}
    table.write_text("path,tbs,patient\n" + "".join(f"{name}.png,{tbs},{name}\n" for name, tbs in scores.items()))
    pictures, said = read_pictures(table, TEXTURE)
    assert {one.patient: one.ill for one in pictures} == {"a": True, "d": False, "e": True}
    assert said == ("2 of 5 films are left out: TBS between 1.2 and 1.35.",)
    whole = replace(TEXTURE, grading=graded_by(TEXTURE, 1.2, 1.201))
    assert len(read_pictures(table, whole)[0]) == 5
    with pytest.raises(InputError, match="no column 'label'"):
        read_pictures(table, SYSTEMS["knee"])


def test_bounds_that_cross_or_mean_nothing_are_refused() -> None:
    with pytest.raises(InputError, match=r"1\.35 and 1\.2 overlap"):
        graded_by(TEXTURE, 1.35, 1.2)
    with pytest.raises(InputError, match="knee are not labelled by a score"):
        graded_by(SYSTEMS["knee"], 1.2, 1.35)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path,patient\na.png,a\n", "no column 'label'"),
        ("path,label,patient\na.png,1,a\n", "holds 1 alone"),
        ("path,tbs,patient\na.png,1.1,a\nb.png,,b\n", "'tbs' has no finite number in 1 of 2 rows"),
        ("path,tbs,patient\na.png,1.1,a\nb.png,1.3,b\n", "holds 1 alone"),
        ("path,label,patient,age\na.png,1,a,old\nb.png,0,b,5\n", "holds 'old'"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "films.csv").write_text(text)
    with pytest.raises(InputError, match=why):
        read_pictures(tmp_path / "films.csv", TEXTURE)


def test_wrong_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    with pytest.raises(InputError, match="normal and degraded; it has good"):
        read_pictures(tmp_path, TEXTURE)


def test_copies_are_found_kept_together_and_refused_where_they_conflict(tmp_path: Path) -> None:
    first, other = texture(1, False), texture(2, False)
    Image.fromarray(first).save(tmp_path / "a.png")
    Image.fromarray(first).save(tmp_path / "a_again.png")
    Image.fromarray(first).save(tmp_path / "a_small.jpg", quality=60)
    Image.fromarray(other).save(tmp_path / "b.png")
    names = ["a.png", "a_again.png", "a_small.jpg", "b.png"]
    pictures = [Picture(tmp_path / name, False, name) for name in names]
    found = find_duplicates(pictures)
    assert found.exact == ((0, 1),)
    assert found.alike == ((0, 1, 2),)
    kept, said = without_duplicates(pictures)
    assert [one.patient for one in kept] == ["a.png", "a.png", "b.png"]
    assert said == [
        "Exact copies left out: 1.",
        "Films that look alike, which no split parts: 2 in 1 groups.",
        "Groups of copies under different patients, which a split by patient would have parted: 1.",
    ]
    conflicting = [*pictures[:2], Picture(tmp_path / "a_small.jpg", True, "c"), pictures[3]]
    with pytest.raises(InputError, match=r"different labels, such as a\.png and a_again\.png"):
        without_duplicates(conflicting)
    assert [one.path.name for one in without_duplicates(conflicting, drop_conflicting=True)[0]] == ["b.png"]


def test_films_are_prepared_once(folder: Path, tmp_path: Path) -> None:
    pictures = read_pictures(folder, TEXTURE)[0][:3]
    films = prepare_films(pictures, TEXTURE, tmp_path)
    assert films.images.shape == (3, 224, 224)
    assert films.images.dtype == np.float16
    made = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    prepare_films(pictures, TEXTURE, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == made


def test_variation_stays_within_what_the_paper_allows() -> None:
    image = np.zeros((224, 224), np.float32)
    image[60:164, 80:144] = 0.5
    rng = np.random.default_rng(0)
    looks = [varied(image, TEXTURE.variation, rng) for _ in range(20)]
    assert all(look.shape == image.shape for look in looks)
    assert {bool(look.max() > 0.5) for look in looks} == {True, False}, "10 to 40 % brighter or darker"
    assert all(0.3 - 1e-6 <= look.max() <= 0.7 + 1e-6 for look in looks)
    same = varied(image, TEXTURE.variation, np.random.default_rng(5))
    assert np.array_equal(same, varied(image, TEXTURE.variation, np.random.default_rng(5)))


def test_a_saved_model_says_of_the_films_held_out_what_it_was_tested_with(folder: Path, tmp_path: Path) -> None:
    pictures = limited(read_pictures(folder, TEXTURE)[0], 48, seed=1)
    films = prepare_films(pictures, TEXTURE, tmp_path)
    trained = train(TEXTURE, films, tmp_path / "model", tmp_path, Choices("model-3", epochs=1, workers=0))
    scorer = load_scorer("bone-texture", tmp_path / "model")
    said = score_films(scorer, [one.path for one in trained.test.pictures], {}).scores
    assert [one.score for one in said] == pytest.approx(trained.scores, abs=1e-4)
    margin = abs(trained.scores - scorer.threshold) > 1e-4
    classes = np.array([one.label == "degraded" for one in said])
    assert margin.any()
    assert np.array_equal(classes[margin], (trained.scores >= scorer.threshold)[margin])


def test_films_of_one_name_are_told_apart_by_their_folders() -> None:
    assert names_of([Path("a/x.png"), Path("b/y.png")]) == ["x.png", "y.png"]
    assert names_of([Path("d/a/x.png"), Path("d/b/x.png")]) == ["a/x.png", "b/x.png"]
    assert names_of([Path("d/x.png"), Path("d/b/x.png")]) == ["x.png", "b/x.png"]
    assert names_of([Path("x.png"), Path("x.png")]) == ["x.png", "x.png"]


def test_a_small_network_learns_is_tested_and_scores_a_film(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, scored = tmp_path / "model", tmp_path / "scored"
    command = ["train", "bone-texture", str(folder), "-o", str(model), "--network", "model-3", "--workers", "0"]
    assert main([*command, "--epochs", "24", "--device", "cpu"]) == 0
    said = capfd.readouterr().out
    assert float(said.split("AUC ")[1].split()[0]) > 0.9
    assert {path.name for path in (model / "test").iterdir()} >= {
        "metrics.csv", "roc.svg", "confusion.svg", "misclassified.png", "report.html",
    }  # fmt: skip
    assert main([*command, "--epochs", "24", "--device", "cpu"]) == 0, "a finished run is taken up and ends at once"
    capfd.readouterr()

    films = [folder / "degraded" / "00.png", folder / "normal" / "00.png"]
    score = ["radiograph", "bone-texture", *map(str, films), "--model", str(model), "-o", str(scored)]
    assert main(score) == 0
    lines = (scored / "scores.csv").read_text().splitlines()[1:]
    ill, healthy = (float(line.split(",")[1]) for line in lines)
    assert ill > healthy
    assert [line.split(",")[0] for line in lines] == ["degraded/00.png", "normal/00.png"]
    assert "Research use only" in (scored / "report.html").read_text()
    assert main(["radiograph", "knee", str(films[0]), "--model", str(model), "-o", str(scored)]) == 2
    assert "not one of knee" in capfd.readouterr().err


def test_squeezenet_learns_its_synthetic_task_from_nothing(tmp_path: Path) -> None:
    """On smaller films than the paper's, for speed; all networks: `Testing.benchmarks.films`."""
    write_phantom_films(tmp_path / "knees", SYSTEMS["knee"], 80, seed=2)
    small = replace(TEXTURE, classes=SYSTEMS["knee"].classes, prepare=lambda film: resized(knee(film), (64, 64)))
    films = prepare_films(read_pictures(tmp_path / "knees", small)[0], small, tmp_path)
    recipe = Recipe(epochs=8, batch=8, optimiser="adam", rate=5e-4)
    choices = Choices("squeezenet1_0", workers=0, recipe=recipe)
    trained = train(small, films, tmp_path / "model", tmp_path / "run", choices)
    assert trained.result.auc > 0.9
    assert len(trained.test.pictures) == 24
    assert trained.seconds_for_10_epochs > 0


def test_a_network_that_says_the_same_of_every_film_is_not_saved(tmp_path: Path) -> None:
    assert area(np.array([True, True, False, False]), np.zeros(4)) == 0.5
    films = Films(
        np.full((40, 224, 224), 0.5, np.float16),
        tuple(Picture(tmp_path / f"{n}.png", n % 2 == 1, str(n)) for n in range(40)),
    )
    with pytest.raises(ModelError, match="the same of every film"):
        train(TEXTURE, films, tmp_path / "model", tmp_path / "run", Choices("model-3", epochs=1, workers=0))
    assert not (tmp_path / "model").exists()


def test_the_papers_order_puts_looks_at_one_film_on_both_sides_and_ours_does_not(tmp_path: Path) -> None:
    system = SYSTEMS["knee"]
    images = np.random.default_rng(0).random((30, 224, 224)).astype(np.float16)
    films = Films(images, tuple(Picture(tmp_path / f"{n}.png", n % 2 == 1, f"p{n // 2}") for n in range(30)))
    ours, theirs = (split_films(system, films, Choices(paper_order=paper)) for paper in (False, True))
    assert ours.warnings == ()
    assert not set(ours.test.patients) & (set(ours.learned.patients) | set(ours.watched.patients))
    assert len(theirs.test.pictures) + len(theirs.watched.pictures) + len(theirs.learned.pictures) == 90
    both = {one.path for one in theirs.test.pictures} & {
        one.path for one in (*theirs.learned.pictures, *theirs.watched.pictures)
    }
    assert len(both) > 15
    assert f"of {len(both)} of 30 films" in theirs.warnings[0]


def test_a_share_of_the_films_is_learned_from(tmp_path: Path) -> None:
    images = np.zeros((60, 4, 4), np.float16)
    films = Films(images, tuple(Picture(tmp_path / str(n), n % 2 == 1, str(n)) for n in range(60)))
    split = split_films(SYSTEMS["verte-x-vfa"], films, Choices(learn_share=0.3))
    assert len(split.test.pictures) == 42
    assert len(split.learned.pictures) + len(split.watched.pictures) == 18
