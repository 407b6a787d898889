"""A private PostgreSQL server on a free port that can be restarted."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


def _bin() -> Path | None:
    """Finds the folder of PostgreSQL's programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if initdb := shutil.which("initdb"):
        folders.insert(0, Path(initdb).resolve().parent)
    complete = (path for path in folders if (path / "initdb").is_file() and (path / "postgres").is_file())
    return next(complete, None)


BIN = _bin()
"""None if it is not installed."""
RUN_AS = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
"""The server does not run as root."""


class Server:
    """A server that listens only on this machine."""

    def __init__(self, data: Path) -> None:
        assert BIN is not None
        self._bin, self._data = BIN, data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql://sweeps@127.0.0.1:{self._port}/postgres"
        words = ["-D", data, "--auth=trust", "--username=sweeps", "--no-sync"]
        subprocess.run([*RUN_AS, BIN / "initdb", *words], check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._data}"]
        self._process = subprocess.Popen(
            [*RUN_AS, self._bin / "postgres", "-D", self._data, "-p", str(self._port), *listen],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        for _ in range(300):
            asked = [self._bin / "pg_isready", "-h", "127.0.0.1", "-p", str(self._port)]
            if subprocess.run(asked, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def stop(self) -> None:
        """Stops it at once, with all connections."""
        stop = [*RUN_AS, self._bin / "pg_ctl", "stop", "-D", self._data, "--mode=fast"]
        subprocess.run(stop, check=True, capture_output=True, cwd="/")
        self._process.wait(60)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Runs a server. For root, its data are in /tmp, where the user postgres can read them."""
    data = (Path("/tmp") if RUN_AS else folder) / f"sweeps-postgresql-{os.getpid()}"
    data.mkdir()
    if RUN_AS:
        shutil.chown(data, "postgres")
    started = Server(data)
    try:
        started.start()
        yield started
    finally:
        started.stop()
        shutil.rmtree(data, ignore_errors=True)
