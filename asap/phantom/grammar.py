"""Filling the slots of a frame and mending the English around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from asap.phantom.phrases import pool
from asap.report import Side


@dataclass(frozen=True)
class Slots:
    """What a frame may be filled with. `at` "right upper lobe" and `inside` " in the right upper lobe" are empty when unnamed."""

    name: str = ""
    names: str = ""
    size_mm: float | None = None
    modifier: str = ""
    at: str = ""
    adjective: str = ""
    inside: str = ""
    suffix: str = ""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """One way to name a place: "the" form, adjective form and "in" form."""

    at: str = ""
    adjective: str = ""
    inside: str = ""


def fits(frame: str, slots: Slots) -> bool:
    """Whether every slot the frame insists on can be filled."""
    if "{mm}" in frame and slots.size_mm is None:
        return False
    if "{at}" in frame and not slots.at:
        return False
    if "{n}" in frame and not slots.name:
        return False
    if "{ns}" in frame and not slots.names:
        return False
    return not ("{adj}" in frame and not slots.adjective)


def fill(frame: str, slots: Slots, centimetres: bool = False) -> str:
    """The finished sentence: slots filled, "a" before vowels turned to "an", first letter capital."""
    mm = "" if slots.size_mm is None else length_text(slots.size_mm, centimetres)
    text = frame.format(
        **slots.extra,
        n=slots.name,
        ns=slots.names,
        size=f"{mm} " if mm else "",
        mm=mm,
        mod=f"{slots.modifier} " if slots.modifier else "",
        at=slots.at,
        adj=f"{slots.adjective} " if slots.adjective else "",
        **{"in": slots.inside + slots.suffix},
    )
    text = re.sub(r"\s+", " ", text).strip().replace(" .", ".").replace(" ,", ",")
    text = re.sub(r"\b([Aa]) (?=(?:[aeioAEIO]|u(?!ni)|8|11 |18 |NG |ET ))", r"\1n ", text)
    return text[0].upper() + text[1:]


def length_text(size_mm: float, centimetres: bool = False) -> str:
    """ "9 mm", or "2.4 cm" when asked."""
    return f"{size_mm / 10:.1f} cm" if centimetres else f"{max(1, round(size_mm))} mm"


def choose(rng: np.random.Generator, frames: Sequence[str], slots: Slots, held_out: bool) -> str | None:
    """A finished sentence from one fitting frame of the training or the held-out pool; None when no frame fits."""
    fitting = [frame for frame in pool(tuple(frames), held_out) if fits(frame, slots)]
    if not fitting:
        return None
    centimetres = bool(slots.size_mm is not None and slots.size_mm >= 15 and rng.random() < 0.3)
    return fill(fitting[int(rng.integers(len(fitting)))], slots, centimetres)


def lung_place(rng: np.random.Generator, side: Side | None, lobe: str | None) -> Place:
    """A wording for a lobe, a lung, both lungs, or a lobe without a side; empty when nothing is known."""
    if side == "bilateral":
        if lobe:
            word = f"both {lobe.replace('_', ' ')}s"
            return Place(word, f"bilateral {lobe.replace('_', ' ')}", f" in {word}")
        inside = str(rng.choice([" in both lungs", " bilaterally", " in the lungs bilaterally", " of both lungs"]))
        return Place("both lungs", "bilateral", inside)
    if lobe is None:
        if side is None:
            return Place()
        word = str(rng.choice([f"{side} lung", f"{side} lung", f"{side} hemithorax"]))
        inside = str(
            rng.choice(
                [f" in the {word}", f" on the {side}", f" on the {side} side", f" of the {side} lung"], p=[0.6, 0.2, 0.1, 0.1]
            )
        )
        return Place(word, str(rng.choice([f"{side} lung", side, f"{side}-sided"])), inside)
    lobe_word = lobe.replace("_", " ")
    if side is None:
        return Place(lobe_word, lobe_word, f" in the {lobe_word}")
    short = f"{side[0]}{lobe[0]}l".upper()
    word = str(
        rng.choice(
            [f"{side} {lobe_word}", f"{lobe_word} of the {side} lung", f"{side} lung {lobe_word}", short],
            p=[0.5, 0.2, 0.15, 0.15],
        )
    )
    adjective = short if word == short else str(rng.choice([f"{side} {lobe_word}", f"{side} lung {lobe_word}"], p=[0.8, 0.2]))
    return Place(
        word, adjective, str(rng.choice([f" in the {word}", f" of the {word}", f" within the {word}"], p=[0.8, 0.1, 0.1]))
    )


def pleural_place(rng: np.random.Generator, side: Side | None) -> Place:
    """A wording for one side of the pleura or both."""
    if side is None:
        return Place()
    if side == "bilateral":
        return Place(
            "both pleural spaces", "bilateral", str(rng.choice([" on both sides", " bilaterally", " in both pleural spaces"]))
        )
    word = str(rng.choice([f"{side} pleural space", f"{side} pleural cavity", f"{side} hemithorax"]))
    inside = str(rng.choice([f" on the {side}", f" in the {word}", f" on the {side} side", f" in the {side} hemithorax"]))
    return Place(word, str(rng.choice([side, f"{side}-sided", f"{side} sided"])), inside)


def bone_place(side: Side | None, bone: str | None) -> Place:
    """A wording for a vertebra, a rib or the sternum."""
    if bone == "ribs":
        named = f"{side} rib" if side else "rib"
        return Place(f"{named}s", named, f" in a {named}")
    return (
        Place("sternum", "sternal", " in the sternum")
        if bone == "sternum"
        else Place("thoracic spine", "vertebral", " in the thoracic spine")
    )
