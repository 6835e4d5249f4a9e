"""Optional last stage of fine-tuning: group-relative policy optimisation of the adapters with rewards, through trl.

Four rollouts a prompt (Med3D-R1). The language model is told what was found in the image as text and rewarded for the report it
makes of it: agreement with the reference, with the image, and form (`tasks/report_facts.py`). The visual prefix takes no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asap.drafts import FindingEstimate
from asap.errors import InputError
from asap.inference.writers import REPORT_PROMPT
from asap.text.statements import statement
from asap.torchvision_guard import guard_torchvision

ROLLOUTS = 4
TOLD_FROM = 0.15


def evidence_prompt(estimates: Sequence[FindingEstimate]) -> str:
    """What was found, the most probable first, each with its probability, then the task."""
    found = [e for e in estimates if (e.probability or 0.0) >= TOLD_FROM]
    lines = [f"{statement(e.concept, e.side, e.anatomy)} ({e.probability:.2f})" for e in found]
    return "\n".join([*lines, REPORT_PROMPT]) + "\n"


def tune_with_rewards(
    language: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    rewards: Sequence[Callable[..., list[float]]],
    *,
    steps: int,
    folder: Path,
    rate: float = 1e-6,
    longest: int = 150,
) -> list[float]:
    """Train the adapters in place; prompt n belongs to `case` n of the rewards. Returns the mean reward of each step.

    folder: for what trl writes while it runs. Raises InputError when trl is not installed.
    """
    guard_torchvision()
    try:
        from datasets import Dataset  # noqa: PLC0415 - heavy, and an extra
        from trl import GRPOConfig, GRPOTrainer  # noqa: PLC0415 - as above
    except ImportError as error:
        raise InputError('This stage needs the extra "rewards": pip install "asap-training[rewards]".') from error
    rows = Dataset.from_list([{"prompt": prompt, "case": number} for number, prompt in enumerate(prompts)])
    options = GRPOConfig(
        output_dir=str(folder),
        max_steps=steps,
        learning_rate=rate,
        per_device_train_batch_size=ROLLOUTS,
        num_generations=ROLLOUTS,
        max_completion_length=longest,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=language, reward_funcs=list(rewards), args=options, train_dataset=rows, processing_class=tokenizer
    )
    trainer.train()
    return [float(entry["reward"]) for entry in trainer.state.log_history if "reward" in entry]
