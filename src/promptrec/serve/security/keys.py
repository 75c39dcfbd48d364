"""API keys: made once, shown once, kept as hashes."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json

SCOPES = ("read", "write", "admin")
DEFAULT_RATE = 1_000.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Key:
    """name: who uses it; hash: SHA-256 of the token, which is 256 random bits and so needs no slow hash; rate: the
    requests per second that are let through.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    rate: float
    hash: str
    created: str

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class KeyRing:
    """The keys of one workspace, in `keys.json`; a change made elsewhere is seen at the next look."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._secret = b""

    def keys(self) -> list[Key]:
        """All keys, oldest first. Raises PromptrecError where the file is broken."""
        self._refresh()
        return list(self._keys.values())

    def find(self, token: str) -> Key | None:
        """The key of a token, or None. How long it takes says nothing about how much of a token was right."""
        self._refresh()
        key = self._keys.get(token.removeprefix("prk_").partition("_")[0])
        given = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        same = hmac.compare_digest(given, key.hash if key else NOBODY)
        return key if same else None

    def by_id(self, id_: str) -> Key | None:
        self._refresh()
        return self._keys.get(id_)

    def sign(self, text: str) -> str:
        """A signature that only holders of `keys.json` can make."""
        self._refresh()
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def create(self, name: str, scopes: Sequence[str], rate: float = DEFAULT_RATE) -> tuple[Key, str]:
        """A new key and its token, which is not kept. Raises PromptrecError for a bad name, scope or rate."""
        if not NAME.fullmatch(name):
            raise PromptrecError(f"key name {name!r}: expected up to 64 letters, digits, spaces and . _ @ -")
        wrong = [scope for scope in scopes if scope not in SCOPES]
        if wrong or not scopes:
            raise PromptrecError(f"--scopes: expected some of {', '.join(SCOPES)}, found {', '.join(wrong) or 'none'}")
        if not 0 < rate < float("inf"):
            raise PromptrecError(f"--rate: expected requests per second above 0, found {rate}")
        id_ = secrets.token_hex(4)
        token = f"prk_{id_}_{secrets.token_urlsafe(32)}"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        key = Key(id_, name, tuple(dict.fromkeys(scopes)), rate, hashlib.sha256(token.encode()).hexdigest(), now)
        with self._changing() as keys:
            keys[id_] = key
        return key, token

    def revoke(self, id_: str) -> Key:
        """Remove a key; running services refuse it at once. Raises NotFoundError."""
        with self._changing() as keys:
            if id_ not in keys:
                raise NotFoundError(f"key {id_!r} is not in {self.file}; `promptrec keys list` shows those that are")
            return keys.pop(id_)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with (self.file.parent / ".keys.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._refresh()
            yield self._keys
            document: dict[str, Any] = {
                "schema_version": SCHEMA_VERSION,
                "secret": self._secret.hex() or secrets.token_hex(32),
                "keys": [asdict(key) for key in self._keys.values()],
            }
            write_json(self.file, document)

    def _refresh(self) -> None:
        try:
            about = self.file.stat()
        except FileNotFoundError:
            self._read, self._keys = None, {}
            return
        if (about.st_ino, about.st_mtime_ns) == self._read:
            return
        document = read_json(self.file, "list of API keys")
        try:
            keys = [Key(**{**one, "scopes": tuple(one["scopes"])}) for one in document["keys"]]
            self._secret = bytes.fromhex(document["secret"])
        except (KeyError, TypeError, ValueError) as error:
            raise PromptrecError(f"{self.file}: this list of API keys cannot be read ({error!r}); restore it") from None
        self._keys = {key.id: key for key in keys}
        self._read = (about.st_ino, about.st_mtime_ns)
