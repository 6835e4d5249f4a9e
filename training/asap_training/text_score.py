"""Score drafted reports, or answers to questions, of any model against their references.

asap-train text-score TABLE.csv [--bert FOLDER [--layer N] [--rare-weigh-more]] [--json FILE]

The table has a row a text: columns reference and draft for reports; type, reference and answer for answers, the types being
presence, abnormality, location, size and disorder. Reports get BLEU, ROUGE-L and CIDEr as the caption evaluation computes them,
METEOR where Java is there (words by the PTB tokenizer then, else split at blanks), BERTScore with an encoder of a local folder,
F1 of the findings with assertion and side, and CRG.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from asap.errors import InputError
from asap.io.atomic import write_bytes
from asap.questions import QuestionKind
from asap_training.arguments import ended_in_one_sentence
from asap_training.data.datasets.tables import rows_of
from asap_training.tasks.bert_score import BertScorer
from asap_training.tasks.crg import crg_of_reports
from asap_training.tasks.java_scores import java_is_there, meteor, ptb_words
from asap_training.tasks.nlg import TextScores, text_scores, words_of
from asap_training.tasks.report_facts import finding_f1
from asap_training.tasks.vqa_scores import Answered, longest_mm, vqa_scores

WHAT = "table of texts"
KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)


def report_scores(references: Sequence[str], drafts: Sequence[str], bert: BertScorer | None, *, rare: bool) -> dict[str, float]:
    """Every score by its name. rare: BERTScore weighs rare word pieces more. CRG is left out where it is not defined."""
    if java_is_there():
        words = ptb_words([*references, *drafts])
        true, told = words[: len(references)], words[len(references) :]
        by_java = {"METEOR": meteor(true, told)[0]}
    else:
        true, told, by_java = [words_of(text) for text in references], [words_of(text) for text in drafts], {}
    scores = _named(text_scores(true, told)) | by_java
    if bert is not None:
        found = bert.score(references, drafts, rare_weigh_more=rare)
        scores |= {"BERTScore precision": found.precision, "BERTScore recall": found.recall, "BERTScore F1": found.f1}
    scores["finding F1, assertion and side"] = finding_f1(references, drafts)
    try:
        scores["CRG"] = crg_of_reports(references, drafts)
    except ValueError:
        print("CRG is not defined here: the references hold none of the 18 findings, or all.", file=sys.stderr)
    return scores


def answer_scores(answered: Sequence[Answered]) -> dict[str, float]:
    """The published benchmark's scores of every type that was asked, by name."""
    found = vqa_scores(answered)
    scores = {} if found.presence is None else {"presence: accuracy": found.presence}
    if found.size is not None:
        size = {"L1 mm": found.size.l1_mm, "RMSE mm": found.size.rmse_mm, "unanswered": float(found.size.unanswered)}
        scores |= {f"size: {name}": value for name, value in size.items()}
    for kind, written in found.written.items():
        scores |= {f"{kind}: {name}": value for name, value in (_named(written.texts) | {"hit": written.hit}).items()}
    return scores


def _named(scores: TextScores) -> dict[str, float]:
    bleu = {f"BLEU-{n}": value for n, value in enumerate(scores.bleu, start=1)}
    return bleu | {"ROUGE-L": scores.rouge_l, "CIDEr": scores.cider}


def _answers(rows: Sequence[Mapping[str, str]]) -> list[Answered]:
    kinds = {kind: kind for kind in KINDS}
    out = []
    for number, row in enumerate(rows, start=1):
        kind = kinds.get(row["type"].strip().lower())  # type: ignore[call-overload]
        if kind is None:
            raise InputError(f"Row {number} of the {WHAT} has a type that is none of {', '.join(KINDS)}.")
        if kind == "size" and longest_mm(row["reference"]) is None:
            raise InputError(f"Row {number} of the {WHAT} asks for a size and its reference tells none.")
        out.append(Answered(kind, row["reference"], row["answer"]))
    return out


def scored(table: Path, bert: BertScorer | None, *, rare: bool) -> dict[str, float]:
    """Scores of a table, by what its columns say it holds. Raises InputError."""
    rows = rows_of(table, ("reference",), WHAT)
    if not rows:
        raise InputError(f"The {WHAT} is empty.")
    if "draft" in rows[0]:
        return report_scores([row["reference"] for row in rows], [row["draft"] for row in rows], bert, rare=rare)
    if {"type", "answer"} <= rows[0].keys():
        return answer_scores(_answers(rows))
    raise InputError(f"The {WHAT} needs a column draft for reports, or type and answer for answers.")


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--bert", type=Path, help="folder of a BERT-like encoder, for BERTScore")
    parser.add_argument("--layer", type=int, help="whose features are compared (default: the last)")
    parser.add_argument("--rare-weigh-more", action="store_true", help="weigh word pieces by their inverse document frequency")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    arguments = parser.parse_args()
    with ended_in_one_sentence():
        bert = None if arguments.bert is None else BertScorer(arguments.bert, layer=arguments.layer)
        scores = scored(arguments.table, bert, rare=arguments.rare_weigh_more)
        if arguments.json is not None:
            write_bytes(arguments.json, json.dumps(scores, indent=1).encode(), "scores")
    print("\n".join(f"{name:32} {value:.4f}" for name, value in scores.items()))


if __name__ == "__main__":
    main()
