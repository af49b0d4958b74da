"""What a header claims against what there is: bytes in the file, and memory. Nothing is taken before it is checked."""

import os
from contextlib import suppress
from pathlib import Path

from OsteoScreenLib.errors import InputError

MOST_COMPRESSION = 1100
"""No file of the gzip format holds more times its size (1032)."""

FARTHEST = 1e5
"""Millimetres from the origin beyond which no image lies, and the largest number in the place of one."""

COPIES = 3
"""How many times a volume is in memory while it is read: as it comes, as an array, and as HU."""


def check_size(name: str, promised: int, held: int) -> None:
    """Raise `InputError` where a header promises more bytes than a file can hold, or `COPIES` times memory can."""
    if promised > held:
        raise InputError(
            f"{name} is cut short: its header describes {_amount(promised)} of voxels, which it cannot hold. "
            "Copy or export it again."
        )
    free = free_memory()
    if free is not None and COPIES * promised > free:
        raise InputError(
            f"{name} needs {_amount(COPIES * promised)} of memory to be read, and {_amount(free)} are free. "
            "Crop it to the lumbar spine, or use a machine with more memory."
        )


def free_memory() -> int | None:
    """Return the bytes that this process may still take, by the machine, its control group and its own limit.

    None where the system does not say.
    """
    found = [free for of in (_of_machine, _of_group, _of_process) if (free := of()) is not None]
    return max(0, min(found)) if found else None


def _of_machine() -> int | None:
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None


def _of_group() -> int | None:
    with suppress(OSError, ValueError):  # ValueError: "max", which is no limit
        group = Path("/sys/fs/cgroup")
        facts = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        used = int((group / "memory.current").read_text(encoding="ascii")) - int(facts.get("inactive_file", 0))
        return int((group / "memory.max").read_text(encoding="ascii")) - used
    return None


def _of_process() -> int | None:
    with suppress(ImportError, OSError):  # ImportError: Windows has no such limits
        import resource

        pages = list(map(int, Path("/proc/self/statm").read_text(encoding="ascii").split()))
        used = {resource.RLIMIT_AS: pages[0], resource.RLIMIT_DATA: pages[5]}
        limits = {kind: resource.getrlimit(kind)[0] for kind in used}
        page = os.sysconf("SC_PAGE_SIZE")
        left = [most - page * used[kind] for kind, most in limits.items() if most != resource.RLIM_INFINITY]
        return min(left, default=None)
    return None


def _amount(size: int) -> str:
    if size >= 2**60:  # a text can claim more than a float can hold
        return "more than a billion GiB"
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size} bytes"
