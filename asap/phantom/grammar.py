"""Filling the slots of a frame and mending the English around them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from asap.phantom import frames as shared_frames
from asap.phantom import organ_phrases, phrases
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
    countable: bool = False
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
    if ("{n}" in frame or "{an}" in frame) and not slots.name:
        return False
    if "{ns}" in frame and not slots.names:
        return False
    return not ("{adj}" in frame and not slots.adjective)


def fill(rng: np.random.Generator, frame: str, slots: Slots) -> str:
    """The finished sentence: slots filled, "a" turned to "an" where due, first letter capital; 15 mm and more at times in cm."""
    centimetres = slots.size_mm is not None and slots.size_mm >= 15 and rng.random() < 0.3
    mm = "" if slots.size_mm is None else length_text(slots.size_mm, centimetres)
    inside = slots.inside
    if re.search(r"\{a?ns?\}\{in\}", frame) and rng.random() < 0.2:
        inside = re.sub(r"^ (in|within) ", " of ", inside)
    text = frame.format(
        **slots.extra,
        n=slots.name,
        ns=slots.names,
        size=f"{mm} " if mm else "",
        mm=mm,
        mod=f"{slots.modifier} " if slots.modifier else "",
        an=f"a {slots.name}" if slots.countable else slots.name,
        at=slots.at,
        s_at="" if slots.at.endswith("s") else "s",
        adj=f"{slots.adjective} " if slots.adjective else "",
        **{"in": inside + slots.suffix},
    )
    text = re.sub(r"\s+", " ", text).strip().replace(" .", ".").replace(" ,", ",")
    text = re.sub(r"\b([Tt])he both\b", lambda match: "Both" if match[1] == "T" else "both", text)
    text = re.sub(r"\b([Aa]) (?=(?:[aeioAEIO]|u(?!ni)|8|11 |18 |NG |ET ))", r"\1n ", text)
    return text[0].upper() + text[1:]


def length_text(size_mm: float, centimetres: bool = False) -> str:
    """ "9 mm", or "2.4 cm" when asked."""
    return f"{size_mm / 10:.1f} cm" if centimetres else f"{max(1, round(size_mm))} mm"


@cache
def held_out_frames() -> frozenset[str]:
    """Frames kept from training: the first fifth, rounded up and by crc32, of every tuple of frames with two or more."""
    own = [phrasing.own for phrasing in phrases.FINDINGS.values()] + list(organ_phrases.OWN.values())
    shared = [
        shared_frames.ONE,
        shared_frames.MANY,
        shared_frames.BULK,
        shared_frames.UNCERTAIN,
        shared_frames.ABSENT,
        organ_phrases.ANY_ORGAN,
        organ_phrases.NEUTRAL,
    ]
    plain = [shared_frames.UNLOCALISABLE, shared_frames.DISTRACTORS]
    out: set[str] = set()
    for frames in own + shared + plain:
        ordered = sorted(frames, key=lambda frame: zlib.crc32(frame.encode()))
        out.update(ordered[: -(-len(ordered) // 5)] if len(ordered) > 1 else ())
    return frozenset(out)


def pick(rng: np.random.Generator, frames: Sequence[str], slots: Slots, held_out: bool) -> str | None:
    """One fitting frame of the training or of the held-out pool; None when no frame fits."""
    kept = held_out_frames()
    fitting = [frame for frame in frames if (frame in kept) == held_out and fits(frame, slots)]
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def names_place(frame: str) -> bool:
    """Whether a filled frame says where."""
    return any(slot in frame for slot in ("{in}", "{at}", "{adj}"))


def lung_place(rng: np.random.Generator, side: Side | None, lobe: str | None) -> Place:
    """A wording for a lobe, a lung, both lungs, or a lobe without a side; empty when nothing is known."""
    if side == "bilateral":
        if lobe:
            word = f"both {lobe.replace('_', ' ')}s"
            return Place(word, f"bilateral {lobe.replace('_', ' ')}", f" in {word}")
        inside = str(rng.choice([" in both lungs", " bilaterally", " in the lungs bilaterally"]))
        return Place("both lungs", "bilateral", inside)
    if lobe is None:
        if side is None:
            return Place()
        word = str(rng.choice([f"{side} lung", f"{side} lung", f"{side} hemithorax"]))
        inside = str(rng.choice([f" in the {word}", f" on the {side}", f" on the {side} side"], p=[0.7, 0.2, 0.1]))
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
    return Place(word, adjective, str(rng.choice([f" in the {word}", f" within the {word}"], p=[0.9, 0.1])))


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
