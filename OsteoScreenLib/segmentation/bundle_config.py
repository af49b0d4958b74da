"""What may be built of a MONAI bundle's config: networks, transforms and inferers of MONAI, and no code.

Configs of bundles are programs: expressions are evaluated as Python, targets may be any function, imports and files
are followed. Here only three sections are built, from classes that compute, with plain arithmetic at most; whatever
else the config holds (handlers, evaluators, loaders, ``run``) is never looked at.
"""

import ast
import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from OsteoScreenLib.errors import ModelError

if TYPE_CHECKING:
    from monai.bundle import ComponentLocator
    from monai.inferers import Inferer
    from monai.transforms import Compose
    from torch.nn import Module

SECTIONS = ("network_def", "preprocessing", "inferer")
PACKAGES = ("monai.networks.nets", "monai.transforms.", "monai.inferers.", "torch.nn.")

_REFERENCE = re.compile(r"@(\w+)(?:(?:#|::)\w+)*")
_ARITHMETIC = (
    ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.IfExp, ast.Compare, ast.BoolOp, ast.UnaryOp,
    ast.BinOp, ast.Name, ast.Load, ast.cmpop, ast.boolop, ast.unaryop, ast.Add, ast.Sub, ast.Mult, ast.Div,
)  # fmt: skip


def build(config: dict[str, Any], device: str) -> "tuple[Module, Compose, Inferer]":
    """Build network, preprocessing (without its file loader) and inferer of a bundle's inference config.

    Every ``device`` in them is `device`. Raises `ModelError` where one is missing, or asks for anything but classes
    of `PACKAGES` and arithmetic.
    """
    from monai.bundle import ConfigParser

    sections = _prepared(_needed(config), device)
    _check(sections)
    try:
        parser = ConfigParser(sections, globals=False)
        parser.locator = _locator()
        return tuple(parser.get_parsed_content(name) for name in SECTIONS)
    except Exception as error:  # MONAI builds what it is told, and fails as what it is told does
        raise ModelError(f"The bundle's config cannot be built: {(str(error).splitlines() or ['?'])[-1]}") from error


def _needed(config: dict[str, Any]) -> dict[str, Any]:
    """Return the three sections and those that they refer to."""
    needed: dict[str, Any] = {}
    waiting = list(SECTIONS)
    while waiting:
        name = waiting.pop()
        if name not in config:
            raise ModelError(f"The bundle's configs/inference.json has no {name}; such bundles are not supported.")
        if name not in needed:
            needed[name] = config[name]
            if name != "device":
                waiting += [each for text in _texts(config[name]) for each in _REFERENCE.findall(text)]
    return needed


def _texts(item: Any) -> list[str]:
    if isinstance(item, dict):
        return [text for key, value in item.items() if key != "device" for text in _texts(value)]
    if isinstance(item, list):
        return [text for value in item for text in _texts(value)]
    return [item] if isinstance(item, str) else []


def _prepared(item: Any, device: str) -> Any:
    """Return a copy for our device and for an image that is in memory already."""
    if isinstance(item, dict):
        return {key: device if key == "device" else _prepared(value, device) for key, value in item.items()}
    if isinstance(item, list):
        return [_prepared(each, device) for each in item if not _is_loader(each)]
    return item


def _is_loader(item: Any) -> bool:
    return isinstance(item, dict) and str(item.get("_target_", "")).rpartition(".")[2] in ("LoadImaged", "LoadImageD")


def _check(item: Any) -> None:
    """Raise `ModelError` for anything in a config that could do more than compute."""
    if isinstance(item, dict):
        if "_target_" in item:
            _check_target(item)
        for key, value in item.items():
            if key == "_mode_" and value != "default":
                _refuse(f"_mode_ {value}")
            _check(value)
    elif isinstance(item, list):
        for each in item:
            _check(each)
    elif isinstance(item, str) and (item.startswith("%") or "@#" in item or "@::" in item):
        _refuse(item)
    elif isinstance(item, str) and item.startswith("$"):
        _check_expression(item)


def _check_expression(text: str) -> None:
    try:
        tree = ast.parse(_REFERENCE.sub("reference", text[1:]).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        _refuse(text)
    for node in ast.walk(tree):
        if not isinstance(node, _ARITHMETIC) or (isinstance(node, ast.Name) and node.id != "reference"):
            _refuse(text)


def _check_target(component: dict[str, Any]) -> None:
    from pydoc import locate

    from monai.inferers import Inferer
    from monai.transforms import Compose, MapTransform
    from torch.nn import Module

    target = component["_target_"]
    if not isinstance(target, str) or target.startswith(("$", "@", "%")):
        _refuse(str(target))
    modules = _locator().get_component_module_name(target)
    module = modules[0] if isinstance(modules, list) else modules
    name = f"{module}.{target}" if module else target
    found = locate(name) if name.startswith(PACKAGES) else None
    if not (
        isinstance(found, type)
        and issubclass(found, Module | MapTransform | Compose | Inferer)
        and found.__module__.startswith(PACKAGES)
        and not found.__module__.startswith("monai.transforms.io")
    ):
        _refuse(target)
    for argument in inspect.signature(found).parameters.values():
        if "pretrain" in argument.name and component.get(argument.name, argument.default):
            _refuse(f"{target} with {argument.name}, which downloads weights")


@cache
def _locator() -> "ComponentLocator":
    """Return MONAI's table of its short names, which takes a second to make."""
    from monai.bundle import ComponentLocator

    return ComponentLocator()


def _refuse(what: str) -> None:
    raise ModelError(f"The bundle's config asks for {what[:80]!r}; only MONAI's networks and transforms are built.")
