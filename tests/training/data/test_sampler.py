"""The order of cases: every case once an epoch, ranks share a step's samples, and a position is enough to go on."""

from __future__ import annotations

from itertools import chain

from asap_training.data.sampler import case_of, numbers, sample_rng


def test_every_case_comes_once_an_epoch_in_another_order() -> None:
    epochs = [[case_of(n, 7, 50)[1] for n in range(50 * e, 50 * (e + 1))] for e in range(3)]
    assert all(sorted(order) == list(range(50)) for order in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [case_of(n, 8, 50)[1] for n in range(50)] != epochs[0]
    assert case_of(149, 7, 50)[0] == 2


def test_ranks_read_what_one_process_would() -> None:
    alone = list(numbers(0, 48, rank=0, world=1, batch=8))
    together = [list(numbers(0, 48, rank=rank, world=4, batch=2)) for rank in range(4)]
    steps = [sorted(chain(*(mine[s : s + 2] for mine in together))) for s in range(0, 12, 2)]
    assert [alone[s : s + 8] for s in range(0, 48, 8)] == steps


def test_going_on_from_a_position_is_the_rest_of_the_same_order() -> None:
    whole = list(numbers(0, 40, rank=1, world=2, batch=2))
    assert list(numbers(16, 40, rank=1, world=2, batch=2)) == whole[8:]


def test_a_samples_draws_depend_on_seed_and_number_alone() -> None:
    assert sample_rng(3, 5).random() == sample_rng(3, 5).random()
    assert len({sample_rng(s, n).random() for s in (3, 4) for n in (5, 6)}) == 4
