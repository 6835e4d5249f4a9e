"""What was measured of one trained row, as a file that says whether the row is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.io.atomic import write_bytes
from asap_training.grounding_score import Row

RESULT_NAME = "measures.json"  # rows with a result.json alone were measured otherwise, and are measured anew


@dataclass(frozen=True, eq=False)
class Result:
    """One row with one seed. steps, batch: what it was trained with.

    grounding: one entry per held-out sentence. cases: of each held-out box, the number of the case it was cut from. zero_shot,
    stated, probes: scores [R, F] of the held-out boxes, of `findings`; probes by the share of the training boxes, several draws
    of small shares. found: [R, F] who has what. ranks: [R, 2] of retrieval. study: scores [R, F] of the heads for whole studies,
    where the row trains such heads.
    """

    row: str
    seed: int
    steps: int
    batch: int
    grounding: tuple[Row, ...]
    cases: tuple[int, ...]
    findings: tuple[str, ...]
    found: NDArray[np.bool_]
    zero_shot: NDArray[np.float64]
    stated: NDArray[np.float32]
    probes: dict[str, list[NDArray[np.float64]]]
    ranks: NDArray[np.float64]
    organ_error: float
    organ_error_of_the_mean: float
    study: NDArray[np.float64] | None = None


def write_result(folder: Path, result: Result) -> None:
    """Whole or not at all."""
    plain = asdict(result) | {"grounding": [asdict(row) for row in result.grounding]}
    write_bytes(folder / RESULT_NAME, json.dumps(plain, default=_listed).encode(), "result of a row")


def results(out: Path) -> Iterator[Result]:
    """Every finished row below a folder, in order of name and seed."""
    for path in sorted(out.glob(f"*/{RESULT_NAME}")):
        data: dict[str, Any] = json.loads(path.read_text())
        for name in ("found", "zero_shot", "stated", "ranks"):
            data[name] = np.array(data[name])
        data["study"] = None if data.get("study") is None else np.array(data["study"])
        data["probes"] = {share: [np.array(draw) for draw in draws] for share, draws in data["probes"].items()}
        data["grounding"] = tuple(Row(**row) for row in data["grounding"])
        data["findings"], data["cases"] = tuple(data["findings"]), tuple(data["cases"])
        yield Result(**data)


def _listed(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a result")
