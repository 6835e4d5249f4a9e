"""Pre-training on CT-RATE by arithmetic: hours, bandwidth, storage and memory on 1, 4 and 32 GPUs. Nothing here is measured.

Run: python -m tests.benchmarks.scaling_plan
Work is counted from the recipe's sizes: 2 operations a multiplication, the backward pass twice the forward pass. What is assumed
stands in the constants: the share of peak speed that is reached, the usual report, and what a volume takes when compressed.
"""

from __future__ import annotations

from dataclasses import dataclass

from asap_training.recipes import Recipe, asap_base, asap_base_paper

VOLUMES, EPOCHS = 47_143, 200
REPORT_TOKENS, PADDED_TOKENS = 280, 512
PEAK_TFLOPS = {"A100": 312.0, "H100": 989.0}
UTILISATION = 0.40
OVER_MANY = {1: 1.0, 4: 0.95, 32: 0.85}  # share of the speed left when gradients are exchanged
VOLUME_MB, MASK_MB, TEXT_MB = 5.4, 0.02, 0.34  # int16 as LZ4, organs as runs, 220 x 768 float16
REPORTS = 24_128  # distinct ones; a patient's reconstructions share theirs
RAW_SAMPLE_MB = 11.2  # int16 crop as it goes to the GPU
SAMPLES_PER_CORE_S, PREPARED_PER_CORE_HOUR = 50, 5000
TRAINED_BYTES, FROZEN_BYTES = 4 + 4 + 8, 4  # weight, gradient, two moments
ACTIVATION_BYTES = 34  # per token, width and block in bfloat16 with attention in tiles (Korthikanti et al. 2022)
TRAINED, FROZEN = 206.2e6, 113.9e6


@dataclass(frozen=True)
class Sizes:
    """What a recipe makes of one sample: text passes and their tokens, image tokens seen and decoded, words scored."""

    text_passes: int
    text: int
    visible: int
    decoded: int
    scored: int


def sizes(recipe: Recipe) -> Sizes:
    """Published: both texts padded, every patch decoded. Corrected: findings kept, text as long as it is, a part decoded."""
    tokens = recipe.model.encoder.tokens
    visible = int(tokens * (1 - recipe.image_masked_share))
    everything = recipe.report_scope == "all"
    text = PADDED_TOKENS if everything else REPORT_TOKENS
    hidden = round((tokens - visible) * recipe.decoded_share)
    return Sizes(2 if everything else 1, text, visible, visible + hidden, text if everything else round(0.75 * text))


def block_flop(tokens: float, width: float, mlp_ratio: float, keys: float | None = None) -> float:
    """Forward pass of one transformer block."""
    return 2 * tokens * width**2 * (4 + 2 * mlp_ratio) + 4 * tokens * (keys or tokens) * width


def sample_tflop(recipe: Recipe) -> float:
    """One sample forwards and backwards, in 10^12 operations."""
    encoder, text, decoders, size = recipe.model.encoder, recipe.model.text, recipe.decoders, sizes(recipe)
    hidden = size.decoded - size.visible
    image = encoder.depth * block_flop(size.visible, encoder.width, encoder.mlp_ratio)
    image += 2 * size.visible * encoder.patch_voxels * encoder.width
    decoder = decoders.image_depth * block_flop(size.decoded, encoder.width, decoders.image_mlp_ratio)
    decoder += 2 * hidden * encoder.patch_voxels * encoder.width
    frozen = size.text_passes * text.depth * block_flop(size.text, text.width, text.mlp_ratio)
    report = (decoders.report_depth + 1) * block_flop(size.text, text.width, decoders.report_mlp_ratio)
    report += block_flop(size.text, text.width, 0, keys=size.visible) + 2 * size.scored * text.width * text.vocab
    return (3 * (image + decoder + report) + frozen) / 1e12


def memory_gb(recipe: Recipe) -> float:
    """Weights, moments and activations of one micro-batch on one GPU."""
    encoder, decoders, size = recipe.model.encoder, recipe.decoders, sizes(recipe)
    tokens = encoder.depth * size.visible + decoders.image_depth * size.decoded + (decoders.report_depth + 1) * size.text
    sample = ACTIVATION_BYTES * encoder.width * tokens + 10 * size.scored * recipe.model.text.vocab + 4e6 * RAW_SAMPLE_MB
    return (TRAINED * TRAINED_BYTES + FROZEN * FROZEN_BYTES + recipe.optimisation.batch * sample) / 1e9


def main() -> None:
    """Print the plan as Markdown."""
    print(f"{VOLUMES:,} volumes, {EPOCHS} epochs, {UTILISATION:.0%} of the peak\n")
    print(
        "| recipe | TFLOP a sample | GPUs | hours A100, H100 | samples/s, GPU | loader cores, GPU | GB/s read, all | GB a GPU |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for recipe in (asap_base_paper(), asap_base()):
        work = sample_tflop(recipe)
        for gpus, left in OVER_MANY.items():
            rates = [peak * UTILISATION * left / work for peak in PEAK_TFLOPS.values()]
            hours = ", ".join(f"{VOLUMES * EPOCHS / (rate * gpus) / 3600:.1f}" for rate in rates)
            pace = ", ".join(f"{rate:.0f}" for rate in rates)
            cores = ", ".join(f"{rate / SAMPLES_PER_CORE_S:.1f}" for rate in rates)
            read = ", ".join(f"{gpus * rate * (VOLUME_MB + MASK_MB + TEXT_MB) / 1000:.1f}" for rate in rates)
            print(f"| {recipe.name} | {work:.2f} | {gpus} | {hours} | {pace} | {cores} | {read} | {memory_gb(recipe):.0f} |")
    store = VOLUMES * (VOLUME_MB + MASK_MB) / 1000 + REPORTS * TEXT_MB / 1000
    print(f"\ncache {store:.0f} GB; preparing {VOLUMES / PREPARED_PER_CORE_HOUR:.1f} core-hours;", end=" ")
    print(f"a checkpoint {(TRAINED * 12 + FROZEN * 4) / 1e9:.1f} GB, two are kept;", end=" ")
    print(f"gradients exchanged {TRAINED * 4 / 1e9:.2f} GB a step")


if __name__ == "__main__":
    main()
