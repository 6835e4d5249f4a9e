"""Labelling on the server's datastore through MONAI Label's own routes: which study next, its image, and its label back."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from . import checks
from .connection import Request

LABEL_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".seg.nrrd")
IMAGE_BYTES = 2**31
FILE_S = 1800.0  # an image of hundreds of megabytes over a slow network
MAX_STRATEGIES = 100
_SERIES_UID = re.compile(r"\d+(\.\d+)+")


@dataclass(frozen=True)
class Strategy:
    """A way to choose the study that is labelled next, in the server's words."""

    name: str
    description: str


def strategies(value: Any) -> list[Strategy]:
    """The answer of `GET /info/`, in the server's order."""
    listed = checks.mapping(checks.mapping(value, "info").get("strategies"), "strategies")
    rows = [(name, checks.mapping(row, "strategy")) for name, row in list(listed.items())[:MAX_STRATEGIES]]
    return [
        Strategy(checks.text(name, "strategy", at_most=100), checks.text(row.get("description", ""), "description", at_most=1000))
        for name, row in rows
    ]


def next_request(strategy: str) -> Request:
    """Ask which study is labelled next."""
    return Request("POST", f"/activelearning/{quote(strategy, safe='')}", b"{}", {"Content-Type": "application/json"})


def next_image(value: Any) -> str | None:
    """The id of the study to label; None when all are labelled."""
    found = checks.mapping(value, "sample").get("id")
    return None if found is None else checks.text(found, "id", at_most=1000)


def image_request(image: str) -> Request:
    """Download an image."""
    return Request("GET", f"/datastore/image?{urlencode({'image': image})}", limit=IMAGE_BYTES)


def held_request(image: str, sha256: str) -> Request:
    """Whether the datastore holds an image, of these very bytes where a digest is given."""
    asked = {"image": image} | ({"check_sum": f"SHA256:{sha256}"} if sha256 else {})
    return Request("HEAD", f"/datastore/image?{urlencode(asked)}")


def is_series_uid(image: str) -> bool:
    """Whether an id is that of a DICOM series, which names one image in the world."""
    return _SERIES_UID.fullmatch(image) is not None


def label_request(image: str, label: bytes, names: Sequence[str], *, ending: str, tag: str) -> Request:
    """Send a label: the bytes of a file with this ending. names: of its values, from 1. ValueError for another ending."""
    if ending not in LABEL_ENDINGS:
        raise ValueError(f"A label is a file whose name ends in {', '.join(LABEL_ENDINGS)}.")
    rows = {"label_info": [{"name": name, "idx": value} for value, name in enumerate(names, start=1)]}
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="params"\r\n\r\n{json.dumps(rows)}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="label"; filename="label{ending}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + label + f"\r\n--{boundary}--\r\n".encode()
    where = urlencode({"image": image, "tag": tag})
    return Request("PUT", f"/datastore/label?{where}", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
