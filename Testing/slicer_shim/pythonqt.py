"""PySide6 objects that behave as Slicer's PythonQt shows them to a script.

Qt properties are attributes (``button.text``, not ``button.text()``), signals are connected by their C++ signature
(``button.connect("clicked()", f)``), and an attribute that Qt does not know cannot be set.
"""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QMetaMethod, QObject, SignalInstance


class Wrapped:
    """A QObject as PythonQt shows it."""

    def __init__(self, qobject: QObject) -> None:
        object.__setattr__(self, "qobject", qobject)

    def __getattr__(self, name: str) -> Any:
        qobject = self.qobject
        if name == "name":
            return qobject.objectName()
        if qobject.metaObject().indexOfProperty(name) >= 0:
            return wrap(qobject.property(name))
        found = getattr(qobject, name)
        if isinstance(found, SignalInstance):
            return found
        return _method(found) if callable(found) else found

    def __setattr__(self, name: str, value: Any) -> None:
        name = {"name": "objectName"}.get(name, name)
        if self.qobject.metaObject().indexOfProperty(name) < 0:
            raise AttributeError(f"{type(self.qobject).__name__} has no property '{name}'")
        self.qobject.setProperty(name, unwrap(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wrapped) and other.qobject is self.qobject

    def __hash__(self) -> int:
        return hash(self.qobject)

    def connect(self, signal: str, slot: Callable) -> None:
        """Connect a signal given as in C++, with as many of its arguments as the signature has."""
        name, _, rest = signal.partition("(")
        instance = getattr(self.qobject, name, None)
        if not isinstance(instance, SignalInstance) or name not in signals(self.qobject):
            raise ValueError(f"{type(self.qobject).__name__} has no signal {signal}")
        count = len([one for one in rest.rstrip(")").split(",") if one.strip()])
        most = max(method.parameterCount() for method in signals(self.qobject)[name])
        if count > most:
            raise ValueError(f"{signal} has more arguments than {type(self.qobject).__name__}::{name}")
        instance.connect(lambda *arguments: slot(*map(wrap, arguments[:count])))


def signals(qobject: QObject) -> dict[str, list[QMetaMethod]]:
    """Return the signals of an object by name, each with its overloads."""
    meta = qobject.metaObject()
    found: dict[str, list[QMetaMethod]] = {}
    for index in range(meta.methodCount()):
        method = meta.method(index)
        if method.methodType() == QMetaMethod.MethodType.Signal:
            found.setdefault(method.name().data().decode(), []).append(method)
    return found


class WrappedClass:
    """A Qt class as PythonQt shows it."""

    def __init__(self, qt_class: type) -> None:
        self.qt_class = qt_class

    def __call__(self, *arguments: Any) -> Any:
        return wrap(self.qt_class(*map(unwrap, arguments)))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.qt_class, name)
        return _method(found) if callable(found) and not isinstance(found, type) else found


def wrap(value: Any) -> Any:
    """Return a value as PythonQt hands it to a script."""
    if isinstance(value, QObject):
        return Wrapped(value)
    if isinstance(value, list | tuple):
        return type(value)(map(wrap, value))
    return value


def unwrap(value: Any) -> Any:
    """Return a value as PySide6 takes it."""
    if isinstance(value, Wrapped):
        return value.qobject
    if isinstance(value, list | tuple):
        return type(value)(map(unwrap, value))
    return value


def _method(method: Callable) -> Callable:
    return lambda *arguments: wrap(method(*map(unwrap, arguments)))
