"""Names of files and folders that people give: every one must work wherever a path is taken (reliability E4)."""

from __future__ import annotations

NAMES = {
    "spaces": " two  spaces and one in front",
    "long": "n" * 200,
    "other letters": "胸部ＣＴ грудь صدر ça è",
    "dots": "..scan.nii.v2...",
    "signs": "50% [a-b] *?#&'\"{0}$HOME",
}
