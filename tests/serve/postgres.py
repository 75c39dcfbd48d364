"""A real PostgreSQL server on a free port, in a temporary folder, as another person than root."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/none/bin"))


def missing() -> str | None:
    """Why there is no server to be had, or None."""
    return None if (BINARIES / "postgres").exists() else f"there is no PostgreSQL server in {BINARIES}"


@dataclass
class PostgresServer:
    folder: Path
    port: int

    @classmethod
    def make(cls) -> PostgresServer:
        folder = Path(tempfile.mkdtemp(prefix="promptrec-postgres-"))
        if _user() is not None:
            shutil.chown(folder, _user())
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = cls(folder, port)
        server._run("initdb", "--auth=trust", "--username=promptrec", "--no-instructions", "--encoding=UTF8")
        return server

    @property
    def url(self) -> str:
        return f"postgresql://promptrec@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}", f"--options={options}")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate")

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(BINARIES / program), "-D", str(self.folder / "data"), *arguments]
        done = subprocess.run(command, user=_user(), capture_output=True, text=True, cwd=self.folder, check=False)
        assert done.returncode == 0, done.stderr


_schemas = itertools.count()


def fresh(server: PostgresServer) -> str:
    """A URL whose tables nobody else uses."""
    name = f"test_{next(_schemas)}"
    with psycopg.connect(server.url) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server.url}?options=-csearch_path%3D{name}"


def _user() -> str | None:
    """PostgreSQL refuses to run as root; its package comes with a person of its own."""
    if os.geteuid() != 0:
        return None
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
