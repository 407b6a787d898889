"""A hub on this machine: enough of its protocol to create a repository and to commit small files."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_test"


class FakeHub:
    """What the hub was asked for."""

    def __init__(self) -> None:
        self.created: list[dict[str, object]] = []
        self.files: dict[str, bytes] = {}
        self.committed_to: list[str] = []
        self.refuses = False
        """Whether it refuses commits."""


@contextmanager
def fake_hub() -> Iterator[tuple[FakeHub, str]]:
    """Serves a hub; yields it with its address."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def known(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def do_GET(self) -> None:
            if not self.known():
                self.answer(401, {"error": "Invalid username or password."})
            elif self.path == "/api/whoami-v2":
                self.answer(200, {"name": "someone", "type": "user"})
            else:
                self.answer(200, {"id": "someone/thing", "private": True, "sha": "0" * 40, "siblings": []})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/repos/create":
                made = json.loads(body)
                private = made.get("visibility") == "private" or made.get("private", False)
                hub.created.append({"name": made["name"], "type": made.get("type"), "private": private})
                kind = "datasets/" if made.get("type") == "dataset" else ""
                self.answer(
                    200, {"url": f"http://{self.headers['Host']}/{kind}{made['organization']}/{made['name']}"}
                )
            elif "/preupload/" in self.path:
                files = json.loads(body)["files"]
                kept = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
                self.answer(200, {"files": kept})
            elif self.path == "/api/validate-yaml":
                self.answer(200, {"errors": [], "warnings": []})
            elif hub.refuses:
                self.answer(403, {"error": "You have no right to write here."})
            else:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        hub.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                hub.committed_to.append(self.path)
                repository = self.path.removeprefix("/api/").removeprefix("models/").removesuffix("/main")
                address = f"http://{self.headers['Host']}/{repository}/{'0' * 40}"
                self.answer(200, {"commitUrl": address, "commitOid": "0" * 40, "pullRequestUrl": None})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
