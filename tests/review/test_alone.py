"""The review runs where Slicer runs: any of its Pythons, the standard library and the client only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.test_alone import ROOT, interpreters, run

CODE = """
import sys; sys.path.insert(0, sys.argv[1])
import pathlib, tempfile
import asap.review as r
from asap.review import kept_review
from asap.client.protocol import ground_answer
answer = {"index": 0, "text": "A nodule.", "section": "findings", "assertion": "present", "laterality": None,
    "localisable": False,
    "reason": "none", "confidence": None, "peak_ras_mm": None, "tokens": None, "threshold": None, "side_check": "not applicable",
    "span": None, "map": None, "fine_map": None}
given = {"study": "57" * 16, "model": {"name": "m", "weights_sha256": "ab" * 32}, "notice": "n", "sentences": [answer]}
folder = pathlib.Path(tempfile.mkdtemp()) / "review"
kept = kept_review.create(folder)
kept.keep(r.new_review("A nodule.", ground_answer(given)), "A")
kept.keep(r.signed(kept.review.decided(0, "accepted", "A"), "A"), "A")
held = kept_review.opened(folder).review == kept.review
foreign = {m.split(".")[0] for m in sys.modules} - set(sys.stdlib_module_names) - {"asap", "__main__"}
print(held, *sorted(foreign))
"""


@pytest.mark.slow
@pytest.mark.parametrize("version", sorted(interpreters()))
def test_decide_sign_and_reopen_with_nothing_installed(version: str, tmp_path: Path) -> None:
    said = run(interpreters()[version], "-B", "-c", CODE, ROOT)
    assert said.split()[0] == "True"
    assert not {"numpy", "torch", "scipy"} & set(said.split())
