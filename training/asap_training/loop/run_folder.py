"""A run's folder belongs to one recipe, which stands in it as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from asap.errors import InputError, OutputError
from asap.io.atomic import write_bytes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RECIPE_NAME = "recipe.json"


def check_folder(out: Path, recipe: DataclassInstance) -> None:
    """InputError where the folder holds a run of another recipe, which must not be gone on with."""
    path = out / RECIPE_NAME
    if path.exists() and path.read_bytes() != _written(recipe):
        raise InputError("This folder holds a run of another recipe, or of the same with other options; choose another --out.")


def begin_folder(out: Path, recipe: DataclassInstance) -> None:
    """Make the folder and keep the recipe in it. OutputError where it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("The folder of the run cannot be made; name another --out.") from error
    write_bytes(out / RECIPE_NAME, _written(recipe), "recipe")


def _written(recipe: DataclassInstance) -> bytes:
    return json.dumps(asdict(recipe), indent=2).encode()
