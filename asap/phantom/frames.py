"""Frames with slots that any finding can fill, in the manner of radiologists; our own wording.

Slots: {n} {ns} name of the finding, {an} the same with "a" if it can be counted; {size} "9 mm " and {mm} "9 mm"; {mod} adjectives
with a trailing space; {in} " in the right upper lobe"; {at} "right upper lobe", {s_at} the verb's ending after it; {adj} "right
upper lobe ". {size}, {mod} and {in} may be empty; a frame with {mm}, {at} or {adj} is used only when there is something to fill
in. Articles are written "a" and corrected before vowels.

Held-out rule (`asap.phantom.grammar.held_out_frames`): of every tuple of frames here, in `phrases` and in `organ_phrases`, sorted
by the crc32 of the frame's text, the first fifth (rounded up) is kept from training. Names of findings are not held out: a model
cannot know a word it has never met.
"""

from __future__ import annotations

ONE = (
    "There is a {size}{mod}{n}{in}.",
    "A {size}{mod}{n} is seen{in}.",
    "A {size}{mod}{n} is observed{in}.",
    "A {size}{mod}{n} was detected{in}.",
    "A {size}{mod}{n} is present{in}.",
    "A {size}{mod}{n} is noted{in}.",
    "A {size}{mod}{n} was identified{in}.",
    "A {size}{mod}{n} is visualised{in}.",
    "A {size}{mod}{n} is visualized{in}.",
    "A {mod}{n} measuring {mm} is observed{in}.",
    "A {mod}{n} with a diameter of {mm} is seen{in}.",
    "{mod}{n}{in} measuring {mm}.",
    "{size}{mod}{n}{in}.",
    "{adj}{mod}{n}.",
    "{adj}{mod}{n}, {mm}.",
    "{adj}{mod}{n} measuring up to {mm}.",
    "In the {at}, a {size}{mod}{n} is observed.",
    "In the {at} there is a {size}{mod}{n}.",
    "{at}: {size}{mod}{n}.",
    "The {at} contain{s_at} a {size}{mod}{n}.",
    "The {at} show{s_at} a {size}{mod}{n}.",
    "Presence of a {size}{mod}{n}{in}.",
    "Note is made of a {size}{mod}{n}{in}.",
    "We see a {size}{mod}{n}{in}.",
    "The images demonstrate a {size}{mod}{n}{in}.",
    "A {size}{mod}{n} attracts attention{in}.",
    "A {mod}{n} is located in the {at}, approximately {mm} in size.",
    "Findings are consistent with a {size}{mod}{n}{in}.",
)

MANY = (
    "There are multiple {mod}{ns}{in}.",
    "Multiple {mod}{ns} are seen{in}.",
    "Several {mod}{ns}{in}.",
    "{mod}{ns} are observed{in}.",
    "{mod}{ns} were detected{in}.",
    "A few {mod}{ns} are noted{in}.",
    "Multiple {mod}{ns}{in}.",
    "Multiple {mod}{ns}, the largest measuring {mm}, are observed{in}.",
    "Numerous {mod}{ns} are present{in}.",
    "There are {mod}{ns}{in}.",
    "In the {at}, multiple {mod}{ns} are observed.",
    "Scattered {mod}{ns}{in}.",
    "The {at} show{s_at} several {mod}{ns}.",
    "{mod}{ns} up to {mm} in diameter{in}.",
)

BULK = (
    "{size}{mod}{n}{in}.",
    "There is {mod}{n}{in}.",
    "{mod}{n} is seen{in}.",
    "{mod}{n} is observed{in}.",
    "{mod}{n} was detected{in}.",
    "{mod}{n} is present{in}.",
    "{mod}{n} is noted{in}.",
    "{adj}{mod}{n}.",
    "In the {at}, {mod}{n} is observed.",
    "{at}: {size}{mod}{n}.",
    "The {at} show{s_at} {mod}{n}.",
    "Evidence of {mod}{n}{in}.",
    "Changes consistent with {mod}{n}{in}.",
    "An area of {mod}{n} is seen{in}.",
    "The images demonstrate {mod}{n}{in}.",
    "Note is made of {mod}{n}{in}.",
    "There is evidence of {mod}{n}{in}.",
    "Findings are compatible with {mod}{n}{in}.",
    "{mod}{n} is evident{in}.",
    "Appearances of {mod}{n}{in}.",
)

UNCERTAIN = (
    "Possible {n}{in}.",
    "Probable {n}{in}.",
    "Suspected {n}{in}.",
    "Questionable {n}{in}.",
    "{an}{in} cannot be excluded.",
    "Findings may represent {an}{in}.",
    "Appearances are suspicious for {n}{in}.",
    "There may be {an}{in}.",
    "This could represent {an}{in}.",
    "Suspicion of {an}{in}.",
)

ABSENT = (
    "No {n}{in}.",
    "There is no {n}{in}.",
    "No evidence of {n}{in}.",
    "No {n} is seen{in}.",
    "No {n} was detected{in}.",
    "No {n} was observed{in}.",
    "{an} is not observed{in}.",
    "{an} was not detected{in}.",
    "Negative for {n}.",
    "There is no evidence of {n}{in}.",
    "Absence of {n}{in}.",
    "No sign of {n}{in}.",
    "Without {n}{in}.",
    "No definite {n}{in}.",
    "No {n} identified{in}.",
)

UNLOCALISABLE = (
    "Comparison: none.",
    "Clinical correlation is recommended.",
    "No prior examination is available for comparison.",
    "Follow-up CT in three months is recommended.",
    "The examination was performed without intravenous contrast.",
    "Thin slices were reconstructed in lung and soft tissue windows.",
    "Motion artefacts limit the evaluation.",
    "The study is technically adequate.",
    "Evaluation is limited because no contrast was given.",
    "Axial images were obtained at end inspiration.",
    "Findings were discussed with the referring clinician.",
    "Further evaluation with PET-CT is advised.",
    "Technique: non-contrast chest CT.",
    "Indication: cough and fever.",
    "Dose reduction techniques were used.",
    "Unchanged compared with the previous examination.",
    "Oncology consultation is suggested.",
    "Correlation with laboratory findings is advised.",
)

DISTRACTORS = (
    "The gallbladder is not visualised.",
    "The pancreas is outside the field of view.",
    "The patient's arms are raised.",
    "No acute abnormality is identified.",
    "Otherwise unremarkable examination.",
    "Degree of inspiration is good.",
    "Findings are nonspecific.",
    "The remainder of the study is unremarkable.",
    "Prior surgery is reported.",
    "The urinary bladder is not included.",
)
