"""Shows a sweep's storage in optuna-dashboard, with the command in docs/how-to/sweeps.md."""

import json
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from sysconfig import get_path

import pytest

from sweeps.study import Studies, storage_of


@pytest.fixture
def storage(tmp_path) -> str:
    """Of a sweep with one trial of each of two arms."""
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    with Studies(name="rates-smoke", arms=("process", "final_answer"), storage=storage_of(url)) as studies:
        studies.plan(1)
        studies.work(lambda arm: lambda trial: trial.suggest_float("learning_rate", 0.1, 0.2))
    return url


def test_it_shows_every_study(storage):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [Path(get_path("scripts")) / "optuna-dashboard", storage, f"--port={port}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found = asked(f"http://127.0.0.1:{port}/api/studies", server)
    finally:
        server.terminate()
        server.wait()
    names = {one["study_name"] for one in found["study_summaries"]}
    assert names == {"rates-smoke-process", "rates-smoke-final_answer"}


def asked(url: str, server: subprocess.Popen[bytes]) -> dict:
    """Its answer, when it has started."""
    for _ in range(300):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except ConnectionError:
            time.sleep(0.1)
        except urllib.error.URLError as error:
            assert isinstance(error.reason, ConnectionError)
            time.sleep(0.1)
    raise AssertionError("it never answered")
