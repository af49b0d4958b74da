"""Find the names that the module uses in Slicer's and CTK's sources, and write ``slicer_5_12.json``.

``python -m Testing.slicer_shim.find_names SLICER CTK`` takes git directories of both. The file says for each name in
which header or script of Slicer 5.12.0, or of the CTK that it builds on, PythonQt or Python find it: as property,
signal, slot, enumerator, invokable or wrapped method. A name that is not found stops it.
"""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from Testing.slicer_shim.used_names import used_names

SLICER, CTK = "a5df71450f1d27d87dc1c513bc25c57c702bf71d", "5056664a20a3d0a393bb6d91f040525581e0dcdf"
"""Slicer 5.12.0, and the commit of CTK in its SuperBuild/External_CTK.cmake."""

NAMES = Path(__file__).parent / "slicer_5_12.json"
SCRIPTS = {
    "slicer.util": "Base/Python/slicer/util.py",
    "slicer.i18n": "Base/Python/slicer/i18n.py",
    "slicer.packaging": "Base/Python/slicer/packaging.py",
    "slicer.ScriptedLoadableModule": "Base/Python/slicer/ScriptedLoadableModule.py",
    "SampleData.SampleDataLogic": "Modules/Scripted/SampleData/SampleData.py",
}


def of_slicer(name: str) -> bool:
    """Tell whether a name is Slicer's or CTK's; those of Qt and of slicer-core's classes can be tried out instead."""
    return name.startswith(("designer.", "qMRML", "qSlicer", "ctk", "slicer.", "SampleData.", "vtkSlicerPlotsLogic"))


def main(slicer: str, ctk: str) -> None:
    """Write the file."""
    sources = {**headers(slicer, SLICER), **headers(ctk, CTK)}
    found = {}
    for name in sorted(filter(of_slicer, used_names())):
        owner, _, member = name.rpartition(".")
        if owner in SCRIPTS:
            text = show(slicer, SLICER, SCRIPTS[owner])
            where = SCRIPTS[owner] if re.search(rf"^\s*(def|class) {member}\b|^{member} = ", text, re.M) else None
        elif owner == "designer":
            where = sources.get(f"{member}Plugin", (None,))[-1]
        else:
            where = in_header(member if owner == "ctk" else owner, None if owner == "ctk" else member, sources)
        if where is None:
            sys.exit(f"{name} is not in Slicer 5.12.0")
        found[name] = where
    NAMES.write_text(json.dumps({"Slicer": SLICER, "CTK": CTK, "names": found}, indent=1) + "\n", encoding="utf-8")


def headers(repository: str, commit: str) -> dict[str, tuple[str, str, str]]:
    """Return repository, commit and path of each header, by the name of its class."""
    tree = git(repository, "ls-tree", "-r", "--name-only", commit)
    return {Path(path).stem: (repository, commit, path) for path in tree.splitlines() if path.endswith(".h")}


def in_header(owner: str, member: str | None, sources: dict[str, tuple[str, str, str]]) -> str | None:
    """Return the header where a class, or a base of it, offers a member to Python; "Qt" where Qt's own class does."""
    if owner not in sources:
        return "Qt" if owner.startswith("Q") and member is not None and in_qt(owner, member) else None
    text = show(*sources[owner])
    path = sources[owner][2]
    if member is None or member in offered(text):
        return path
    bases = re.findall(rf"class \w*\s*{owner}\b[^{{;]*?: *public (\w+)", text, re.S)
    return next(filter(None, (in_header(base, member, sources) for base in bases)), None)


def offered(text: str) -> set[str]:
    """Return what a header offers to Python: properties, enumerators, signals, slots, invokables; VTK's methods."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    names = set(re.findall(r"Q_PROPERTY\(\s*[\w:<>]+\s+(\w+)", text))
    for body in re.findall(r"enum\b[^{;]*\{(.*?)\}", text, re.S):
        names |= set(re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body))
    qt, offering = "Q_OBJECT" in text, False
    for line in text.splitlines():
        access = re.match(r"\s*(public|protected|private)?\s*(slots|Q_SLOTS|signals|Q_SIGNALS)?\s*:\s*$", line)
        if access:
            offering = (
                access[2] is not None and access[1] not in ("protected", "private") if qt else access[1] == "public"
            )
        if offering or "Q_INVOKABLE" in line:
            names |= set(re.findall(r"(\w+)\s*\(", line))
    return names


def in_qt(owner: str, member: str) -> bool:
    """Tell whether a Qt class has a member or a property, by PySide6's."""
    from PySide6 import QtCore, QtWidgets

    from Testing.slicer_shim.widgets import application

    found = getattr(QtWidgets, owner, None) or getattr(QtCore, owner, None)
    if found is None or hasattr(found, member):
        return found is not None
    application()
    if not issubclass(found, QtCore.QObject):
        return False
    meta = found().metaObject() if found is not QtWidgets.QAbstractButton else QtWidgets.QPushButton().metaObject()
    while meta is not None and meta.className() != owner:
        meta = meta.superClass()
    return meta is not None and meta.indexOfProperty(member) >= 0


@cache
def show(repository: str, commit: str, path: str) -> str:
    """Return a file's text."""
    return git(repository, "show", f"{commit}:{path}")


def git(repository: str, *arguments: str) -> str:
    """Return what git says."""
    run = subprocess.run(["git", "--git-dir", repository, *arguments], capture_output=True, check=True)
    return run.stdout.decode(errors="replace")


if __name__ == "__main__":
    main(*sys.argv[1:])
