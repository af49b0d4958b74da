"""What a task needs beyond Slicer's own packages: named with its size, installed on a click, never by itself.

PyTorch comes through Slicer's PyTorch extension, which chooses the build for the machine's GPU.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import slicer
from slicer.i18n import tr as _


@dataclass(frozen=True)
class Package:
    """A package: the name to import, what to ask pip for, and its size when installed, in MB."""

    module: str
    requirement: str
    megabytes: int


PYDANTIC = Package("pydantic", "pydantic>=2.8", 10)
PANDAS = Package("pandas", "pandas>=2.2", 81)
SAFETENSORS = Package("safetensors", "safetensors>=0.4.5", 1)
EINOPS = Package("einops", "einops>=0.8", 1)
MONAI = Package("monai", "monai>=1.5", 14)
TORCH = Package("torch", "torch>=2.6", 5000)
JINJA2 = Package("jinja2", "jinja2>=3.1", 1)
MATPLOTLIB = Package("matplotlib", "matplotlib>=3.9", 36)
PILLOW = Package("PIL", "pillow>=11", 22)
NUMBA = Package("numba", "numba>=0.61", 213)
THREADPOOLCTL = Package("threadpoolctl", "threadpoolctl>=3.5", 1)
YAML = Package("yaml", "PyYAML>=6.0", 3)
TORCHVISION = Package("torchvision", "torchvision>=0.21", 10)
DCURVES = Package("dcurves", "dcurves>=1.1.5", 100)

NETWORK = (PYDANTIC, SAFETENSORS, EINOPS, MONAI, TORCH)
MEASURING = (PANDAS,)
NEEDED = {
    "st-unet": NETWORK,
    "labels": (PYDANTIC,),
    "totalsegmentator": NETWORK,
    "nnunet": (*NETWORK, Package("nnunetv2", "nnunetv2>=2.6", 300)),
    "monai": (*NETWORK, YAML),
    "measure": MEASURING,
    "detect": (*NETWORK, TORCHVISION),
    "report": (PYDANTIC, *MEASURING, JINJA2, MATPLOTLIB, PILLOW, NUMBA, THREADPOOLCTL),
    "evaluate": (PANDAS, DCURVES),
    "cards": (PYDANTIC,),
    "radiograph": (*NETWORK, TORCHVISION, *MEASURING, JINJA2, MATPLOTLIB, PILLOW),
    "dataset": (PYDANTIC,),
    "fine-tune": NETWORK,
}
"""Packages by task; tasks of segmentation are named after the engine."""


@cache
def present(module):
    """Tell whether a package is there, without importing it."""
    return find_spec(module) is not None


def has_model(name):
    """Tell whether a network's weights are installed: in the folders that OsteoScreenLib.models searches."""
    if not present("pydantic"):
        return False
    from OsteoScreenLib.models import CARD, search_path

    return any((folder / name / CARD).is_file() for folder in search_path())


def missing(task):
    """Return the packages that a task needs and Slicer does not have."""
    return [package for package in NEEDED[task] if not present(package.module)]


def describe(packages):
    """Return one line that names packages and sizes; nothing for none."""
    if not packages:
        return ""
    names = ", ".join(f"{package.module} ({_size(package.megabytes)})" for package in packages)
    return _("Needs packages that Slicer does not have: {names}.").format(names=names)


def install(task, say):
    """Install what a task lacks, when the user has asked for it; a refusal or a failure leaves everything as it was."""
    wanted = missing(task)
    others = [package.requirement for package in wanted if package is not TORCH]
    try:
        if TORCH in wanted:
            _install_torch()
        if others:
            _pip(others, describe(wanted))
        say("")
    except Exception as problem:  # pip and its dialogs raise what they like
        say(_("Nothing was installed, or not all: {problem}").format(problem=problem))
    present.cache_clear()


def _pip(requirements, question):
    try:
        from slicer.packaging import pip_ensure
    except ImportError:  # Slicer 5.10
        if slicer.util.confirmOkCancelDisplay(question + "\n" + _("Install them into Slicer's Python?")):
            slicer.util.pip_install(requirements)
        return
    pip_ensure(requirements, requester="OsteoScreen")


def _install_torch():
    try:
        import PyTorchUtils
    except ModuleNotFoundError:
        raise RuntimeError(_("install the extension PyTorch in the Extensions Manager first.")) from None
    if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=">=2.6") is None:
        raise RuntimeError(_("PyTorch was not installed."))


def _size(megabytes):
    return f"{megabytes / 1000:.0f} GB" if megabytes >= 1000 else f"{megabytes} MB"
