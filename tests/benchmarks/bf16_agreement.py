"""Does the bfloat16 model put the heatmap where the float32 model does? Over many draws of formula-made weights.

For every draw, volume and sentence: Pearson correlation of the two similarity maps, and how far the float32 value at the
bfloat16 peak lies below the float32 maximum, as a share of the float32 map's range. Bars: correlation >= .999, and the
shortfall within 2 % for 99 % of the sentences.
Run: python -m tests.benchmarks.bf16_agreement [--draws 20] [--sentences 16] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch

from asap.models.asap import Asap
from asap.models.checkpoint_names import from_checkpoint, sources
from asap.models.config import AsapConfig
from asap.models.load import fill, frozen
from tests.models.formula import formula_checkpoint, formula_volumes


def checkpoint_shapes(config: AsapConfig) -> dict[str, list[int]]:
    """Published names and shapes of the entries the model uses, at the sizes of `config`."""
    with torch.device("meta"):
        ours = {name: list(value.shape) for name, value in Asap(config).state_dict().items()}
    shapes = {"pos_embed": [1, 1 + config.encoder.tokens, config.encoder.width]}
    for name, theirs in sources(config).items():
        shape = ours[name]
        if name == "image_encoder.patch_embed.proj.weight":
            shape = [shape[0], 1, *config.encoder.patch]
        shapes |= {entry: [shape[0] // len(theirs), *shape[1:]] for entry in theirs}
    return shapes


def formula_model(config: AsapConfig, draw: str = "dev") -> Asap:
    """`Asap` in float32 with the formula-made weights of one draw."""
    with torch.device("meta"):
        model = Asap(config)
    fill(model, from_checkpoint(formula_checkpoint(checkpoint_shapes(config), draw, config.encoder.grid), config))
    return frozen(model)


def sentences(count: int, vocab: int, seed: int) -> list[torch.Tensor]:
    """Random token sequences of 6 to 24 tokens, [CLS] first."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 25, count)
    return [torch.from_numpy(np.concatenate([[2], rng.integers(5, vocab, n)])).unsqueeze(0) for n in lengths]


def similarity_maps(model: Asap, volumes: torch.Tensor, ids: list[torch.Tensor]) -> np.ndarray:
    """Similarity [volumes, sentences, N] in float64."""
    with torch.inference_mode():
        e = torch.cat([model.sentence_features(model.encode_text(one), torch.ones_like(one)) for one in ids], dim=1)
        rows = [model.similarity_BSN(e, model.project_image(model.encode_image(v[None]))) for v in volumes]
    return torch.cat(rows).double().numpy()


def agreement(exact: np.ndarray, fast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pearson correlation, and shortfall of the exact value at the fast peak over the exact range, one per map."""
    exact, fast = exact.reshape(-1, exact.shape[-1]), fast.reshape(-1, fast.shape[-1])
    pearson = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(exact, fast, strict=True)])
    at_peak = np.take_along_axis(exact, fast.argmax(1)[:, None], axis=1)[:, 0]
    return pearson, (exact.max(1) - at_peak) / np.ptp(exact, axis=1)


def measure(
    config: AsapConfig, draws: int, count: int, to_fast: Callable[[Asap], Asap], report: Callable[[str], None]
) -> dict[str, float]:
    """The figures over all draws."""
    volumes = torch.from_numpy(formula_volumes(2, config.encoder.volume_shape))
    pearsons, shortfalls = [], []
    for draw in range(draws):
        model = formula_model(config, f"draw{draw}")
        ids = sentences(count, config.text.vocab, draw)
        exact = similarity_maps(model, volumes, ids)
        pearson, shortfall = agreement(exact, similarity_maps(to_fast(model), volumes, ids))
        report(f"draw {draw:2d}   lowest Pearson {pearson.min():.6f}   largest shortfall {shortfall.max():.4f}")
        pearsons.append(pearson)
        shortfalls.append(shortfall)
    pearson, shortfall = np.concatenate(pearsons), np.concatenate(shortfalls)
    return {
        "maps": len(pearson),
        "pearson_min": float(pearson.min()),
        "pearson_mean": float(pearson.mean()),
        "shortfall_p99": float(np.quantile(shortfall, 0.99)),
        "share_within_2_percent": float((shortfall <= 0.02).mean()),
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--sentences", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    silent = options.json
    figures = measure(
        AsapConfig(),
        options.draws,
        options.sentences,
        lambda model: model.set_precision(torch.bfloat16),
        lambda line: None if silent else print(line, flush=True),
    )
    if options.json:
        print(json.dumps(figures))
        return
    print(
        f"{figures['maps']:.0f} maps   Pearson min {figures['pearson_min']:.6f} mean {figures['pearson_mean']:.6f}   (bar .999)"
    )
    print(f"float32 value at the bf16 peak within 2 % of the range: {figures['share_within_2_percent']:.2%}   (bar 99 %)")


if __name__ == "__main__":
    main()
