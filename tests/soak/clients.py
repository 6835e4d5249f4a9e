"""Many clients at once, each with its own patient: open, encode, ask, close, over and over, against the real server.

Nobody may meet an error or another's answer, and the server must hold no more at the end than at the beginning.
Run: python -m tests.soak.clients --minutes 2 [--clients 8] [--model asap-mini]
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asap.client import AsapClient, ClientError, GroundAnswer, NotFound, SessionGone
from asap.volume import Volume
from tests.server.live import LiveServer, live_server
from tests.soak.process import MemoryWatch, files_below, held, settled
from tests.thorax import thorax

SENTENCES = (
    "The heart is enlarged.",
    "Nodule in the right upper lobe.",
    "No pleural effusion.",
    "Left lower lobe consolidation.",
)
REPORT = "FINDINGS: " + " ".join(SENTENCES)
APART_MM = 1000.0
WARM, END = (0.2, 0.35), (0.85, 1.0)  # shares of the time whose memory is compared
DRIFT_SHARE, DRIFT_MB = 0.05, 52.4


@dataclass
class Tally:
    """What happened. wrong: answers that were not the asker's own."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def failed(self, error: Exception) -> None:
        with self.lock:
            self.errors[f"{type(error).__name__}: {error}"] += 1

    def mixed_up(self, how: str) -> None:
        with self.lock:
            self.wrong.append(how)


@dataclass(frozen=True)
class Outcome:
    """The soak's figures. drift_mb: memory at the end against that after warming up; files, left: held too many at the end."""

    counts: dict[str, int]
    errors: dict[str, int]
    wrong: list[str]
    warm_mb: float
    drift_mb: float
    files: int
    threads: int
    left: list[str]

    @property
    def passed(self) -> bool:
        """Whether every bar is held."""
        steady = self.drift_mb <= max(DRIFT_SHARE * self.warm_mb, DRIFT_MB)
        return bool(self.counts.get("loops")) and not (self.errors or self.wrong or self.left or self.files > 0) and steady


class Patient:
    """One client's own case: its chest lies a metre from everybody else's, so that every answer names its owner."""

    def __init__(self, number: int) -> None:
        plain = thorax(spacing_mm=(5.0, 5.0, 5.0))
        affine = plain.affine.copy()
        affine[:3, 3] += APART_MM * number
        self.number = number
        self.volume = Volume(np.clip(plain.hu.astype(np.int32) + number, -1024, 3000).astype(np.int16), affine)
        self.voxels = self.volume.hu.astype("<i2").tobytes(order="F")

    def owns(self, place_ras_mm: tuple[float, ...]) -> bool:
        """Whether a place lies in this patient."""
        return all(abs(mm - APART_MM * self.number) < APART_MM / 2 for mm in place_ras_mm)


def loop_until(server: LiveServer, number: int, end: float, tally: Tally, ids: dict[int, str]) -> None:
    """One client until the time is over. ids: the study every client has open, for the others to try."""
    patient, rounds = Patient(number), 0
    client = AsapClient(server.url, server.token)
    while time.monotonic() < end:
        try:
            one_round(client, patient, tally, ids)
            rounds += 1
            if rounds % 5 == 0:
                client.close()
                client = AsapClient(server.url, server.token)
        except (ClientError, OSError, ValueError) as error:
            tally.failed(error)
            client.close()
            client = AsapClient(server.url, server.token)
    client.close()


def one_round(client: AsapClient, patient: Patient, tally: Tally, ids: dict[int, str]) -> None:
    """Open, encode, ask, try what is not ours, close."""
    study = client.open_study(patient.voxels, patient.volume.shape, patient.volume.affine.tolist())
    ids[patient.number] = study
    corners = client.encode(study).coverage
    if corners is None or not all(patient.owns(corner) for corner in corners.corner_ras_mm):
        tally.mixed_up("coverage")
    for sentence in SENTENCES:
        check(client.ground(study, sentences=[sentence]), (sentence,), patient, tally)
    check(client.ground(study, report=REPORT), SENTENCES, patient, tally)
    for owner, foreign in list(ids.items()):
        if owner != patient.number:
            try:
                client.study(foreign)
                tally.mixed_up("another's study answers")
            except NotFound:
                tally.add("foreign ids refused")
    client.close_study(study)
    try:
        client.study(study)
        tally.mixed_up("a closed study answers")
    except (NotFound, SessionGone):
        tally.add("loops")


def check(answer: GroundAnswer, asked: tuple[str, ...], patient: Patient, tally: Tally) -> None:
    """Every answer must be to the question, and lie in the patient."""
    tally.add("answers")
    if tuple(sentence.text for sentence in answer.sentences) != asked:
        tally.mixed_up("texts")
    for sentence in answer.sentences:
        if sentence.peak_ras_mm is not None and not patient.owns(sentence.peak_ras_mm):
            tally.mixed_up("peak")
        if sentence.map is not None and not patient.owns(tuple(row[3] for row in sentence.map.affine_ras_mm[:3])):
            tally.mixed_up("map")


def soak(server: LiveServer, *, clients: int, seconds: float) -> Outcome:
    """Run the clients and look what the server holds before and after. The server must have places for one session more."""
    tally, ids = Tally(), {}
    probe = AsapClient(server.url, server.token)
    one_round(probe, Patient(0), tally, {})  # so that what is loaded once does not count
    probe.close()
    files, left = settled(server.pid, 0, 3.0), files_below(server.temp)
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=loop_until, args=(server, n, end, tally, ids)) for n in range(1, clients + 1)]
    with MemoryWatch(server.pid) as memory:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    after = settled(server.pid, files)
    warm = memory.between(*WARM)
    return Outcome(
        dict(tally.counts), dict(tally.errors), tally.wrong, warm, memory.between(*END) - warm,
        after - files, held(server.pid).threads, sorted(files_below(server.temp) - left),
    )  # fmt: skip


def report(outcome: Outcome) -> str:
    """The figures as lines."""
    lines = [f"  {name:24} {count:8d}" for name, count in sorted(outcome.counts.items())]
    lines += [f"  {'errors':24} {sum(outcome.errors.values()):8d}   {outcome.errors or ''}"]
    lines += [f"  {'wrong-owner answers':24} {len(outcome.wrong):8d}   {outcome.wrong[:5] or ''}"]
    lines += [f"  {'memory after warm-up':24} {outcome.warm_mb:8.0f} MB, drift {outcome.drift_mb:+.1f} MB"]
    lines += [f"  {'open files':24} {outcome.files:+8d}   threads {outcome.threads}"]
    lines += [f"  {'temporary files left':24} {len(outcome.left):8d}   {outcome.left[:5] or ''}"]
    return "\n".join(lines)


def main() -> int:
    """Print the figures; 1 when a bar is not held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--model", default="asap-mini")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = ("--models", options.model, "--sessions", str(2 * options.clients))  # one that is being closed still counts
        with live_server(Path(folder), *words, by_command=True) as server:
            outcome = soak(server, clients=options.clients, seconds=60 * options.minutes)
    print(f"{options.clients} clients, {options.minutes} minutes, {options.model}")
    print(report(outcome))
    print("  passed" if outcome.passed else "  FAILED")
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
