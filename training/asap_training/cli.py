"""`asap-train`: one door to the entries of this package; `asap-train COMMAND --help` shows what each takes."""

from __future__ import annotations

import importlib
import sys

from asap_training.arguments import ended_in_one_sentence

COMMANDS = {
    "generate": ("asap_training.generate", "write generated chest CTs with findings, regions and reports"),
    "prepare": ("asap_training.prepare", "raw CTs and reports -> a cache to train from"),
    "pretrain": ("asap_training.pretrain", "train a model on either: asap-mini, or another --recipe"),
    "finetune": ("asap_training.finetune", "teach a trained model more: segmentation, report, vqa, finding-head or findings"),
    "export": ("asap_training.calibrate", "calibrate a trained asap-mini and write its weights"),
    "ablation": ("asap_training.ablation.command", "what each loss and correction of pre-training is worth"),
    "segmentation": ("asap_training.train_segmentation", "train the segmentation heads of asap-mini on generated cases"),
    "segmentation-score": ("asap_training.segmentation_score", "score segmentation with simulated users"),
    "text-score": ("asap_training.text_score", "score drafted reports or answers of any model against references"),
    "benchmark": ("asap_training.benchmark", "score sentence grounding"),
    "list-overlap": ("asap_training.tasks.list_overlap", "what the published benchmark's lists share between their splits"),
}


def main() -> None:
    """Run the named command with the remaining arguments."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if wanted not in COMMANDS:
        print("usage: asap-train COMMAND ...        asap-train COMMAND --help says what each takes\n")
        print("\n".join(f"  {name:18} {summary}" for name, (_, summary) in COMMANDS.items()))
        sys.exit(0 if wanted in ("-h", "--help") else 2)
    sys.argv = [f"asap-train {wanted}", *sys.argv[2:]]
    with ended_in_one_sentence():
        importlib.import_module(COMMANDS[wanted][0]).main()


if __name__ == "__main__":
    main()
