"""Taking a series from an archive: the parts come out whole however they are cut, limits hold, and who waits may leave."""

from __future__ import annotations

import random
import threading
import time

import pytest

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")

from asap import limits
from asap.errors import Cancelled, InputError, LimitError
from monailabel_app.lib.archive_fetch import apart, parts


def message(bodies: list[bytes], *, preamble: bytes = b"") -> bytes:
    whole = preamble
    for body in bodies:
        whole += b"\r\n--limit\r\nContent-Type: application/dicom\r\n\r\n" + body
    return (whole + b"\r\n--limit--\r\n").removeprefix(b"\r\n")


@pytest.mark.parametrize("preamble", [b"", b"to be left out"])
@pytest.mark.parametrize("piece", [1, 7, 64, 10**6])
def test_parts_come_out_as_they_were_however_they_are_cut(piece: int, preamble: bytes) -> None:
    rng = random.Random(piece)
    bodies = [rng.randbytes(size) for size in (0, 1, 50, 400)] + [b"\r\n--limi\r\n\r\n", b"x--limit", b"\r\n\r\n"]
    whole = message(bodies, preamble=preamble)
    chunks = [whole[start : start + piece] for start in range(0, len(whole), piece)]
    assert list(parts(chunks, b"limit")) == bodies


@pytest.mark.parametrize("missing", [1, 6, 12, 40, 10**6])
def test_an_answer_that_breaks_off_is_no_series(missing: int) -> None:
    whole = message([b"one", b"two"]).rstrip()
    with pytest.raises(ValueError, match="breaks off"):
        list(parts([whole[: max(0, len(whole) - missing)]], b"limit"))


def test_a_part_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_UPLOAD_BYTES", 10_000)
    sent = []

    def endless() -> object:
        while True:
            sent.append(1)
            yield bytes(1000)

    with pytest.raises(LimitError):
        list(parts(endless(), b"limit"))  # type: ignore[arg-type]
    assert len(sent) <= 11


def test_who_waits_leaves_at_once_and_the_work_is_told() -> None:
    told = threading.Event()

    def work(given_up: threading.Event) -> None:
        assert given_up.wait(60)
        told.set()

    def pause() -> None:
        raise Cancelled("no more")

    start = time.monotonic()
    with pytest.raises(Cancelled):
        apart(work, pause)
    assert time.monotonic() - start < 30.0
    assert told.wait(30)


def test_what_the_work_returns_or_raises_comes_back() -> None:
    pauses: list[int] = []

    def fails(_: threading.Event) -> None:
        time.sleep(0.3)
        raise InputError("The archive did not deliver this series; try again.")

    assert apart(lambda _: 7, lambda: None) == 7
    with pytest.raises(InputError, match="did not deliver"):
        apart(fails, lambda: pauses.append(1))
    assert pauses
