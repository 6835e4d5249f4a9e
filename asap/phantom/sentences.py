"""Sentences about a generated case, each with the region in which it is true."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from asap.phantom import frames as shared_frames
from asap.phantom import organ_phrases, phrases
from asap.phantom.canvas import PlacedFinding
from asap.phantom.grammar import Place, Slots, bone_place, fill, lung_place, names_place, pick, pleural_place
from asap.report import Side

Assertion = Literal["present", "absent", "uncertain", "none"]
Mask = NDArray[np.bool_]
Generator = np.random.Generator

LUNG_CONCEPTS = frozenset(
    {
        "nodule",
        "mass",
        "ground_glass",
        "consolidation",
        "atelectasis",
        "emphysema",
        "bulla",
        "cavity",
        "fibrosis",
        "septal_thickening",
        "bronchiectasis",
        "mosaic_attenuation",
        "tree_in_bud",
        "calcified_nodule",
    }
)
PLEURAL_CONCEPTS = frozenset({"pleural_effusion", "pneumothorax", "pleural_thickening", "pleural_plaque"})
# Denying or inventing the first would be wrong, or a matter of taste, where one of the others is present.
CONFUSABLE: dict[str, frozenset[str]] = {
    "nodule": frozenset({"calcified_nodule", "mass", "cavity", "tree_in_bud", "consolidation"}),
    "calcified_nodule": frozenset({"pleural_plaque"}),
    "mass": frozenset({"nodule", "mediastinal_mass", "cavity", "consolidation"}),
    "mediastinal_mass": frozenset({"mass", "lymphadenopathy", "aortic_aneurysm", "hiatal_hernia"}),
    "lymphadenopathy": frozenset({"mediastinal_mass", "mass"}),
    "consolidation": frozenset({"atelectasis", "mass"}),
    "atelectasis": frozenset({"consolidation", "fibrosis", "pleural_effusion"}),
    "ground_glass": frozenset({"mosaic_attenuation", "consolidation", "fibrosis", "septal_thickening"}),
    "bulla": frozenset({"emphysema", "cavity", "pneumothorax"}),
    "emphysema": frozenset({"bulla", "mosaic_attenuation"}),
    "mosaic_attenuation": frozenset({"emphysema", "ground_glass"}),
    "cavity": frozenset({"bulla", "mass", "bronchiectasis"}),
    "fibrosis": frozenset({"septal_thickening", "bronchiectasis", "atelectasis", "ground_glass"}),
    "septal_thickening": frozenset({"fibrosis", "ground_glass"}),
    "tree_in_bud": frozenset({"nodule", "bronchiectasis"}),
    "pleural_thickening": frozenset({"pleural_plaque", "pleural_effusion"}),
    "pleural_plaque": frozenset({"pleural_thickening"}),
    "bone_lesion": frozenset({"fracture"}),
    "fracture": frozenset({"bone_lesion"}),
}
# Named with a place of their own, so that a sentence means one of them and not all.
ONE_BY_ONE = frozenset({"medical_material", "lymphadenopathy", "bone_lesion", "fracture"})
COMMON_ORGANS = {
    "heart": 3.0,
    "aorta": 3.0,
    "trachea": 2.0,
    "left_lung": 3.0,
    "right_lung": 3.0,
    "lung": 2.0,
    "spine": 2.0,
    "liver": 2.0,
}
LOBES_OF_SIDE = {"right": ("upper_lobe", "middle_lobe", "lower_lobe"), "left": ("upper_lobe", "lower_lobe")}


@dataclass(frozen=True, eq=False)
class PhantomSentence:
    """One sentence of a generated report.

    kind: concept or organ id, or "none". side, anatomy: as the text states them. region: (i, j, k) bool, None when there is
    nothing to show. findings: indices into the case's findings it speaks of; organ: key of the case's organs it speaks of.
    """

    text: str
    kind: str
    assertion: Assertion
    side: Side | None
    anatomy: str | None
    region: Mask | None
    findings: tuple[int, ...] = ()
    organ: str | None = None


def union(regions: Sequence[Mask]) -> Mask:
    """All regions in one mask (the very array when there is only one)."""
    if len(regions) == 1:
        return regions[0]
    return np.asarray(np.logical_or.reduce(regions), dtype=np.bool_)


def finding_sentence(
    findings: Sequence[PlacedFinding],
    indices: Sequence[int],
    rng: Generator,
    *,
    held_out: bool,
    uncertain: bool = False,
    side_only: bool = False,
) -> PhantomSentence:
    """One sentence for lesions of one concept. Side, lobe, size and adjectives are named only sometimes.

    What it leaves open widens its region: "a nodule in the left lung" shows every nodule of the left lung.
    side_only: name the side and nothing else.
    """
    first = findings[indices[0]]
    side: Side | None = _common([findings[n].side for n in indices])
    if side is None and {"left", "right"} <= {findings[n].side for n in indices}:
        side = "bilateral"
    lobe = None if side == "bilateral" and first.side != "bilateral" else _common([findings[n].anatomy for n in indices])
    named_side, named_lobe = _named(rng, first.concept, side, lobe, side_only)
    size = first.size_mm if len(indices) == 1 and not side_only and rng.random() < 0.4 else None
    alone = size is not None or first.concept in ONE_BY_ONE
    shown = list(indices) if alone else _meant(findings, first.concept, named_side, named_lobe)
    modifiers = () if side_only else tuple(word for word in first.modifiers if rng.random() < 0.6)
    slots, frames = wording(
        first, rng, side=named_side, lobe=named_lobe, size_mm=size, modifiers=modifiers, plural=len(shown) > 1
    )
    frame = fitting_frame(rng, shared_frames.UNCERTAIN if uncertain else frames, slots, held_out, must_place=side_only)
    if not names_place(frame):
        named_side = named_lobe = None
        shown = list(indices) if alone else _meant(findings, first.concept, None, None)
    return PhantomSentence(
        fill(rng, frame, slots),
        first.concept,
        "uncertain" if uncertain else "present",
        named_side,
        named_lobe,
        union([findings[n].region for n in shown]),
        tuple(shown),
    )


def fitting_frame(rng: Generator, frames: tuple[str, ...], slots: Slots, held_out: bool, must_place: bool) -> str:
    """A frame that fits; from the frames for single findings when none of those wanted does."""
    for choice in (frames, shared_frames.ONE + shared_frames.BULK + shared_frames.MANY):
        fitting = tuple(frame for frame in choice if names_place(frame) or not must_place)
        frame = pick(rng, fitting, slots, held_out)
        if frame is not None:
            return frame
    raise ValueError("no frame fits; every pool needs one that asks for nothing but a name")


def wording(
    finding: PlacedFinding,
    rng: Generator,
    *,
    side: Side | None,
    lobe: str | None,
    size_mm: float | None,
    modifiers: tuple[str, ...],
    plural: bool,
) -> tuple[Slots, tuple[str, ...]]:
    """Slots and candidate frames. Plural findings use the plural frames, uncountable names the bulk frames."""
    phrasing = phrases.FINDINGS[finding.concept]
    place = _place(finding, rng, side, lobe)
    suffix = "".join(str(rng.choice(phrases.MODIFIERS[word])) for word in modifiers if word in phrases.MODIFIERS)
    words = [word for word in modifiers if word not in phrases.MODIFIERS and word not in phrases.SILENT_MODIFIERS]
    if size_mm is not None:
        words = [word for word in words if word not in phrases.AMOUNTS]
    one, many, bulk = phrasing.one, phrasing.many, phrasing.bulk
    if finding.concept == "medical_material":
        one, many, bulk = phrases.DEVICES[finding.modifiers[0]], (), ()
    choices: list[tuple[str, tuple[str, ...]]] = []
    if plural and many:
        choices += [("many", shared_frames.MANY)] * 3
    if not plural and one:
        choices += [("one", shared_frames.ONE)] * 3
    if bulk and size_mm is None:
        choices += [("bulk", shared_frames.BULK)] * (3 if not one else 1)
    if phrasing.own and not (plural and many and rng.random() < 0.7):
        choices += [("own", phrasing.own)] * (2 if len(phrasing.own) > 4 else 1)
    form, frames = choices[int(rng.integers(len(choices)))] if choices else ("one", shared_frames.ONE)
    source = one if form == "one" else bulk if form == "bulk" else one or bulk or many
    slots = Slots(
        name=str(rng.choice(source)) if source and form != "many" else "",
        names=str(rng.choice(many)) if many and form == "many" else "",
        size_mm=size_mm,
        modifier=" ".join(words),
        at=place.at,
        adjective=place.adjective,
        inside=place.inside,
        suffix=suffix if form != "own" else "",
        countable=form == "one" or (form == "own" and bool(one)),
    )
    return slots, frames


def _place(finding: PlacedFinding, rng: Generator, side: Side | None, lobe: str | None) -> Place:
    """How the text names where the finding is."""
    if finding.concept in LUNG_CONCEPTS:
        return lung_place(rng, side, lobe)
    if finding.concept in PLEURAL_CONCEPTS:
        return pleural_place(rng, side)
    if finding.concept in ("bone_lesion", "fracture"):
        return bone_place(side, finding.anatomy)
    if finding.concept == "liver_lesion":
        return Place("liver", "hepatic", str(rng.choice([" in the liver", " in the hepatic parenchyma"])))
    place = Place()
    if finding.concept == "lymphadenopathy":
        station = finding.modifiers[0] if finding.modifiers else "mediastinal"
        region = f"{side} {station} region" if side else f"{station} region"
        place = Place(region, f"{side} {station}" if side else station, f" in the {region}")
    elif finding.concept == "medical_material" and side:
        place = Place(f"{side} hemithorax", f"{side}-sided", str(rng.choice([f" on the {side}", f" from the {side} side"])))
    return place


def _named(rng: Generator, concept: str, side: Side | None, lobe: str | None, side_only: bool) -> tuple[Side | None, str | None]:
    """Which of side and lobe the text will state."""
    if side_only:
        return side, None
    if concept not in LUNG_CONCEPTS:
        return (side if rng.random() < 0.7 else None), lobe
    draw = rng.random()
    if draw < 0.3:
        return None, None
    if draw < 0.55 or lobe is None:
        return side, None
    if draw < 0.65:
        return None, lobe
    return side, lobe


def of_concept(findings: Sequence[PlacedFinding], concept: str) -> list[int]:
    """Indices of the findings of one concept."""
    return [n for n, finding in enumerate(findings) if finding.concept == concept]


def _meant(findings: Sequence[PlacedFinding], concept: str, side: Side | None, lobe: str | None) -> list[int]:
    """Every lesion of the concept that agrees with what the text states."""
    return [n for n in of_concept(findings, concept) if _matches(findings[n], side, lobe)]


def _matches(finding: PlacedFinding, side: Side | None, lobe: str | None) -> bool:
    if side is not None and side != "bilateral" and finding.side not in (side, "bilateral"):
        return False
    return lobe is None or finding.anatomy in (lobe, None)


Word = TypeVar("Word")


def _common(values: Sequence[Word | None]) -> Word | None:
    return values[0] if len(set(values)) == 1 else None


def organ_sentence(
    organ: str, organs: dict[str, Mask], rng: Generator, *, held_out: bool, neutral: bool = False
) -> PhantomSentence:
    """A sentence that names one organ (a key of `organs`); its region is the whole organ. neutral: it claims nothing."""
    name = str(rng.choice(organ_phrases.NAMES[organ]))
    many = name in organ_phrases.PLURAL or name.endswith(("lungs", "ribs", "arteries", "kidneys", "airways"))
    extra = {
        "the": name if name in organ_phrases.NO_ARTICLE else f"the {name}",
        "name": name,
        "is": "are" if many else "is",
        "s": "" if many else "s",
    }
    own = organ_phrases.OWN.get(organ, ())
    slots = Slots(extra=extra)
    frame = pick(rng, own, slots, held_out) if own and rng.random() < 0.55 else None
    if neutral:
        frame = pick(rng, organ_phrases.NEUTRAL, slots, held_out)
    frame = frame or pick(rng, organ_phrases.ANY_ORGAN, slots, held_out) or organ_phrases.ANY_ORGAN[0]
    text = fill(rng, frame, slots)
    anatomy = organ.removeprefix("right_").removeprefix("left_")
    return PhantomSentence(text, organ, "none", stated_side(text), anatomy, organs[organ], (), organ)


def stated_side(text: str) -> Side | None:
    """The side a text names by a word or by the abbreviation of a lobe; "bilateral" for both."""
    words = set(re.split(r"[\s.,:-]+", text))
    lower = {word.lower() for word in words}
    right, left = bool("right" in lower or words & {"RUL", "RML", "RLL"}), bool("left" in lower or words & {"LUL", "LLL"})
    if (right and left) or lower & {"both", "bilateral", "bilaterally"}:
        return "bilateral"
    return "right" if right else "left" if left else None


def absence_sentence(concept: str, rng: Generator, *, held_out: bool, side: Side | None = None) -> PhantomSentence:
    """A sentence that denies a finding, everywhere or on one side; it has no region."""
    phrasing = phrases.FINDINGS[concept]
    names = phrasing.bulk + phrasing.one or phrasing.many
    place = Place()
    if side is not None:
        place = pleural_place(rng, side) if concept in PLEURAL_CONCEPTS else lung_place(rng, side, None)
    name = str(rng.choice(names))
    slots = Slots(name=name, countable=name in phrasing.one, at=place.at, adjective=place.adjective, inside=place.inside)
    text = fill(rng, pick(rng, shared_frames.ABSENT, slots, held_out) or shared_frames.ABSENT[0], slots)
    return PhantomSentence(text, concept, "absent", stated_side(text), None, None)


def plain_sentence(rng: Generator, *, held_out: bool) -> PhantomSentence:
    """A sentence without any place in the image."""
    frames = shared_frames.UNLOCALISABLE if rng.random() < 0.7 else shared_frames.DISTRACTORS
    return PhantomSentence(pick(rng, frames, Slots(), held_out) or frames[0], "none", "none", None, None, None)


def describe(
    findings: Sequence[PlacedFinding],
    organs: dict[str, Mask],
    rng: Generator,
    *,
    held_out: bool,
    bilateral: str | None = None,
) -> tuple[PhantomSentence, ...]:
    """A report's sentences in reading order. Drawn anew with another generator, the same case reads differently."""
    out = [plain_sentence(rng, held_out=held_out)] if rng.random() < 0.7 else []
    concepts = sorted({finding.concept for finding in findings})
    groups = [concepts[int(n)] for n in rng.permutation(len(concepts))]
    for concept in groups:
        indices = of_concept(findings, concept)
        if concept == bilateral:
            out.extend(finding_sentence(findings, [n], rng, held_out=held_out, side_only=True) for n in indices)
            continue
        uncertain = concept in LUNG_CONCEPTS and rng.random() < 0.08
        together = len(indices) > 1 and rng.random() < 0.45
        for group in [indices] if together else [[n] for n in indices]:
            out.append(finding_sentence(findings, group, rng, held_out=held_out, uncertain=uncertain))
        if rng.random() < 0.5:
            out.append(finding_sentence(findings, indices[:1], rng, held_out=held_out))
    out.extend(_organ_part(findings, organs, rng, held_out))
    missing = deniable(set(concepts))
    for concept in rng.choice(missing, size=min(len(missing), int(rng.integers(1, 4))), replace=False):
        paired = concept in LUNG_CONCEPTS | PLEURAL_CONCEPTS and rng.random() < 0.25
        side: Side | None = ("right" if rng.random() < 0.5 else "left") if paired else None
        out.append(absence_sentence(str(concept), rng, held_out=held_out, side=side))
    if rng.random() < 0.5:
        out.append(plain_sentence(rng, held_out=held_out))
    return tuple(out)


def _organ_part(
    findings: Sequence[PlacedFinding], organs: dict[str, Mask], rng: Generator, held_out: bool
) -> list[PhantomSentence]:
    """Four to seven organs without a finding, and at times one with a finding, merely named."""
    affected = {finding.anatomy for finding in findings}
    for finding in findings:
        if finding.concept in LUNG_CONCEPTS | PLEURAL_CONCEPTS:
            affected |= {"lung"} | {f"{side}_lung" for side in ("left", "right") if finding.side in (side, "bilateral", None)}
            affected |= {f"{side}_{finding.anatomy or lobe}" for side in _sides_of(finding) for lobe in LOBES_OF_SIDE[side]}
        if finding.concept in ("aortic_aneurysm", "arterial_calcification"):
            affected.add("aorta")
    free = [organ for organ in organs if organ in organ_phrases.NAMES and organ not in affected and organs[organ].any()]
    weights = np.array([COMMON_ORGANS.get(organ, 1.0) for organ in free])
    count = min(len(free), int(rng.integers(4, 8)))
    if not free:
        return []
    chosen = rng.choice(len(free), size=count, replace=False, p=weights / weights.sum())
    out = [organ_sentence(free[int(n)], organs, rng, held_out=held_out) for n in chosen]
    damaged = [organ for organ in organs if organ in organ_phrases.NAMES and organ in affected and organs[organ].any()]
    if damaged and rng.random() < 0.5:
        organ = damaged[int(rng.integers(len(damaged)))]
        out.append(organ_sentence(organ, organs, rng, held_out=held_out, neutral=True))
    return out


def _sides_of(finding: PlacedFinding) -> tuple[str, ...]:
    return ("left", "right") if finding.side in ("bilateral", None) else (str(finding.side),)


def deniable(present: set[str]) -> list[str]:
    """Concepts that can be denied without doubt where the concepts of `present` are."""
    out = [concept for concept in phrases.FINDINGS if concept not in present and concept != "medical_material"]
    return [concept for concept in out if not present & CONFUSABLE.get(concept, frozenset())]
