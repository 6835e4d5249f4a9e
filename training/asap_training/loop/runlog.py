"""What a run says while it goes: one JSON line a step, a line on the terminal now and then, TensorBoard where it is installed."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from asap.io.atomic import write_bytes

SAY_EVERY_S = 10.0
LOG_NAME = "log.jsonl"


class RunLog:
    """The log of the first rank; on the others every call is silent. Lines an earlier run logged after `step` are dropped."""

    def __init__(self, folder: Path, *, step: int, samples: int, total: int, first: bool) -> None:
        self._first, self._total = first, total
        self._began, self._samples_before, self._waited = time.monotonic(), samples, 0.0
        self._said = self._began
        self._board: Any = None
        if first:
            keep_until(folder / LOG_NAME, step)
            self._file = (folder / LOG_NAME).open("a", encoding="utf-8")
            self._board = _tensorboard(folder, step)

    def waited(self, seconds: float) -> None:
        """Add time that was spent waiting for data."""
        self._waited += seconds

    def step(self, step: int, samples: int, stats: dict[str, float]) -> None:
        """Log the step that made `samples` samples in all."""
        if not self._first:
            return
        now = time.monotonic()
        rate = (samples - self._samples_before) / max(now - self._began, 1e-9)
        pace = {"samples_per_s": rate, "waiting": self._waited / max(now - self._began, 1e-9)}
        left_s = (self._total - samples) / max(rate, 1e-9)
        self._file.write(json_line({"step": step, "samples": samples} | stats | pace | {"seconds_left": left_s}))
        self._file.flush()
        if self._board is not None:
            for name, value in (stats | pace).items():
                self._board.add_scalar(name, value, step)
        if now - self._said >= SAY_EVERY_S or samples >= self._total:
            self._said = now
            print(
                f"step {step}  loss {stats['loss']:.4f}  {samples / self._total:.1%}  {rate:.2f} samples/s  "
                f"{pace['waiting']:.0%} waiting for data  {_clock(left_s)} left",
                flush=True,
            )

    def say(self, sentence: str) -> None:
        """One line for the person who watches."""
        if self._first:
            print(sentence, flush=True)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._first:
            self._file.close()
        if self._board is not None:
            self._board.close()


def json_line(values: dict[str, float]) -> str:
    """One line of a log. JSON has no word for what is not a number: null."""
    plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return json.dumps(plain, allow_nan=False) + "\n"


def keep_until(path: Path, step: int) -> None:
    """Drop the lines of later steps, which a resumed run takes again, and a line that was cut off."""
    if not path.exists():
        return
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
    write_bytes(path, "".join(line + "\n" for line in kept).encode(), "training log")


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _tensorboard(folder: Path, step: int) -> Any:
    """A writer that takes back what an earlier run drew after `step`; None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra that few machines have
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)


def _clock(seconds: float) -> str:
    minutes = int(seconds) // 60
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes else f"{int(seconds)} s"
