"""What a drafted report said of its own sentence, before any reader: whether the image supports it, and if not, why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

DraftState = Literal["supported", "held back", "contradicted"]
DRAFT_STATES: tuple[DraftState, ...] = get_args(DraftState)


@dataclass(frozen=True)
class Drafted:
    """organ: heading within the findings, such as "Lungs". probability: calibrated P(what it says is true), None without.

    reason: why the draft does not stand by the sentence, "" where it does. label, label_probability: what the classifier says
    of its finding; "" and None where none of its labels stands for it.
    """

    state: DraftState
    organ: str
    probability: float | None
    reason: str = ""
    label: str = ""
    label_probability: float | None = None

    @property
    def words(self) -> str:
        """The state with its reason, such as "held back: 31% is less than the 50% a sentence needs."; "" for a supported one."""
        if self.state == "supported":
            return ""
        return f"{self.state}: {self.reason}" if self.reason else self.state


def drafted_of(row: Any) -> Drafted | None:
    """Of its record (`dataclasses.asdict`); None for none. ValueError, KeyError or TypeError for another."""
    if row is None:
        return None
    if row["state"] not in DRAFT_STATES:
        raise ValueError("no state of a draft")
    return Drafted(
        row["state"],
        str(row["organ"]),
        _number(row["probability"]),
        str(row["reason"]),
        str(row["label"]),
        _number(row["label_probability"]),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
