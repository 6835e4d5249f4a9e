"""An edited sentence against its draft, word by word. Standard library only."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from html import escape
from typing import Literal

Change = Literal["same", "removed", "added"]
CLOSING = ".,;:!?)"  # marks that stand close to the word before
WORD = re.compile(r"\w+|[^\w\s]+")


def word_changes(draft: str, text: str) -> list[tuple[Change, str]]:
    """Runs of words that stayed, went or came, in reading order. What stayed has the new text's own case and spaces."""
    old, new = list(WORD.finditer(draft)), list(WORD.finditer(text))
    matcher = SequenceMatcher(None, [word[0] for word in old], [word[0] for word in new], autojunk=False)
    changes: list[tuple[Change, str]] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            changes.append(("same", text[new[c].start() : new[d - 1].end()]))
            continue
        if b > a:
            changes.append(("removed", draft[old[a].start() : old[b - 1].end()]))
        if d > c:
            changes.append(("added", text[new[c].start() : new[d - 1].end()]))
    return changes


def as_html(changes: list[tuple[Change, str]]) -> str:
    """For a rich text label: removed words struck out, added words bold and underlined; no meaning hangs on a colour."""
    marks = {"same": "{}", "removed": "<s>{}</s>", "added": "<b><u>{}</u></b>"}
    html = ""
    for change, words in changes:
        gap = "" if not html or words[0] in CLOSING else " "
        html += gap + marks[change].format(escape(words))
    return html
