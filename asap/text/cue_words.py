"""The words that make a finding present, absent or uncertain, in the language of `asap.text.patterns`. The lists are our own.

pseudo: looks like a negation and is none. absent_before, uncertain_before: reach forward. absent_after, uncertain_after,
present_after: reach backward. stop: ends every scope.
"""

from __future__ import annotations

# fmt: off
_SEEN = (
    "observed|seen|detected|identified|noted|found|visualized|visualised|demonstrated|present|evident|appreciated|encountered|"
    "distinguished|shown|revealed|watched|visible|selected|monitored|apparent|recognized|recognised|available|determined|"
    "remarkable|suspected|definable|discernible|delineated|clarified|followed|defined|existing|exist|existed|indicated|see|"
    "noticed|considered")

CUES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pseudo", (
        "no ~1 change", "no ~3 change in|of|from|is|was|since|compared", "not ~2 changed", "no difference",
        "no ~2 difference in|between", "without ~2 change", "no progression|growth", "no interval", "no ~2 interval change",
        "no ~2 increase|decrease in|of ~2 size|number|extent|dimension|diameter", "no evidence ~3 change",
        "pathological ~2 size|dimension|appearance|configuration|diameter", "not only", "no doubt",
        "not increased|decreased|significantly",
        "no longer than", "not ~2 reach*", "did|does|do not ~2 show ~2 change", "not ~1 ruled", "no prior|previous|comparison",
        "not ~2 optimal*", "not ~2 evaluated", "not ~2 characterized|characterised|specific", "not ~2 differentiat*",
        "not|cannot|can ~2 distinguished from|clearly", "cannot ~2 differentiat*", "without contrast|iv|intravenous",
        "non contrast", "not necessarily", "no need", "not given|known|applicable|available", "not ~1 calcified|enlarged ~3 node",
        "not ~2 large|significant|clear|clearly in", "not as")),
    ("absent_before", (
        "no", "without", "negative for", "absence of", "absent", "free of|from", "denies", "no evidence ~2 of", "no sign of",
        "neither", "nor", "lack of", "no longer", "devoid of", "clear|cleared of", "resolution of", "exclude", "excluded",
        "never",
        "none of", "not have|contain|show|demonstrate|reveal|include|identify|see", "unremarkable for", "without evidence of",
        "no definite|definitive|obvious|suspicious|acute", "not a", "not any", "fail* to", "normal without", "no new",
        "not associated with", "removal of", "interval removal", "not consistent with", "not suggest*", "not compatible with")),
    ("absent_after", (
        f"not ~3 {_SEEN}", "not ~2 exist*", "absent", "is|are|was|were|has|have been? ~1 resolved", "resolved",
        "no longer|more ~3 seen|visible|present|identified|evident", "disappeared", "ruled out", "was|were|is|are excluded",
        "negative", "completely regressed", "total regression", f"cannot|couldn|wasn|isn|weren|aren t? ~2 {_SEEN}", "none",
        f"could|can not be {_SEEN}", f"never {_SEEN}", "completely resolved", "unlikely", "not there", "has|have been removed",
        "was|were removed", "has|have cleared|gone", "cleared")),
    ("uncertain_before", (
        "possible", "possibly", "may", "might", "suspicious ~3 for|of|in", "suspicion ~2 of|for", "concern* for|of",
        "suggest* ~1 of?", "cannot|can not|could not exclude", "not exclude", "questionable", "question of", "probable",
        "probably",
        "likely", "perhaps", "could be|represent|reflect|indicate", "differential|ddx", "versus", "vs", "rule out", "in favor of",
        "evaluate for", "to exclude", "worrisome for", "suspected", "equivocal", "can represent",
        "can be compatible|consistent|secondary|due|associated|considered", "presumably", "presumed",
        "consider", "thought to", "appears to", "suspect", "in terms of", "impression of", "borderline",
        "difficult|hard to exclude", "query", "maybe", "potentially", "raise* ~3 of|for", "not ~1 certain",
        "preliminary diagnosis")),
    ("uncertain_after", (
        "cannot|not ~2 excluded", "can not ~2 excluded", "cannot ~2 ruled out", "not ~2 ruled out", "could not ~2 excluded", "?",
        "is|are|was|were ~1 possible|questionable|suspected|likely|probable|suspicious|uncertain|considered",
        "in the differential", "less|more likely", "not well seen|visualized|visualised|evaluated|delineated|appreciated",
        "is|are not ~2 certain")),
    ("stop", (
        "but", "however", "except", "although", "though", "while", "whereas", "apart from", "other than", "aside from",
        "nevertheless", "yet", ";", ".", "!", "with the exception of", "there is|are|was|were|has|have", "besides", "in addition",
        "instead", "otherwise", "in this case", "despite", "nonetheless", "secondary to", "due to", "because", "as well as a",
        "only", "and a|an", "and there", "and mild|minimal|small|stable|few", "excluding", "in a patient", "save for",
        "outside")),
    ("present_after", (
        f"is|are|was|were|has|have|been ~2 {_SEEN}", "is|are again|also|still ~1 seen|noted",
        "is|are stable|unchanged|present|noted", "unchanged", "stable", "persist*", "continue*", "measure*", "remain*")),
)
# fmt: on
