"""A scripted server and a client of it, ended with every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from asap.client import AsapClient, Timeouts
from tests.client.scripted import TOKEN, Scripted

QUICK = Timeouts(connect_s=1.0, read_s=0.6, upload_s=3.0)
Connect = Callable[..., AsapClient]


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as scripted:
        yield scripted


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients = []

    def made(url: str, token: str | None = TOKEN, **options: object) -> AsapClient:
        clients.append(AsapClient(url, token, **{"timeouts": QUICK, **options}))  # type: ignore[arg-type]
        return clients[-1]

    yield made
    for client in clients:
        client.close()


@pytest.fixture
def client(server: Scripted, connect: Connect) -> AsapClient:
    return connect(server.url)
