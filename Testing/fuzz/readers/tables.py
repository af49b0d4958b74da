"""Tables (CSV) and settings (YAML, TOML) that people write."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from OsteoScreenLib.cohorts.manifest import read_manifest
from OsteoScreenLib.labelled_table import column, labels, numbers, read_table
from OsteoScreenLib.measurement.site import fit_site
from OsteoScreenLib.radiographs.systems import SYSTEMS
from OsteoScreenLib.radiomics.settings import read_settings
from OsteoScreenLib.signature.labelled_features import read_rows, take_features
from OsteoScreenLib.training.configuration import load_settings
from OsteoScreenLib.training.pictures import read_pictures
from OsteoScreenLib.training.slice_dataset import read_statuses
from Testing.fuzz.given import Given
from Testing.fuzz.mutation import NUMBERS, WORDS, spoilt_text
from Testing.fuzz.reader import Reader

_FEATURES = b"""case,patient,level,roi,label,original_firstorder_Mean,original_glcm_Contrast,scanner
a,p1,L1,trabecular,0,101.5,3.25,x
b,p2,L2,trabecular,1,88.0,2.5,y
c,p3,L3,trabecular,0,140.25,1.75,x
d,p4,L4,trabecular,1,61.0,4.5,y
"""
_SITE = b"level,hu,manufacturer,model,kvp,qct_mg_cm3,t_score\n" + b"".join(
    b"L1,%d,Maker,One,120,%d,%.1f\n" % (60 + 12 * n, 50 + 10 * n, -3.6 + 0.3 * n) for n in range(12)
)
_STUDY = b"label,set,hu,score\n" + b"".join(
    b"%d,%s,%d,%.2f\n" % (n % 3 == 0, b"train" if n < 8 else b"test", 90 + (37 * n) % 80, (n * 0.31) % 1)
    for n in range(16)
)
_MANIFEST = b"case,input,series,hospital\none,a.nii.gz,,A\ntwo,sub/b.nrrd,3,B\n,c,,C\n"
_FILMS = b"path,label,patient,age,sex,bmi\na.png,1,p1,70,F,22.5\nb.png,0,p2,61,M,27\n"
_STATUSES = b"patient,t_score\np1,-2.7\np2,0.3\np3,-1.2\n"
_YAML = b"""setting:
  binWidth: 25
  resampledPixelSpacing: [1, 1, 1]
  normalize: true
imageType:
  Original: {}
  LoG:
    sigma: [1.0, 2.0]
featureClass:
  firstorder:
  glcm: [Contrast]
"""
_TOML = b"steps = 100\nbatch = 2\nseed = 3\n"


def _features(folder: Path) -> None:
    table = read_rows(folder / "a.csv")
    taken = take_features(table, "label")
    assert np.isfinite(taken.data.X).all()
    assert taken.data.X.shape == (len(taken.data), len(taken.data.names))


def _site(folder: Path) -> None:
    site = fit_site(folder / "a.csv", "here")
    assert all(np.isfinite(one.offset_hu) for one in site.scanners)


def _study(folder: Path) -> None:
    table = read_table(folder / "a.csv")
    assert labels(table, "label").dtype == bool
    assert np.isfinite(numbers(table, ["hu", "score"])).all()
    column(table, "set")


def _manifest(folder: Path) -> None:
    cases = read_manifest(folder / "a.csv")
    assert cases
    for one in cases:
        assert one.name not in ("", ".", "..")
        assert not set(one.name) & set('/\\\0:*?"<>|\n')


def _reader(name: str, file: str, content: bytes, read: Callable[[Path], object]) -> Reader:
    return Reader(name, lambda: [{file: content}], partial(_spoilt, file), read)


def _spoilt(file: str, rng: Random, given: Given) -> Given:
    content = given[file]
    if file.endswith(".csv") and rng.random() < 0.5:
        rows = [line.split(b",") for line in content.strip().split(b"\n")]
        for _ in range(rng.choice((1, 1, 2, 4))):
            row = rng.choice(rows)
            row[rng.randrange(len(row))] = rng.choice(NUMBERS + WORDS)
        return {file: b"\n".join(b",".join(row) for row in rows) + b"\n"}
    return {file: spoilt_text(rng, content)}


READERS = (
    _reader("features-csv", "a.csv", _FEATURES, _features),
    _reader("manifest", "a.csv", _MANIFEST, _manifest),
    _reader("site-csv", "a.csv", _SITE, _site),
    _reader("study-csv", "a.csv", _STUDY, _study),
    _reader("films-csv", "a.csv", _FILMS, lambda folder: read_pictures(folder / "a.csv", SYSTEMS["verte-x"])),
    _reader("t-scores-csv", "a.csv", _STATUSES, lambda folder: read_statuses(folder / "a.csv")),
    _reader("settings-yaml", "a.yaml", _YAML, lambda folder: read_settings(folder / "a.yaml").columns),
    _reader("training-toml", "a.toml", _TOML, lambda folder: load_settings(folder / "a.toml")),
)
