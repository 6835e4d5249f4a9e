"""The loaded models of this process: the service and MONAI Label's tasks use the same ones."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from asap.errors import InputError
from asap.inference.engine import Engine
from asap.inference.load import load_engine

DEFAULT_MODELS = ("asap-mini",)
_loaded: dict[str, Engine] = {}
_lock = threading.Lock()


def engines(names: Sequence[str]) -> Mapping[str, Engine]:
    """The engines of these models by the name each model gives itself, loaded once per process.

    Raises InputError or WeightsError for a model that cannot be had, or two that share a name.
    """
    with _lock:
        for name in names:
            if name not in _loaded:
                _loaded[name] = load_engine(name)
        by_name = {_loaded[name].grounder.name: _loaded[name] for name in names}
    if len(by_name) != len(names):
        raise InputError("Two of the models share a name; offer one of them.")
    return by_name
