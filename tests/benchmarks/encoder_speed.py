"""How close the image encoder comes to the speed of its own matrix products and attention on this machine.

Prints, for bfloat16 at the published 2744 tokens and batch 1: the rate of the encoder's linear layers and of its attention,
the time they predict, the time measured, and predicted / measured. Best of N everywhere, all in one run.
Run: python -m tests.benchmarks.encoder_speed [--repeats 20] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from asap.models.asap import Asap
from asap.models.config import AsapConfig, EncoderConfig
from asap.models.load import frozen, seeded_state


def best_s(run: Callable[[], object], repeats: int) -> float:
    """Shortest of `repeats` runs after one to warm up, in seconds."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def linear_s(tokens: int, inputs: int, outputs: int, dtype: torch.dtype, repeats: int) -> float:
    """Seconds of one linear layer with bias."""
    x, weight, bias = (
        torch.randn(1, tokens, inputs).to(dtype),
        torch.randn(outputs, inputs).to(dtype),
        torch.randn(outputs).to(dtype),
    )
    return best_s(lambda: F.linear(x, weight, bias), repeats)


def attention_s(tokens: int, config: EncoderConfig, dtype: torch.dtype, repeats: int) -> float:
    """Seconds of one scaled-dot-product attention of the encoder."""
    shape = (1, config.heads, tokens, config.width // config.heads)
    q, k, v = (torch.randn(shape).to(dtype) for _ in range(3))
    return best_s(lambda: F.scaled_dot_product_attention(q, k, v), repeats)


def measure(repeats: int, dtype: torch.dtype) -> dict[str, float]:
    """All figures, in seconds and GFLOP/s."""
    config = AsapConfig()
    encoder = config.encoder
    n, d, hidden = encoder.tokens, encoder.width, int(encoder.width * encoder.mlp_ratio)
    layers = [(d, 3 * d), (d, d), (d, hidden), (hidden, d)]
    per_block = sum(linear_s(n, i, o, dtype, repeats) for i, o in layers)
    attention = attention_s(n, encoder, dtype, repeats)
    patches = linear_s(n, encoder.patch_voxels, d, dtype, repeats)
    predicted = patches + encoder.depth * (per_block + attention)
    with torch.device("meta"):
        model = Asap(config)
    model.load_state_dict(seeded_state(model, 1), assign=True)
    frozen(model.set_precision(dtype))
    volume = torch.rand(1, 1, *encoder.volume_shape) * 2 - 1
    measured = best_s(lambda: model.encode_image(volume), repeats)
    return {
        "linear_gflops": 2e-9 * n * sum(i * o for i, o in layers) / per_block,
        "attention_gflops": 4e-9 * n * n * d / attention,
        "predicted_s": predicted,
        "measured_s": measured,
        "ratio": predicted / measured,
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with torch.inference_mode():
        figures = measure(options.repeats, getattr(torch, options.dtype))
    if options.json:
        print(json.dumps(figures))
        return
    print(f"encoder, {options.dtype}, 2744 tokens, batch 1, {torch.get_num_threads()} threads, best of {options.repeats}")
    print(f"  linear layers   {figures['linear_gflops']:8.0f} GFLOP/s")
    print(f"  attention       {figures['attention_gflops']:8.0f} GFLOP/s")
    print(f"  predicted       {figures['predicted_s'] * 1000:8.0f} ms")
    print(f"  measured        {figures['measured_s'] * 1000:8.0f} ms")
    print(f"  ratio           {figures['ratio']:8.2f}   (bar .70)")


if __name__ == "__main__":
    main()
