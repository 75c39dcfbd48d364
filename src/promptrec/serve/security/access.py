"""Which call needs what, and whether a caller has it."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from promptrec.serve.security.keys import Key, KeyRing

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
OPEN = ("/health", "/ready", "/login", "/static/")
SESSION = "promptrec_session"
SESSION_SECONDS = 12 * 3_600
BURST_SECONDS = 2.0


class RefusedError(Exception):
    """A call that is not let through: its status, why, and headers of the answer."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def needed_scope(method: str, path: str) -> str:
    """read: recommendations and looking; write: events and items; admin: prompts and people, on the page as well."""
    if path.startswith(("/v1/users", "/data/people")):
        return "admin"
    if method in ("GET", "HEAD", "OPTIONS") or path.startswith("/v1/recommend") or path in ("/logout", "/pictures"):
        return "read"
    return "write" if path.startswith("/v1/") and not path.startswith("/v1/prompts") else "admin"


@dataclass
class Access:
    """keys: who may call, None: everybody. local: only this machine's names are answered. workers: among how many
    processes a key's rate is shared.
    """

    keys: KeyRing | None
    local: bool
    workers: int = 1
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # key id: tokens, when

    def check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Raise RefusedError unless the call may go on; headers: by their names in small letters."""
        if self.local:
            self._check_local(headers)
        path = scope["path"]
        if self.keys is None or path in OPEN or path.startswith("/static/"):
            return
        key = self._key(self.keys, path, headers)
        needed = needed_scope(scope["method"], path)
        if not key.allows(needed):
            raise RefusedError(
                403, f"this needs a key with the scope {needed!r}; {key.name!r} has {', '.join(key.scopes)}"
            )
        self._count(key)

    def _check_local(self, headers: Mapping[str, str]) -> None:
        # Against DNS rebinding and pages of other origins, which reach this machine with the person's own browser.
        host = headers.get("host", "")
        if _name(host) not in LOOPBACK:
            raise RefusedError(421, f"host {_name(host)!r}: this service answers on {', '.join(LOOPBACK)} only")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise RefusedError(403, f"origin {origin!r}: pages of other origins may not call this service")

    def _key(self, keys: KeyRing, path: str, headers: Mapping[str, str]) -> Key:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = keys.find(token.strip()) if scheme.lower() == "bearer" else None
        if key is None and not path.startswith("/v1/"):
            key = session_key(keys, headers)
        if key is None:
            if "text/html" in headers.get("accept", ""):
                raise RefusedError(303, "enter a key", {"Location": "/login"})
            raise RefusedError(401, "send an API key: Authorization: Bearer prk_…", {"WWW-Authenticate": "Bearer"})
        return key

    def _count(self, key: Key) -> None:
        """A token bucket; the event loop is the only caller, so no lock."""
        rate, now = key.rate / self.workers, time.monotonic()
        most = max(1.0, rate * BURST_SECONDS)
        left, when = self._left.get(key.id, (most, now))
        left = min(most, left + (now - when) * rate)
        if left < 1:
            wait = max(1, round((1 - left) / rate))
            raise RefusedError(
                429, f"key {key.name!r} is let through {key.rate:g} times a second", {"Retry-After": str(wait)}
            )
        self._left[key.id] = (left - 1, now)


def start_session(keys: KeyRing, token: str, secure: bool) -> str | None:
    """The Set-Cookie header of a person who entered a key, or None for a wrong key."""
    key = keys.find(token)
    if key is None or not key.allows("read"):
        return None
    claim = f"{key.id}.{int(time.time()) + SESSION_SECONDS}"
    flags = f"Max-Age={SESSION_SECONDS}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
    return f"{SESSION}={claim}.{keys.sign(claim)}; {flags}"


def session_key(keys: KeyRing, headers: Mapping[str, str]) -> Key | None:
    """The key that was entered for a session that is still good."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(SESSION)
    except CookieError:
        return None
    claim, _, signature = (cookie.value if cookie else "").rpartition(".")
    id_, _, ends = claim.partition(".")
    if not hmac.compare_digest(signature.encode(), keys.sign(claim).encode()) or not ends.isdigit():
        return None
    return keys.by_id(id_) if int(ends) > time.time() else None


def _name(host: str) -> str:
    return (host[: host.rfind("]") + 1] or host.partition(":")[0]).lower()
