"""Where the sentences of a real report are true: a label image that says so, or the mask of the one organ a sentence names.

The text encoder has a rule of its own for where a sentence ends (asap-method 1.6). A sentence that the rule cuts, or joins with
another, is taught no region. Axes: H W D voxels, S sentences of the rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from asap.errors import InputError
from asap.io.read import read_labels
from asap.models.wordpiece import CLS, WordPiece
from asap.report import Sentence
from asap.text.normality import is_abnormal
from asap.text.read import read_report
from asap_training.data.case import RawCase
from asap_training.data.image import PreparedImage
from asap_training.data.organ_masks import Labels, on_grid

MAX_NUMBER = 255  # one byte a voxel
LUNG_PARTS = {
    "left": ("left_upper_lobe", "left_lower_lobe"),
    "right": ("right_upper_lobe", "right_middle_lobe", "right_lower_lobe"),
}
SIDES = {"left": ("left",), "right": ("right",), "bilateral": ("left", "right"), None: ("left", "right")}
LOBES = ("upper_lobe", "middle_lobe", "lower_lobe")
WHOLE_ORGANS = ("heart", "aorta", "trachea")
# Parts of an organ that have its name in the vocabulary of places.
_PART = re.compile(
    r"\b(ap(ex|ices|ical)|bas(e|es|al|ilar)|ascending|descending|arch|root|atri\w+|ventric\w+|chambers?|sept\w+|walls?|segment\w*|"
    r"lingula\w*|carina|bronch\w*|coronary|perihilar|peripheral|subpleural|central|zones?|valv\w+|"
    r"(dorsal|ventral|posterior|anterior|lateral|medial)\w*|tube|pacemaker)\b",
    re.IGNORECASE,
)


def spoken(
    findings: str, ids: NDArray[np.int64], spans: Sequence[tuple[int, int]], tokenizer: WordPiece
) -> list[Sentence | None]:
    """The sentence of the findings that each span of tokens is, or None; `Sentence.index` counts from 0 as a reader does."""
    sentences = read_report(findings).sentences
    words = [tuple(tokenizer.encode_sentence(sentence.text).ids[1:].tolist()) for sentence in sentences]
    out: list[Sentence | None] = []
    first = 0
    for start, stop in spans:
        span = tuple(n for n in ids[start:stop].tolist() if n != CLS)
        place = next((n for n in range(first, len(words)) if words[n] == span), None)
        out.append(None if place is None else sentences[place])
        first = first if place is None else place + 1
    return out


def labelled_regions(raw: RawCase, image: PreparedImage, findings: str, sentences: Sequence[Sentence | None]) -> Labels | None:
    """Number of the span (1..S) that is true at each voxel of the prepared image, 0 for none; None where no label image is named.

    In the label image n means the n-th sentence of the findings. Raises InputError where it names one that is not there.
    """
    if raw.regions is None:
        return None
    numbers, affine = read_labels(raw.regions)
    count = len(read_report(findings).sentences)
    if int(numbers.min()) < 0 or int(numbers.max()) > min(count, MAX_NUMBER):
        raise InputError(f"The label image of regions names a sentence that is not there: the findings have {count}.")
    span_of = np.zeros(count + 1, dtype=np.uint8)
    for span, sentence in enumerate(sentences[:MAX_NUMBER], start=1):
        if sentence is not None:
            span_of[sentence.index + 1] = span
    return span_of[on_grid(numbers, affine, image.grid, image.hu_HWD.shape)]


def named_organs(sentence: Sentence | None, classes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The organ classes (1, 2, ... in the map's order) that together are the one organ a sentence names; none for any other.

    Only of sentences that call an organ normal as a whole and state or deny no finding ("The heart is normal in size.").
    """
    if sentence is None or not sentence.localisable or sentence.findings or len(sentence.anatomy) != 1:
        return ()
    if is_abnormal(sentence) is not False or _PART.search(sentence.text):
        return ()
    names = _names(sentence.anatomy[0], sentence, classes)
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    return tuple(numbers[name] for name in names) if all(name in numbers for name in names) else ()


def _names(place: str, sentence: Sentence, classes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    if place in WHOLE_ORGANS:
        return (place,)
    if place == "lung":
        sides = SIDES[sentence.laterality]
        lungs = tuple(f"{side}_lung" for side in sides)
        return lungs if all(lung in classes for lung in lungs) else tuple(part for side in sides for part in LUNG_PARTS[side])
    if place == "middle_lobe":
        return ("right_middle_lobe",)
    if place in LOBES and sentence.laterality is not None:
        return tuple(f"{side}_{place}" for side in SIDES[sentence.laterality])
    return ()
