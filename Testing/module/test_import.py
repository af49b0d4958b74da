"""Opening the module costs little, and asks for nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "monai", "sklearn", "pandas", "matplotlib", "torchvision", "scipy", "SimpleITK", "pydantic"}

IMPORT = """
import json, sys, time
from Testing.slicer_shim.desktop import load_module, start
start()
before, started = set(sys.modules), time.process_time()
load_module()
seconds = time.process_time() - started
print(json.dumps({"seconds": seconds, "new": sorted({name.split(".")[0] for name in set(sys.modules) - before})}))
"""


def test_the_import_is_quick_and_light() -> None:
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed (extra 'test')")
    pytest.importorskip("trame_slicer", reason="slicer-core is not installed (extra 'viewer')")
    run = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["seconds"] < 1, "CPU seconds"
    assert not HEAVY & set(found["new"])
