"""Commands are tested without most features and without a detector: what those do is tested elsewhere."""

from functools import partial

import pytest

from OsteoScreenLib.errors import AnatomyError
from OsteoScreenLib.radiomics.extract import extract
from OsteoScreenLib.radiomics.settings import Settings


@pytest.fixture(autouse=True)
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(extract, settings=Settings(image_types=("Original",), features=("firstorder_Mean",)))
    monkeypatch.setattr("OsteoScreenLib.screening.extract", quick)


@pytest.fixture(autouse=True)
def no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise AnatomyError("nothing was looked for")

    monkeypatch.setattr("OsteoScreenLib.screening.detect", nothing)
