"""A small model in the real layout, a keyring that forgets, and how a test downloads."""

from __future__ import annotations

import threading
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from app.base.paths import starter_model_folder
from app.library import download
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.transfers.values import TransferOptions
from tests.helpers.hub_behaviour import random_contents
from tests.helpers.waiting import NEVER_SECONDS

NAME = "owner/tiny"
SMALL = ("config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja", "tokenizer.json")
OPTIONS = TransferOptions(
    tries=3,
    backoff_base=0.01,
    backoff_cap=0.05,
    disk_poll=0.05,
    connect_timeout=NEVER_SECONDS,
    read_timeout=NEVER_SECONDS,
    reserve_bytes=1_000_000,
)


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets everything with the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


def tiny_contents(seed: int = 0) -> dict[str, bytes | Path]:
    """A model in Hugging Face layout whose weights are noise."""
    small: dict[str, bytes | Path] = {name: (starter_model_folder() / name).read_bytes() for name in SMALL}
    shards = [(f"model-0000{number}-of-00002.safetensors", 700_000 * number) for number in (1, 2)]
    return small | random_contents(seed, shards)


def accepted(services: LibraryServices, name: str = NAME) -> ModelRecord:
    """A download that the user accepted."""
    return download.accept(services, download.offer(services, name))


def downloaded(services: LibraryServices, name: str = NAME) -> ModelRecord:
    """An installed model."""
    record = accepted(services, name)
    for _ in download.download(services, record, threading.Event()):
        pass
    return services.library.find(record.id)
