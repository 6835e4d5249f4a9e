"""Reading that nobody waits for any more: the reader child is ended, and the next reading is none the worse."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from asap.errors import Cancelled
from asap.io import sandbox
from asap.io.nifti import write_nifti
from asap.io.read import read_volume


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file that takes the child a second or more."""
    path = tmp_path / "noise.nii.gz"
    noise = np.random.default_rng(0).integers(-1000, 1000, (300, 300, 160), dtype=np.int16)
    write_nifti(path, noise, np.diag([1.0, 1.0, 1.0, 1.0]))
    return path


@pytest.mark.slow
def test_reading_ends_when_it_is_given_up(image: Path) -> None:
    told: list[float] = []

    def give_up() -> None:
        told.append(time.monotonic())
        raise Cancelled("Nobody waits for it.")

    with pytest.raises(Cancelled):
        read_volume(image, give_up)
    assert time.monotonic() - told[0] < 0.5, "the child is ended, not waited for"
    assert sandbox._shared.child_id is None
    calls: list[int] = []
    assert read_volume(image, lambda: calls.append(1)).shape == (300, 300, 160)
    assert len(calls) > 3
