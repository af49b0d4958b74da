"""What a fresh install gets: every direct dependency pinned, and one place for the version."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import OsteoScreenLib

ROOT = Path(OsteoScreenLib.__file__).parent.parent
if not (ROOT / "pyproject.toml").is_file():
    pytest.skip("not in the source tree", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OWN = f"{PROJECT['name']}["
"""How an extra that takes in another one of ours begins."""
DIRECT = sorted({*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)})
DIRECT = [line for line in DIRECT if not line.startswith(OWN)]

ENGINES_OF_OTHERS = {"nnunetv2"}
"""Imported only where the user has installed them and asks for them: `segmentation.nnunet_folder`."""


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("line", DIRECT)
def test_each_direct_dependency_is_pinned_at_a_version_it_allows(line: str) -> None:
    wanted = Requirement(line)
    assert pins()[canonicalize_name(wanted.name)] in wanted.specifier


def test_the_library_imports_nothing_that_is_not_a_direct_dependency() -> None:
    known = {module: {canonicalize_name(name) for name in names} for module, names in packages_distributions().items()}
    declared = {canonicalize_name(Requirement(line).name) for line in DIRECT}
    for path in sorted((ROOT / "OsteoScreenLib").rglob("*.py")):
        for module in imported(path) - set(sys.stdlib_module_names) - ENGINES_OF_OTHERS - {"OsteoScreenLib"}:
            assert declared & known.get(module, {module}), f"{path.name} imports {module}"


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}}


def test_the_extras_are_those_promised_and_make_installs_them() -> None:
    assert set(EXTRAS) >= {"viewer", "detection", "dicom", "cluster", "test"}
    made = re.search(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert made is not None
    assert set(made[1].split(",")) == {name for name, packages in EXTRAS.items() if packages}


def test_the_version_stands_in_one_place_and_the_changelog_knows_it() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", OsteoScreenLib.__version__)
    for name in ("CHANGELOG.md", "CITATION.cff"):
        assert OsteoScreenLib.__version__ in (ROOT / name).read_text(encoding="utf-8")
