"""Training runs in processes of their own that a test can kill: imports are paid for once, by the fork server."""

from __future__ import annotations

import importlib
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from asap.errors import AsapError
from asap_training.loop import distributed
from asap_training.pretrain import RunOptions, main, run
from asap_training.recipes import Recipe, asap_test
from tests.forks import CONTEXT
from tests.training.synthetic import SyntheticReports

with suppress(ImportError):  # what a run imports late: paid for once, by the fork server
    importlib.import_module("torch._dynamo")
    importlib.import_module("torch.utils.tensorboard")


def small(batch: int = 2, accumulation: int = 1) -> Recipe:
    """`asap_test` with one encoder block and 27 tokens: a few milliseconds a step."""
    recipe = asap_test()
    encoder = replace(recipe.model.encoder, depth=1, grid=(3, 3, 3), patch=(4, 4, 4))
    model = replace(recipe.model, encoder=encoder, text=replace(recipe.model.text, depth=1))
    settings = replace(recipe.optimisation, batch=batch, accumulation=accumulation)
    return replace(recipe, model=model, optimisation=settings)


def one_rank(recipe: Recipe, options: RunOptions, nan_at: frozenset[int], environment: dict[str, str]) -> None:
    """Body of one process; the exit code is that of the command."""
    take_place(environment)
    import torch

    torch.set_num_threads(1)
    with (options.out.parent / f"said-{environment['RANK']}.txt").open("a") as said:
        sys.stdout = sys.stderr = said
        try:
            finished = run(recipe, SyntheticReports(recipe, nan_at=nan_at), options)
        except AsapError as error:
            said.write(str(error))
            sys.exit(error.exit_code)
    sys.exit(0 if finished else 143)


def command_rank(arguments: list[str], environment: dict[str, str]) -> None:
    """Body of one process of `asap-train pretrain` with these arguments."""
    take_place(environment)
    sys.argv = ["asap-train pretrain", *arguments]
    main()


@cache
def _meetings() -> tempfile.TemporaryDirectory[str]:
    """Where the processes of a run meet; gone with the tests."""
    return tempfile.TemporaryDirectory(prefix="asap-meetings-")


def places(world: int) -> list[dict[str, str]]:
    """The environment of each rank of one run. They meet at a file, for a port found free may be another's by then."""
    store = Path(_meetings().name, secrets.token_hex(8))
    return [{"WORLD_SIZE": str(world), "RANK": str(rank), "ASAP_TEST_STORE": str(store)} for rank in range(world)]


def take_place(environment: dict[str, str]) -> None:
    """What a rank's process begins with."""
    os.environ |= environment
    rank, world = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    at = {"init_method": f"file://{environment['ASAP_TEST_STORE']}", "rank": rank, "world_size": world}
    distributed.dist.init_process_group = partial(distributed.dist.init_process_group, **at)


def started(recipe: Recipe, options: RunOptions, world: int = 1, nan_at: frozenset[int] = frozenset()) -> list[ForkServerProcess]:
    """One running process per rank."""
    return _running(one_rank, (recipe, options, nan_at), world)


def started_command(arguments: list[str], world: int) -> list[ForkServerProcess]:
    """The same for the command, with a source and a recipe it finds itself."""
    return _running(command_rank, (arguments,), world)


def _running(body: Callable[..., None], arguments: tuple[Any, ...], world: int) -> list[ForkServerProcess]:
    ranks = [CONTEXT.Process(target=body, args=(*arguments, place), daemon=True) for place in places(world)]
    for process in ranks:
        process.start()
    return ranks


def ended(ranks: list[ForkServerProcess], timeout_s: float = 60.0) -> list[int | None]:
    """Exit codes once all have ended; a process that has not is killed and answers None."""
    for process in ranks:
        process.join(timeout_s)
    codes = [process.exitcode for process in ranks]
    for process in ranks:
        process.kill()
        process.join()
    return codes


def logged(out: Path) -> list[dict[str, Any]]:
    """Every line of a run's log; strict JSON, which has no NaN."""

    def refused(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refused) for line in (out / "log.jsonl").read_text().splitlines()]


def logged_losses(out: Path) -> list[float | None]:
    """The loss of every step in a run's log; None where it was not a number."""
    return [line["loss"] for line in logged(out)]
