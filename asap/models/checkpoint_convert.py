"""From the entries of a published checkpoint to the tensors of `Asap`: complete, of the right shapes, finite, accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from asap.errors import WeightsError
from asap.models.asap import Asap
from asap.models.checkpoint_names import fate, from_checkpoint, sources
from asap.models.config import AsapConfig
from asap.models.load import fill

FLOAT_TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
MAX_TENSOR_VALUES = 2**28
TEXT_PREFIX = "bert_encoder.bert."
REGRESSION_HEAD = ("regression_head.weight", "regression_head.bias")


@dataclass(frozen=True, eq=False)
class Converted:
    """tensors: the state of `Asap`. training: entries only training reads, under their published names.

    used: names the model was made of. dead, unexpected: names left out. supplied: names that came from the text encoder's
    folder. filled: names set to zero (a fixed-K model such as SimCroP has no regression head; zeros make K = 32).
    """

    tensors: dict[str, Tensor]
    training: dict[str, Tensor]
    used: tuple[str, ...]
    dead: tuple[str, ...]
    unexpected: tuple[str, ...]
    supplied: tuple[str, ...]
    filled: tuple[str, ...]


def convert(
    state: Mapping[str, Tensor], text_state: Mapping[str, Tensor] | None, config: AsapConfig, dtype: torch.dtype
) -> Converted:
    """Account for every entry and make the model's tensors in `dtype` (norms and other small ones stay float32).

    text_state: a BERT's own entries, used where the checkpoint carries no text encoder. Raises WeightsError when an entry the
    model needs is missing, has another shape, or holds values that are not finite.
    """
    entries = {_plain_name(name): value for name, value in state.items()}
    supplied = _supplied(entries, text_state or {})
    entries |= supplied
    filled = {name: _zeros(name, config) for name in REGRESSION_HEAD if name not in entries}
    entries |= filled
    fates = {name: fate(name) for name in entries}
    needed = [name for names in sources(config).values() for name in names]
    missing = [name for name in needed if name not in entries]
    if any(name.startswith(TEXT_PREFIX) for name in missing):
        raise WeightsError(
            f"The checkpoint lacks {len(missing)} entries, among them the text encoder; name the folder of its text encoder."
        )
    if missing:
        raise WeightsError(f"The checkpoint lacks {len(missing)} entries of this model, for example {missing[0]}.")
    for name, value in entries.items():
        if fates[name] in ("used", "training"):
            check_tensor(name, value)
    used = tuple(name for name, what in fates.items() if what == "used" and name in {*needed, "pos_embed"})
    beyond = tuple(name for name, what in fates.items() if what == "used" and name not in used)
    return Converted(
        tensors=_model_tensors(entries, config, dtype),
        training={name: entries[name].float() for name, what in fates.items() if what == "training"},
        used=used,
        dead=tuple(name for name, what in fates.items() if what == "dead"),
        unexpected=tuple(name for name, what in fates.items() if what is None) + beyond,
        supplied=tuple(supplied),
        filled=tuple(filled),
    )


def check_tensor(name: str, value: Tensor) -> None:
    """Refuse what is not an ordinary dense tensor of finite floating-point values of a plausible size."""
    dense = value.layout is torch.strided and value.device.type == "cpu" and value.dtype in FLOAT_TYPES
    if not dense or value.numel() > MAX_TENSOR_VALUES:
        raise WeightsError(f"The checkpoint's entry {name} is not a plain tensor of numbers of a plausible size.")
    if not bool(torch.isfinite(value).all()):
        raise WeightsError(f"The checkpoint's entry {name} holds values that are not finite.")


def _plain_name(name: str) -> str:
    """Without the prefix data-parallel training adds."""
    return name.removeprefix("module.")


def _supplied(entries: Mapping[str, Tensor], text_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Entries of a separate BERT under the names a full checkpoint gives them, where the checkpoint has none."""
    out = {}
    for name, value in text_state.items():
        inner = name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")
        if inner.startswith(("embeddings.", "encoder.")) and TEXT_PREFIX + inner not in entries:
            out[TEXT_PREFIX + inner] = value
    return out


def _zeros(name: str, config: AsapConfig) -> Tensor:
    return torch.zeros(1, config.projection) if name.endswith("weight") else torch.zeros(1)


def _model_tensors(entries: Mapping[str, Tensor], config: AsapConfig, dtype: torch.dtype) -> dict[str, Tensor]:
    with torch.device("meta"):
        model = Asap(config)
    fill(model, {name: value.float() for name, value in from_checkpoint(entries, config).items()})
    return dict(model.set_precision(dtype).state_dict())
