"""Patients, not volumes, are divided between training and validation; and the check that none is on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from asap.errors import InputError
from asap_training.data.case import Split


def split_of(patient: str, valid_share: float) -> Split:
    """The side of a patient: the same on every machine and in every order, with `valid_share` of patients in validation."""
    draw = int.from_bytes(hashlib.sha256(f"split {patient}".encode()).digest()[:8], "big") / 2**64
    return "valid" if draw < valid_share else "train"


def check_splits(owners: Iterable[tuple[str, Split]], what: str) -> None:
    """InputError when one owner (a patient, or the content of an image) is in both splits; it says how many are.

    what: how the sentence names the owners, for instance "patients".
    """
    seen: dict[str, set[Split]] = {}
    for owner, split in owners:
        seen.setdefault(owner, set()).add(split)
    shared = sum(len(splits) > 1 for splits in seen.values())
    if shared:
        raise InputError(
            f"{shared} {what} are in the training and in the validation split at once, so that validation would measure memory; "
            "give them one split each in the table, or leave the split out to have patients divided."
        )
