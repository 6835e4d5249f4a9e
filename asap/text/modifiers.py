"""Words that say more about a finding: its margin, density, distribution, extent and course."""

from __future__ import annotations

from collections.abc import Sequence

from asap.text.patterns import PatternIndex
from asap.text.tokens import Token

# The order of the keys is fixed, as in the vocabularies: append only.
MODIFIERS: dict[str, tuple[str, ...]] = {
    "spiculated": ("spicul*",),
    "irregular": ("irregular*", "ill defined"),
    "smooth": ("smooth*", "well defined|circumscribed|demarcated"),
    "lobulated": ("lobulat*",),
    "solid": ("solid",),
    "part_solid": ("part solid", "partly solid", "partially solid", "subsolid", "semisolid", "semi solid"),
    "calcified": ("calcif*",),
    "cavitary": ("cavit*",),
    "cystic": ("cystic", "cyst"),
    "patchy": ("patch*", "scattered"),
    "diffuse": ("diffus*", "widespread", "extensive", "generalized"),
    "focal": ("focal", "localized", "focus"),
    "multiple": ("multiple", "several", "few", "numerous", "multifocal", "many"),
    "peripheral": ("peripher*",),
    "central": ("central*",),
    "subpleural": ("subpleural", "pleural based", "juxtapleural"),
    "perihilar": ("perihilar", "parahilar"),
    "linear": ("linear", "band", "bandlike", "platelike", "plate", "streak*", "strand*"),
    "nodular": ("nodular",),
    "reticular": ("reticul*",),
    "centrilobular": ("centrilobular", "centriacinar"),
    "paraseptal": ("paraseptal",),
    "panlobular": ("panlobular", "panacinar"),
    "peribronchovascular": ("peribronchovascular", "peribronchial", "bronchovascular"),
    "dependent": ("dependent", "dependant"),
    "loculated": ("loculat*", "encapsulat*"),
    "mild": ("mild", "mildly", "small", "minimal", "minimally", "slight", "slightly", "millimetric", "tiny", "trace", "subtle"),
    "moderate": ("moderate", "moderately"),
    "severe": ("severe", "severely", "large", "massive", "marked", "markedly", "prominent", "bulky"),
    "new": ("new", "newly"),
    "stable": ("stable", "unchanged", "no ~2 change"),
    "increased": ("increas*", "progress*", "worse*", "grown"),
    "decreased": ("decreas*", "regress*", "improv*", "smaller"),
    "air_bronchogram": ("air bronchogram",),
    "fatty": ("fat", "fatty"),
    "hypodense": ("hypodens*", "hypoattenuat*", "low density|attenuation"),
    "hyperdense": ("hyperdens*", "hyperattenuat*", "high density|attenuation"),
    "sequela": ("sequela", "sequel"),
    "chronic": ("chronic", "old", "healed"),
    "acute": ("acute",),
    "subsegmental": ("subsegmental", "subsegmentary"),
    "segmental": ("segmental", "segmentary"),
    "anterior": ("anterior", "anteriorly", "ventral"),
    "posterior": ("posterior", "posteriorly", "dorsal"),
    "lateral": ("lateral", "laterally"),
    "medial": ("medial", "medially"),
    "superior": ("superior", "apical", "apicoposterior", "apex"),
    "basal": ("basal", "basilar", "base", "bibasilar", "posterobasal", "laterobasal", "mediobasal", "anterobasal", "inferior"),
    "malignant": ("malign*", "metasta*", "neoplas*", "carcinoma", "cancer"),
    "infectious": ("infect*", "pneumon*", "viral", "covid"),
    "ground_glass": ("ground glass", "ggo", "groundglass"),
    "enlarged": ("enlarg*", "dilat*", "ectas*"),
}
_INDEX = PatternIndex(MODIFIERS.items())


def find_modifiers(tokens: Sequence[Token]) -> frozenset[str]:
    """Keys of MODIFIERS the tokens name."""
    return frozenset(match.key for match in _INDEX.find(tokens))
