"""Sizes of a model as frozen dataclasses, and their JSON form with allow-listed keys (rule R2: data never names code)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from asap.errors import WeightsError

MAX_WIDTH = 4096
MAX_DEPTH = 64
MAX_TOKENS = 65_536
MAX_VOCABULARY = 200_000


@dataclass(frozen=True)
class EncoderConfig:
    """The 3-D vision transformer. Defaults: the published ViT-B on 224 x 224 x 112 voxels of 1.5 x 1.5 x 3 mm.

    patch: voxels per token along (h, w, d) = (R, A, S). grid: tokens along (h, w, d); need not be cubic.
    spacing_mm: voxel size along (h, w, d) the weights were trained at.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    patch: tuple[int, int, int] = (16, 16, 8)
    grid: tuple[int, int, int] = (14, 14, 14)
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 3.0)

    def __post_init__(self) -> None:
        _require(1 <= self.width <= MAX_WIDTH and 1 <= self.depth <= MAX_DEPTH, "encoder width or depth out of range")
        _require(self.heads >= 1 and self.width % self.heads == 0, "the encoder's width must be a multiple of its heads")
        _require(0 < self.mlp_ratio <= 16, "encoder mlp_ratio out of range")
        _require(len(self.patch) == len(self.grid) == 3, "patch and grid have three numbers each")
        _require(all(n >= 1 for n in (*self.patch, *self.grid)), "patch and grid must be positive")
        _require(len(self.spacing_mm) == 3 and all(0.1 <= s <= 20 for s in self.spacing_mm), "spacing_mm must be 0.1 to 20 mm")
        _require(self.tokens <= MAX_TOKENS and self.patch_voxels <= MAX_TOKENS, "too many tokens or voxels per token")

    @property
    def tokens(self) -> int:
        """Number of patch tokens N (the cls token is not counted)."""
        return math.prod(self.grid)

    @property
    def patch_voxels(self) -> int:
        """Voxels of one patch."""
        return math.prod(self.patch)

    @property
    def volume_shape(self) -> tuple[int, int, int]:
        """(H, W, D) of the volume the encoder takes."""
        h, w, d = (p * g for p, g in zip(self.patch, self.grid, strict=True))
        return h, w, d


@dataclass(frozen=True)
class TextConfig:
    """The BERT text encoder. Defaults: BERT-base with the vocabulary of CXR-BERT."""

    vocab: int = 30522
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    max_positions: int = 512

    def __post_init__(self) -> None:
        _require(1 <= self.width <= MAX_WIDTH and 1 <= self.depth <= MAX_DEPTH, "text width or depth out of range")
        _require(self.heads >= 1 and self.width % self.heads == 0, "the text encoder's width must be a multiple of its heads")
        _require(0 < self.mlp_ratio <= 16, "text mlp_ratio out of range")
        _require(6 <= self.vocab <= MAX_VOCABULARY and 2 <= self.max_positions <= 8192, "vocabulary or positions out of range")


@dataclass(frozen=True)
class AsapConfig:
    """The whole model. A sentence s pools K_s = 2^kappa_s tokens, kappa_s = floor(kappa_span * sigmoid(.) + kappa_offset)."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    text: TextConfig = field(default_factory=TextConfig)
    projection: int = 768
    align_temperature: float = 0.07
    kappa_offset: int = 4
    kappa_span: int = 3

    def __post_init__(self) -> None:
        _require(1 <= self.projection <= MAX_WIDTH, "projection width out of range")
        _require(0 < self.align_temperature <= 10, "align_temperature out of range")
        _require(0 <= self.kappa_offset <= 16 and 0 <= self.kappa_span <= 8, "kappa_offset or kappa_span out of range")

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and dictionaries, ready for json.dump."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AsapConfig:
        """Inverse of `to_json`. Missing keys take their default; unknown keys and wrong types raise WeightsError."""
        values = values_from_json(cls, data, skip=("encoder", "text"))
        encoder = EncoderConfig(**values_from_json(EncoderConfig, _section(data, "encoder")))
        text = TextConfig(**values_from_json(TextConfig, _section(data, "text")))
        return cls(encoder=encoder, text=text, **values)


def _require(ok: bool, what: str) -> None:
    if not ok:
        raise WeightsError(f"The model configuration is not usable: {what}.")


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = data.get(name, {})
    _require(isinstance(section, Mapping), f"{name} must be an object")
    return section  # type: ignore[no-any-return]


def values_from_json(cls: type, data: Mapping[str, Any], skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of `data` for the fields of the dataclass `cls`, each checked against the type of the field's default.

    Fields are whole numbers, numbers or tuples of them; `skip` names those the caller reads. WeightsError on anything else.
    """
    _require(isinstance(data, Mapping), "it must be an object")
    allowed = {f.name for f in fields(cls)}
    _require(set(data) <= allowed, "it has keys this version does not know")
    defaults = cls()
    out: dict[str, Any] = {}
    for name in sorted(set(data) - set(skip)):
        value, default = data[name], getattr(defaults, name)
        if isinstance(default, tuple):
            kinds = (int,) if type(default[0]) is int else (int, float)
            _require(
                isinstance(value, list | tuple) and all(type(n) in kinds for n in value), f"{name} must be a list of numbers"
            )
            out[name] = tuple(type(default[0])(n) for n in value)
        elif isinstance(default, float):
            _require(type(value) in (int, float) and math.isfinite(value), f"{name} must be a number")
            out[name] = float(value)
        else:
            _require(type(value) is int, f"{name} must be a whole number")
            out[name] = value
    return out
