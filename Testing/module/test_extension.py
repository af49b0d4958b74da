"""The extension as Slicer builds and installs it. ``python -m Testing.module.test_extension`` mends the file lists."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

import OsteoScreenLib

ROOT = Path(OsteoScreenLib.__file__).parent.parent
if not (ROOT / "CMakeLists.txt").is_file():
    pytest.skip("not in the source tree", allow_module_level=True)

SCHEMA = {
    "type": "object",
    "required": ["$schema", "category", "scm_url"],
    "additionalProperties": False,
    "properties": {
        **{key: {"type": "string"} for key in ("$schema", "category", "scm_url", "scm_revision", "dicom_support_rule")},
        "scm_type": {"enum": ["git", "local"]},
        "build_dependencies": {"type": "array", "items": {"type": "string"}},
        "build_subdirectory": {"type": "string"},
        "enabled": {"type": "boolean"},
        "tier": {"type": "integer", "minimum": 1, "maximum": 5},
    },
}
"""What the ExtensionsIndex's schema 1.0.2 asks of an entry."""


def files(folder: Path) -> tuple[list[str], list[str]]:
    """Return scripts and resources of a folder as its CMakeLists.txt should name them."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    names = sorted(path.relative_to(folder).as_posix() for path in found if path.name != "CMakeLists.txt")
    scripts = [name for name in names if name.endswith(".py")]
    resources = [name for name in names if not name.endswith(".py")]
    if folder.name == "OsteoScreenLib":
        models = (ROOT / "Resources" / "Models").glob("*/model.*")
        resources += sorted(f"../{path.relative_to(ROOT).as_posix()}" for path in models)
    return scripts, resources


def listed(text: str, variable: str) -> list[str]:
    return re.search(rf"set\({variable}\n(.*?)\n?  \)", text, re.S)[1].split()


@pytest.mark.parametrize("name", ["OsteoScreen", "OsteoScreenLib"])
def test_every_file_is_installed(name: str) -> None:
    text = (ROOT / name / "CMakeLists.txt").read_text(encoding="utf-8")
    scripts, resources = files(ROOT / name)
    assert listed(text, "MODULE_PYTHON_SCRIPTS") == scripts
    assert listed(text, "MODULE_PYTHON_RESOURCES") == resources


def test_the_entry_for_the_extensions_index_follows_its_schema() -> None:
    entry = json.loads((ROOT / "OsteoScreen.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(entry)] == []
    assert entry["$schema"].endswith("schema-v1.0.2.json#")
    assert entry["build_dependencies"] == ["PyTorch"]


def test_the_entry_and_the_build_agree() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    entry = json.loads((ROOT / "OsteoScreen.json").read_text(encoding="utf-8"))
    said = dict(re.findall(r'set\((\w+) "(.*)"\)', text))
    assert re.search(r"^project\(OsteoScreen\)$", text, re.M)
    assert entry["scm_url"] == f"{said['REPOSITORY']}.git"
    assert said["EXTENSION_CATEGORY"] == entry["category"]
    assert said["EXTENSION_DEPENDS"].split() == entry["build_dependencies"]
    for key in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS"):
        assert said[f"EXTENSION_{key}"]
    for url in ("EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"):
        assert (ROOT / said[url].split("/raw/main/")[1]).is_file()


@pytest.mark.parametrize("icon", ["OsteoScreen.png", "OsteoScreen/Resources/Icons/OsteoScreen.png"])
def test_icons_have_the_size_that_slicer_shows(icon: str) -> None:
    from PIL import Image

    assert Image.open(ROOT / icon).size == (128, 128)


def mend() -> None:
    """Write the lists anew."""
    for name in ("OsteoScreen", "OsteoScreenLib"):
        path = ROOT / name / "CMakeLists.txt"
        text = path.read_text(encoding="utf-8")
        for variable, names in zip(("SCRIPTS", "RESOURCES"), files(ROOT / name), strict=True):
            lines = "".join(f"\n  {one}" for one in names)
            text = re.sub(rf"(set\(MODULE_PYTHON_{variable}).*?(\n  \))", rf"\1{lines}\2", text, flags=re.S)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    mend()
