"""Fine-tuning on a frozen trunk.

asap-train finetune finding-head --cases DIR [DIR ...] --inputs DIR --out DIR [--twins-every N] [--steps N] [--model NAME]
asap-train finetune findings --cases DIR [DIR ...] --cells DIR [--model NAME] [--out DIR]
asap-train finetune nodules --cases DIR [DIR ...] --kept DIR [--model NAME] [--steps N] [--out DIR]
asap-train finetune segmentation --cases dataset.json --out DIR [--model NAME --recipe NAME --method semi-supervised | --score]
asap-train finetune report --told FILE --layout ctrg|ctrate --volumes DIR --cells DIR --out DIR [--language DIR] [--steps N]
asap-train finetune vqa --told DIR --volumes DIR --cells DIR --out DIR --language DIR [--steps N]

finding-head: which finding each cell holds, read from the trunk. findings: the curves behind `asap classify`, `ask` and
`report`. nodules: which small things in the lung are nodules. segmentation: labels of a decathlon-style data set, by a light
head of asap-mini, or by UNETR of asap-base, all of which is trained. report: the benchmark's own small decoder, trained from
scratch, or with --language a local language model with adapters. vqa: the language model on RadGenome's questions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from asap.errors import InputError
from asap.inference.load import load_engine
from asap.models.language_adapter import LoraConfig, new_decoder, save_adapter
from asap.models.report_decoder import ReportDecoder, ReportDecoderConfig, vocabulary
from asap.models.visual_prefix import PrefixConfig
from asap.models.weights import write_weights
from asap_training import fit_findings, fit_labels, train_findings, train_nodules
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.data.told_cases import Told, ctrate_reports, ctrg_reports, radgenome_questions
from asap_training.data.told_cells import ToldCells
from asap_training.pace import Pace
from asap_training.told_loop import ToldRecipe, fine_tune

LAYOUTS: dict[str, Callable[[Path], list[Told]]] = {"ctrg": ctrg_reports, "ctrate": ctrate_reports}
SOURCE = "Report decoder trained by asap_training.finetune on the reports named at its training."


def train_small(told: list[Told], cells: ToldCells, arguments: argparse.Namespace, trunk_sha256: str) -> None:
    """The benchmark's decoder, from scratch."""
    numbers = cells(told[0].volume).shape[1]
    decoder = ReportDecoder(ReportDecoderConfig(cell_numbers=numbers, words=vocabulary(one.answer for one in told)))
    fine_tune(decoder, told, cells, ToldRecipe(arguments.steps, batch=arguments.batch), on_step=said(arguments.steps))
    config = asdict(decoder.config) | {"words": list(decoder.config.words)}
    write_weights(
        arguments.out,
        decoder.state_dict(),
        name="report-decoder",
        architecture="report-decoder",
        config={"decoder": config, "trunk_sha256": trunk_sha256},
        source=SOURCE,
        licence=arguments.licence,
    )


def train_language(told: list[Told], cells: ToldCells, arguments: argparse.Namespace, trunk_sha256: str) -> None:
    """Prefix and adapters over a local language model, at the published rates."""
    numbers = cells(told[0].volume).shape[1]
    lora = LoraConfig()
    probe = new_decoder(arguments.language, PrefixConfig(arguments.prefix, cells.grid, numbers), LoraConfig(rank=0))
    width = int(probe.language.get_input_embeddings().weight.shape[1])
    decoder = new_decoder(arguments.language, PrefixConfig(arguments.prefix, cells.grid, numbers, width), lora)
    recipe = ToldRecipe(arguments.steps, batch=arguments.batch, rate=5e-5, warm_up=min(500, arguments.steps // 10))
    fine_tune(decoder, told, cells, recipe, on_step=said(arguments.steps))
    save_adapter(
        arguments.out, decoder, lora, language_folder=arguments.language, trunk_sha256=trunk_sha256, name=arguments.language.name
    )


def said(steps: int) -> Callable[[int, float], None]:
    """Told a step and its loss, says now and then how far the training is."""
    pace = Pace(steps, "Training", unit="steps")
    return lambda step, loss: pace.reached(step + 1, f", loss {loss:.3f}")


def main() -> None:
    """Parse, read what is told, train, write."""
    if len(sys.argv) == 1:  # argparse would speak of the options of two of the six
        print(__doc__)
        sys.exit(2)
    own = {
        "finding-head": train_findings.main,
        "findings": fit_findings.main,
        "nodules": train_nodules.main,
        "segmentation": fit_labels.main,
    }
    if sys.argv[1:2] and sys.argv[1] in own:
        task = sys.argv[1]
        sys.argv = [f"asap-train finetune {task}", *sys.argv[2:]]
        with ended_in_one_sentence():
            own[task]()
        return
    arguments = _arguments()
    with ended_in_one_sentence():
        told = radgenome_questions(arguments.told) if arguments.what == "vqa" else LAYOUTS[arguments.layout](arguments.told)
        if not told:
            raise InputError("Nothing is told in what --told names.")
        if arguments.what == "vqa" and arguments.language is None:
            raise InputError("Questions need a language model: name its folder with --language.")
        torch.set_num_threads(arguments.threads)
        engine = load_engine(arguments.model)
        cells = ToldCells(engine, arguments.volumes, arguments.cells)
        train = train_small if arguments.language is None else train_language
        train(told, cells, arguments, engine.grounder.weights_sha256)
    print(f"What was trained is in {arguments.out}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what",
        choices=("report", "vqa"),
        help="or finding-head, findings, nodules, segmentation, which have options of their own",
    )
    parser.add_argument("--told", type=Path, required=True, help="list of reports, or folder of question tables")
    parser.add_argument("--layout", choices=tuple(LAYOUTS), default="ctrate")
    parser.add_argument("--volumes", type=Path, required=True, help="folder of the images, in folders of any depth")
    parser.add_argument("--cells", type=Path, required=True, help="where encoded volumes are kept")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained decoder or adapter")
    parser.add_argument("--language", type=Path, help="folder of a causal language model: config.json, *.safetensors, tokenizer")
    parser.add_argument("--prefix", choices=("queries", "convolution"), default="queries")
    parser.add_argument("--model", default="asap-mini")
    parser.add_argument("--steps", type=positive, default=5075)
    parser.add_argument("--batch", type=positive, default=4)
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--licence", default="as the reports it was trained on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
