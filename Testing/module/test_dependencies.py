"""What is missing is named with its size, installed on a click alone, and a refusal leaves the panel usable."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def without(panel: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The panel in a Slicer without PyTorch, safetensors and pandas."""
    from OsteoScreenPanel import dependencies

    gone = {"torch", "safetensors", "pandas"}
    present = dependencies.present.__wrapped__
    fresh = lambda module: module not in gone and present(module)  # noqa: E731
    fresh.cache_clear = lambda: None
    monkeypatch.setattr(dependencies, "present", fresh)
    monkeypatch.delitem(sys.modules, "PyTorchUtils", raising=False)
    panel.refresh()
    panel.gone = gone
    return panel


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked for."""
    import slicer.util

    asked: list[list[str]] = []
    monkeypatch.setattr(slicer.util, "pip_install", asked.append)
    return asked


def test_each_missing_package_is_named_with_its_size(without: Any) -> None:
    said = without.ui.dependenciesLabel.text
    assert "safetensors (1 MB)" in said
    assert "torch (5 GB)" in said
    assert "monai" not in said
    assert "pandas (81 MB)" in without.ui.measureDependenciesLabel.text
    assert not without.ui.segmentButton.enabled
    assert not without.ui.measureButton.enabled


def test_nothing_is_installed_before_a_click_nor_after_a_refusal(
    without: Any, asked: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer.util

    assert asked == []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: False)
    without.ui.measureInstallButton.click()
    assert asked == []
    without.ui.engineComboBox.currentIndex = without.ui.engineComboBox.count - 1
    assert without.ui.dependenciesLabel.text == "", "a label map needs nothing of it"


def test_slicer_5_10_installs_by_pip_after_asking(without: Any, asked: list, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer.util

    questions = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: questions.append(text) or True)
    without.ui.measureInstallButton.click()
    assert asked == [["pandas>=2.2"]]
    assert "pandas (81 MB)" in questions[0]


def test_newer_ones_install_by_slicer_packaging(without: Any, asked: list, monkeypatch: pytest.MonkeyPatch) -> None:
    packaging = ModuleType("slicer.packaging")
    packaging.pip_ensure = lambda requirements, requester: asked.append([*requirements, requester])
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    without.ui.measureInstallButton.click()
    assert asked == [["pandas>=2.2", "OsteoScreen"]]


def test_pytorch_comes_from_its_extension_or_not_at_all(
    without: Any, asked: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer.util

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: True)
    without.ui.installButton.click()
    assert "extension PyTorch" in without.ui.statusLabel.text
    assert asked == []
    wanted = []
    logic = SimpleNamespace(installTorch=lambda **how: wanted.append(how) or object())
    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=lambda: logic))
    without.ui.installButton.click()
    assert wanted == [{"askConfirmation": True, "torchVersionRequirement": ">=2.6"}]
    assert asked == [["safetensors>=0.4.5"]]


def test_sample_data_is_registered_with_its_hash(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from OsteoScreenPanel import sample_data

    said: dict[str, str] = {}
    logic = SimpleNamespace(registerCustomSampleDataSource=lambda **what: said.update(what))
    monkeypatch.setitem(sys.modules, "SampleData", SimpleNamespace(SampleDataLogic=logic))
    sample_data.register()
    assert said["uris"].startswith("https://")
    assert len(said["checksums"].removeprefix("SHA256:")) == 64
