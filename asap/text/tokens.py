"""Words of a text with their exact places, and the normal form under which the vocabularies know them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# A word, a number (with a decimal point or comma), or any other visible character. No nested repetition: linear on any input.
_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)?|[^\w\s]|_")
_CONNECTORS = frozenset("-/\u2013—\u2010\u2011_'\u2019\"“”•*«»`")

_IRREGULAR = {
    "bullae": "bulla", "vertebrae": "vertebra", "apices": "apex", "apexes": "apex", "septa": "septum", "septae": "septum",
    "hila": "hilum", "hili": "hilum", "calculi": "calculus", "foci": "focus", "diameters": "diameter", "atria": "atrium",
    "corpora": "corpus", "axillae": "axilla", "pleurae": "pleura", "scapulae": "scapula", "cava": "cava", "thoraces": "thorax",
    "metastases": "metastasis", "stenoses": "stenosis", "fibroses": "fibrosis", "diagnoses": "diagnosis", "varices": "varices",
    "hemithoraces": "hemithorax", "bronchi": "bronchus", "sulci": "sulcus", "costae": "costa", "formations": "formation",
    "colour": "color", "goitre": "goiter", "calibre": "caliber", "grey": "gray", "centre": "center", "bases": "base",
    "areae": "area", "lymphadenopathies": "lymphadenopathy", "emboli": "embolus", "thrombi": "thrombus", "lumens": "lumen",
    "lumina": "lumen", "sequelae": "sequela", "arcus": "arcus", "thyroidal": "thyroid", "laps": "lap", "opacites": "opacity",
}  # fmt: skip
_KEEP_S = frozenset(
    {"is", "was", "has", "this", "as", "its", "us", "thus", "does", "covid", "always", "less", "plus", "minus", "chest", "yes"}
)


@dataclass(frozen=True, slots=True)
class Token:
    """`text[start:end]` of the read text; `form` is its normal form (lower case, singular, American spelling)."""

    form: str
    start: int
    end: int


def tokenise(text: str) -> list[Token]:
    """Tokens of `text` in order. Hyphens, slashes, quotes and bullets only join or decorate words and yield no token."""
    return [
        Token(normal_form(match.group()), match.start(), match.end())
        for match in _TOKEN.finditer(text)
        if match.group() not in _CONNECTORS
    ]


@lru_cache(maxsize=16384)
def normal_form(word: str) -> str:
    """Lower case, singular, American spelling: "Oesophageal" -> "esophageal", "opacities" -> "opacity"."""
    form = word.lower()
    if not form.isalpha():
        return form
    form = form.replace("oesoph", "esoph").replace("oedema", "edema").replace("tumour", "tumor").replace("haem", "hem")
    if form in _IRREGULAR:
        return _IRREGULAR[form]
    if form in _KEEP_S or len(form) < 4 or not form.endswith("s") or form.endswith(("ss", "us", "is", "ous")):
        return form
    if form.endswith("ies") and len(form) > 4:
        return form[:-3] + "y"
    if form.endswith(("sses", "xes", "ches", "shes")):
        return form[:-2]
    return form[:-1]
