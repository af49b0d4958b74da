"""Memory is refused, not swapped; and what libraries say of it is understood."""

import subprocess
import sys

import pytest

from OsteoScreenLib.cohorts import limits
from OsteoScreenLib.cohorts.limits import limits_for, out_of_memory
from OsteoScreenLib.errors import InputError


def test_workers_share_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "machine_memory", lambda: 20.0)
    assert limits_for(4, None, 60).memory == pytest.approx(20 * limits.SHARE / 4)
    assert limits_for(4, 5.0, 60).memory == 5.0
    with pytest.raises(InputError, match=r"4 workers of 6 GiB need 24 GiB; this machine has 20. Give --workers 3"):
        limits_for(4, 6.0, 60)
    with pytest.raises(InputError, match="A worker needs 2 GiB and would get"):
        limits_for(16, None, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
@pytest.mark.parametrize(
    "hungry",
    [
        "numpy.ones(2**30)",
        "torch.ones(2**31)",
        "SimpleITK.Image(2048, 1024, 1024, SimpleITK.sitkInt16)",
    ],
)
def test_what_asks_for_more_is_refused_and_the_error_understood(hungry: str) -> None:
    code = (
        "import numpy, torch, SimpleITK\n"
        "from OsteoScreenLib.cohorts.limits import out_of_memory, take_memory_limit\n"
        "take_memory_limit(2.0)\n"
        f"try:\n    {hungry}\nexcept Exception as error:\n    print(out_of_memory(error))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "True"


def test_other_errors_are_not_taken_for_memory() -> None:
    assert not out_of_memory(ValueError("bad shape"))
