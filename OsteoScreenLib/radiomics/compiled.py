"""Loops compiled by numba, of which LLVM's code is kept: a later run turns it into the processor's without numba.

numba keeps what it has compiled, too. But its import takes 0.6 s of processor time, as long as half of a case's
features, where the kept code is read and translated in 0.05 s.
"""

from collections.abc import Callable
from contextlib import suppress
from ctypes import CFUNCTYPE, c_int64
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.ctypeslib import ndpointer

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.output import staged_file
from OsteoScreenLib.user_folder import user_folder

if TYPE_CHECKING:
    from llvmlite.binding import ExecutionEngine, ModuleRef

UINT16, INT32, INT64, FLOAT64 = map(
    partial(ndpointer, ndim=1, flags="C_CONTIGUOUS"), (np.uint16, np.int32, np.int64, np.float64)
)
"""Flat arrays that a kernel takes."""

_loaded: dict[Callable, tuple[Callable, "ExecutionEngine"]] = {}
_one_at_a_time = Lock()


def compiled(kernel: Callable[..., None]) -> Callable[..., None]:
    """Return a kernel as a C function, which threads run at once; compile it unless that was done on this machine.

    A kernel is a function of plain loops that returns nothing. Each parameter is annotated as one of the arrays above,
    whose kind is checked at every call, or as `c_int64`. Indices are not checked. The code is kept beside the kernel's
    file or, if that is read-only, in the user's folder; it is made anew where the file, this one or LLVM is another.
    """
    with _one_at_a_time:
        if kernel not in _loaded:
            _loaded[kernel] = _load(kernel)
        return _loaded[kernel][0]


def _load(kernel: Callable) -> tuple[Callable, "ExecutionEngine"]:
    """Return the C function and what its code lives in."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = _kept(kernel) or _made(kernel)
    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True,
        reloc="static" if target.name.startswith("x86") else "default", codemodel="jitdefault",
    )  # fmt: skip
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    (name,) = (function.name for function in module.functions if function.name.startswith("cfunc."))
    return CFUNCTYPE(None, *_parameters(kernel))(engine.get_function_address(name)), engine


def _kept(kernel: Callable) -> "ModuleRef | None":
    """Return the module that was kept for a kernel, unless there is none that can be read."""
    import llvmlite.binding as llvm

    for path in _places(kernel):
        with suppress(OSError, ValueError, RuntimeError):
            return llvm.parse_assembly(path.read_text(encoding="utf-8"))
    return None


def _made(kernel: Callable) -> "ModuleRef":
    """Compile a kernel and keep the module in the first place that takes it."""
    import llvmlite.binding as llvm
    from numba import cfunc, from_dtype, types

    arguments = [types.int64 if kind is c_int64 else types.CPointer(from_dtype(kind._dtype_))
                 for kind in _parameters(kernel)]  # fmt: skip
    text = cfunc(types.void(*arguments), error_model="numpy")(kernel).inspect_llvm()
    for path in _places(kernel):
        with suppress(OSError, OsteoScreenError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with staged_file(path) as staged:
                staged.write_text(text, encoding="utf-8")
            break
    return llvm.parse_assembly(text)


def _parameters(kernel: Callable) -> list[Any]:
    """Return the C types of a kernel's parameters."""
    return [kind for name, kind in kernel.__annotations__.items() if name != "return"]


def _places(kernel: Callable) -> tuple[Path, Path]:
    """Return where a kernel's module may be kept, named after all that it depends on."""
    import llvmlite
    import llvmlite.binding as llvm

    source = Path(kernel.__code__.co_filename)
    texts = [path.read_text(encoding="utf-8") for path in (source, Path(__file__))]
    made_of = "\n".join([llvmlite.__version__, llvm.get_process_triple(), *texts])
    name = f"{source.stem}.{kernel.__name__}.{sha256(made_of.encode()).hexdigest()[:16]}.ll"
    return source.parent / "__pycache__" / name, user_folder() / "compiled" / name
