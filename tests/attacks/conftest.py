"""A warm reader child of one's own, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asap.errors import InputError
from asap.io.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A started sandbox that has already refused one file."""
    box = Sandbox()
    empty = tmp_path_factory.mktemp("warm") / "empty"
    empty.write_bytes(b"")
    with pytest.raises(InputError):
        box.parse(empty)
    yield box
    box.close()


def peak_mib(box: Sandbox) -> float:
    """Largest resident size of the child so far."""
    for line in Path(f"/proc/{box.child_id}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no peak memory in the process status")
