"""The module on Qt stand-ins and slicer-core's MRML; that is not "tested in Slicer"."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def module() -> ModuleType:
    """The scripted module, imported as Slicer imports it."""
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed (extra 'test')")
    pytest.importorskip("trame_slicer", reason="slicer-core is not installed (extra 'viewer')")
    from Testing.slicer_shim.desktop import load_module

    return load_module()


@pytest.fixture
def panel(module: ModuleType) -> Iterator[Any]:
    """The panel over an empty scene."""
    import shiboken6
    import slicer

    slicer.mrmlScene.Clear(False)
    panel = module.OsteoScreenWidget()
    panel.enter()
    yield panel
    panel.cleanup()
    shiboken6.delete(panel.parent.qobject)
    slicer.mrmlScene.Clear(False)


@pytest.fixture
def wait() -> Callable[..., None]:
    """Let the application run until something holds."""

    def until(condition: Callable[[], bool], seconds: float = 120) -> None:
        import slicer

        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            slicer.app.processEvents()
            time.sleep(0.02)

    return until
