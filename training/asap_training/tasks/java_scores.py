"""The two parts of the COCO caption evaluation that only exist in Java: its PTB tokenizer, and METEOR 1.5 (Denkowski 2014).

The jars come with the package pycocoevalcap, of which nothing else is used; without it or without Java these say what is missing.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from asap.errors import InputError

TOKENIZER_JAR = Path("tokenizer") / "stanford-corenlp-3.4.1.jar"
METEOR_JAR = Path("meteor") / "meteor-1.5.jar"
# What the caption evaluation leaves out after tokenizing.
PUNCTUATION = frozenset(
    ("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";")
)
TOKENIZER_S, METEOR_S = 300, 900
MISSING = "METEOR and the PTB tokenizer need Java and the package pycocoevalcap; install asap-training[scores] and a JRE."


def java_is_there() -> bool:
    """Whether Java and both jars are installed."""
    return shutil.which("java") is not None and _package() is not None


def ptb_words(texts: Sequence[str]) -> list[list[str]]:
    """Words of each text in lower case without punctuation, by the Stanford PTB tokenizer; InputError when it is missing."""
    jar = _jar(TOKENIZER_JAR)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts"
        path.write_text("\n".join(" ".join(text.splitlines()) for text in texts), encoding="utf-8")
        command = ["java", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", str(path)]
        done = subprocess.run(command, capture_output=True, timeout=TOKENIZER_S, check=True)
    lines = done.stdout.decode().split("\n")[: len(texts)]
    return [[word for word in line.rstrip().split(" ") if word and word not in PUNCTUATION] for line in lines]


def meteor(references: Sequence[Sequence[str]], drafts: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    """METEOR of the corpus and of each draft, from words. Raises InputError when it is missing."""
    jar = _jar(METEOR_JAR)
    pairs = [(_line(reference), _line(draft)) for reference, draft in zip(references, drafts, strict=True)]
    scores = _meteor_says(jar, [f"SCORE ||| {reference} ||| {draft}" for reference, draft in pairs], len(pairs))
    answers = _meteor_says(jar, [" ||| ".join(["EVAL", *scores])], len(pairs) + 1)
    each = [float(answer) for answer in answers]
    return each[-1], each[:-1]


def _meteor_says(jar: Path, lines: list[str], answers: int) -> list[str]:
    command = ["java", "-jar", "-Xmx2G", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    done = subprocess.run(command, input="\n".join(lines).encode() + b"\n", capture_output=True, timeout=METEOR_S, check=True)
    out = done.stdout.decode().split("\n")[:answers]
    return [line.strip() for line in out]


def _line(words: Sequence[str]) -> str:
    return " ".join(words).replace("|||", "").replace("  ", " ")


def _package() -> Path | None:
    found = importlib.util.find_spec("pycocoevalcap")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    return Path(places[0]) if places else None


def _jar(name: Path) -> Path:
    package = _package()
    if package is None or shutil.which("java") is None or not (package / name).is_file():
        raise InputError(MISSING)
    return package / name
