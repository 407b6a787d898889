"""Processes of a pool that follow commands."""

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from ablations.engine.worker_pool import BEGUN, PROGRESS


def work(connection: Connection, number: int) -> None:
    """Answers each job, a command and a path, with the number of the process."""
    while True:
        try:
            command, path = connection.recv()
        except EOFError:
            return
        if command == "die before" or (command == "die before once" and not Path(path).exists()):
            Path(path).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        connection.send(BEGUN)
        if command == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if command == "exit":
            os._exit(3)
        if command == "hang":
            time.sleep(600)
        if command == "tell":
            connection.send((PROGRESS, 0.5))
        connection.send(("done", number))
