"""Tokens: files only their owner can read, compared in constant time, never printed or logged."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asap.errors import InputError

Role = Literal["nobody", "user", "admin"]
TOKEN_BYTES = 32
MIN_TOKEN_CHARS = 32
MAX_TOKEN_CHARS = 512


@dataclass(frozen=True, repr=False)
class Tokens:
    """The user's token, and the administrator's where there is one."""

    user: str
    admin: str | None

    def role(self, token: str) -> Role:
        """Whose token this is. Every comparison is made, whatever the earlier ones said."""
        given = token.encode()
        is_user = hmac.compare_digest(given, self.user.encode())
        is_admin = hmac.compare_digest(given, (self.admin or "").encode()) and self.admin is not None
        return "admin" if is_admin else "user" if is_user else "nobody"


def bearer_token(headers: list[tuple[bytes, bytes]]) -> str:
    """The token of the only Authorization header; empty when there is none, several, or another scheme."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return ""
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and len(token) <= MAX_TOKEN_CHARS else ""


def load_tokens(user_file: Path, admin_file: Path | None) -> Tokens:
    """Read both tokens, making missing files. Raises InputError for files that others can read."""
    tokens = Tokens(_token(user_file), None if admin_file is None else _token(admin_file))
    if tokens.user == tokens.admin:
        raise InputError("The administrator's token must differ from the users' token.")
    return tokens


def _token(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _stored(path)
    except OSError as error:
        raise InputError("The token file cannot be made; name another one with --token-file.") from error
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token


def _stored(path: Path) -> str:
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_mode & 0o077:
                raise InputError("The token file can be read by others; make it private with: chmod 600 FILE")
            token = file.read(MAX_TOKEN_CHARS + 2).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The token file cannot be read as text.") from error
    if not MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS or not token.isprintable() or " " in token:
        raise InputError(f"The token file must hold one word of {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} characters; delete it.")
    return token
