"""The loaded models of this process: the service and MONAI Label's tasks use the same ones."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from asap.errors import InputError, WeightsError
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.models.catalog import MODELS
from asap.models.load_unetr import LoadedUnetr, holds_unetr, load_unetr

DEFAULT_MODELS = ("asap-mini",)
SHARED_NAME = "Two of the models share a name; offer one of them, or change the name in the manifest.json of a fine-tuned one."
# It stands in addresses and file names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_loaded: dict[str, Engine] = {}
_loaded_labels: dict[str, LoadedUnetr] = {}
_lock = threading.Lock()


def engines(names: Sequence[str]) -> Mapping[str, Engine]:
    """The engines among these models by the name each model gives itself, loaded once per process.

    Raises InputError or WeightsError for a model that cannot be had, two that share a name, or none that is an engine.
    """
    wanted = [name for name in names if not _is_unetr(name)]
    if not wanted:
        raise InputError("A fine-tuned UNETR only draws its labels; name a model such as asap-mini before it.")
    with _lock:
        for name in wanted:
            if name not in _loaded:
                _loaded[name] = load_engine(name)
        by_name = {_loaded[name].grounder.name: _loaded[name] for name in wanted}
    if len(by_name) != len(wanted):
        raise InputError(SHARED_NAME)
    return by_name


def label_models(names: Sequence[str]) -> Mapping[str, LoadedUnetr]:
    """The fine-tuned UNETRs among these models, likewise. Raises WeightsError, which names the folder, or InputError."""
    wanted = [name for name in names if _is_unetr(name)]
    with _lock:
        for name in wanted:
            if name not in _loaded_labels:
                _loaded_labels[name] = _load_labels(Path(name))
        by_name = {_loaded_labels[name].name: _loaded_labels[name] for name in wanted}
    if len(by_name) != len(wanted):
        raise InputError(SHARED_NAME)
    return by_name


def _is_unetr(name: str) -> bool:
    return name not in MODELS and Path(name).is_dir() and holds_unetr(Path(name))


def _load_labels(folder: Path) -> LoadedUnetr:
    try:
        loaded = load_unetr(folder)
    except WeightsError as error:
        raise WeightsError(f"The fine-tuned UNETR in {folder.name} cannot be served. {error}") from error
    if not _NAME.fullmatch(loaded.name):
        raise WeightsError(f"Give the UNETR in {folder.name} a short name without blanks or slashes in its manifest.json.")
    return loaded
