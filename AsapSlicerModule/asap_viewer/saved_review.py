"""A review as a file: with its maps and every decision, to go on with after a restart; tied to the CT it speaks of."""

from __future__ import annotations

import json

from asap.review import Review, from_json, to_json

FORMAT = "asap-saved-review"
FORMAT_VERSION = 1
MAX_CHARS = 16_000_000  # 512 sentences with the largest maps the server sends


def saved(of: Review, ct_identity: str) -> str:
    """One JSON document. ct_identity: `Volume.identity` of the CT the maps lie on."""
    head = json.dumps({"format": FORMAT, "version": FORMAT_VERSION, "ct": ct_identity})
    return f'{head[:-1]}, "review": {to_json(of)}}}'


def reopened(text: str, ct_identity: str) -> Review:
    """The review of a saved document. ValueError, with what to do, for another document or another CT."""
    try:
        document = json.loads(text[: MAX_CHARS + 1])
        if document["format"] != FORMAT or document["version"] != FORMAT_VERSION:
            raise ValueError("another format")
        ct, inner = str(document["ct"]), from_json(json.dumps(document["review"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("This is not a review that the work bench saved, or it is damaged; choose another file.") from error
    if ct != ct_identity:
        raise ValueError("This review belongs to another CT; open that CT first.")
    return inner
