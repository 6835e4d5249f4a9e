"""The digest of plain data: the same for the same values, whatever wrote them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(data: Any) -> str:
    """sha256 of the JSON form with sorted keys, as hex."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
