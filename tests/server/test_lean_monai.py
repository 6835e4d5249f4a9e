"""What a start imports: MONAI without the packages it would only look for, which stay there for whoever wants them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")

ASKED = """
import sys
from monailabel_app.lib.lean_monai import UNUSED, import_monai
from asap.torchvision_guard import guard_torchvision
guard_torchvision()
import_monai()
import monailabel.app, monailabel_app.main
print("imported:", *[name for name in UNUSED if name in sys.modules])
import matplotlib, pandas, torchvision
from monai.transforms import Spacingd, LoadImaged
print("later:", matplotlib.__name__, pandas.__name__, torchvision.__name__, Spacingd.__name__)
"""


@pytest.mark.slow
def test_a_start_leaves_out_what_nobody_uses_and_takes_nothing_away(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASKED], capture_output=True, text=True, check=False, cwd=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    said = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line and not line.startswith("Allow"))
    assert set(said["imported"].split()) <= {"itk"}
    assert said["later"].split() == ["matplotlib", "pandas", "torchvision", "Spacingd"]
