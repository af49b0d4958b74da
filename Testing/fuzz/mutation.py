"""How a good file is spoilt: as bytes, as text, and as the plain values that JSON and tables hold."""

import copy
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

NUMBERS = (
    b"0", b"-1", b"1", b"2", b"7", b"255", b"65535", b"32768", b"-32768", b"2147483647", b"2147483648", b"4294967296",
    b"-2147483649", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"1e308", b"1e400",
    b"-1e308", b"1e-308", b"1e-400", b"nan", b"-nan", b"inf", b"-inf", b"NaN", b"Infinity", b"0x10", b"1_000", b"1.5",
    b"-0.0", b"1e5", b"1e9", b"", b" ", b"x", b"null", b"true", b"1" * 400, b"9" * 5000, b"\xff\xfe", b"\xd9\xa3",
)  # fmt: skip
WORDS = (
    b"\0", b"\n", b"\r\n", b"\n\n", b"\xff", b"\xc3\x28", b"\xf0\x9f\xa6\xb4", b"..", b"../../etc/passwd",
    b"/etc/passwd", b"/dev/zero", b"/proc/self/mem", b"C:\\windows", b"\\\\host\\share", b"file:///etc/passwd", b"http://127.0.0.1/x",
    b"%s%n", b"${HOME}", b"'", b'"', b",", b";", b":", b":=", b"=", b"{", b"}", b"[", b"]", b"(", b")", b"#", b"%",
    b"<script>", b"A" * 3000, b"LOCAL", b"LIST", b"raw", b"gzip", b"hex", b"ascii", b"bzip2", b"double", b"block",
    b"MET_DOUBLE", b"MET_OTHER", b"big", b"little", b"True", b"False", b"L1", b"L9", b"body",
)  # fmt: skip
PLAIN: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**63, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, 1e-308, float("nan"),
    float("inf"), float("-inf"), "", " ", "\0", "x", "L1", "L9", "T13", "..", "../../etc/passwd", "/etc/passwd", "NaN",
    "1e999", "a" * 3000, "\U0001f9b4", "\ud800", "%s", "<b>", "0" * 64, [], {}, [[]], [0] * 3, [None], {"": None},
    [1, 2, 3, 4], ["L1", "L2"], [[0, 1], [0, 1], [0, 1]], [[0, 10**9]] * 3, "2020-01-01T00:00:00Z",
)  # fmt: skip
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

Change = Callable[[Random, bytes], bytes]


def spoilt_bytes(rng: Random, content: bytes) -> bytes:
    """Return content with one to four changes that know nothing of its meaning."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_BYTES)(rng, content)
    return content


def spoilt_text(rng: Random, content: bytes) -> bytes:
    """Return text with one to three changes of its numbers, words or lines, and sometimes of any byte."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(_TEXT)(rng, content)
    return content


def spoilt_plain(rng: Random, value: Any) -> Any:
    """Return a copy of what JSON holds with one to three values replaced, left out, doubled or nested."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _spoil_one(rng, value)
    return value


def _spoil_one(rng: Random, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return rng.choice(PLAIN)
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.6:
        holder[key] = copy.deepcopy(rng.choice(PLAIN))
    elif kind < 0.75:
        del holder[key]
    elif kind < 0.85:
        other, its = rng.choice(places)
        holder[key] = copy.deepcopy(other.get(its)) if isinstance(other, dict) else None
    elif kind < 0.92 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind < 0.96 and isinstance(holder, dict):
        holder[rng.choice(("", "extra", "a" * 300, "__class__", "L9"))] = rng.choice(PLAIN)
    else:
        holder[key] = [holder[key]]
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys]
    return found


def _some(rng: Random, content: Sequence) -> int:
    return rng.randrange(len(content) + 1)


def _flip(rng: Random, content: bytes) -> bytes:
    if not content:
        return content
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def _overwrite(rng: Random, content: bytes) -> bytes:
    place, size = _some(rng, content), rng.choice((1, 2, 4, 8))
    value = rng.choice((b"\0" * 8, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x80" + b"\0" * 7, rng.randbytes(8)))
    if rng.random() < 0.5:
        value = value[::-1]
    return content[:place] + value[:size] + content[place + size :]


def _cut(rng: Random, content: bytes) -> bytes:
    return content[: _some(rng, content)]


def _remove(rng: Random, content: bytes) -> bytes:
    start = _some(rng, content)
    return content[:start] + content[start + rng.choice((1, 2, 4, 16, 100)) :]


def _insert(rng: Random, content: bytes) -> bytes:
    place = _some(rng, content)
    return content[:place] + rng.choice((rng.randbytes(rng.choice((1, 4, 64))), rng.choice(WORDS))) + content[place:]


def _swap(rng: Random, content: bytes) -> bytes:
    a, b, c = sorted(_some(rng, content) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def _double(rng: Random, content: bytes) -> bytes:
    a, b = sorted(_some(rng, content) for _ in range(2))
    return content[:b] + content[a:b] * rng.choice((1, 1, 5)) + content[b:]


def _number(rng: Random, content: bytes) -> bytes:
    found = list(_NUMBER.finditer(content[:4000]))
    if not found:
        return _insert(rng, content)
    one = rng.choice(found)
    return content[: one.start()] + rng.choice(NUMBERS) + content[one.end() :]


def _word(rng: Random, content: bytes) -> bytes:
    found = list(re.finditer(rb"[A-Za-z_]+", content[:4000]))
    if not found:
        return _insert(rng, content)
    one = rng.choice(found)
    return content[: one.start()] + rng.choice(WORDS) + content[one.end() :]


def _line(rng: Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    place, kind = rng.randrange(len(lines)), rng.random()
    if kind < 0.4:
        del lines[place]
    elif kind < 0.6:
        lines.insert(rng.randrange(len(lines)), lines[place])
    elif kind < 0.8:
        head, sign, _ = lines[place].partition(rng.choice((b":", b"=", b",")))
        lines[place] = head + sign + rng.choice((b" ", b"")) + rng.choice(NUMBERS + WORDS)
    else:
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    return b"\n".join(lines)


_BYTES: tuple[Change, ...] = (_flip, _overwrite, _overwrite, _cut, _remove, _insert, _swap, _double)
_TEXT: tuple[Change, ...] = (_number, _number, _number, _word, _word, _line, _line, *_BYTES)
