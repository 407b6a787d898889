"""An OpenAI-compatible server on this machine that answers by a rule."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 10}


@dataclass
class Reply:
    """What the server sends: a chat completion, or a body of another kind."""

    text: str | None = ""
    finish_reason: str | None = "stop"
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """Whether the connection is closed without a reply."""

    def content(self) -> bytes:
        if self.body is not None:
            return self.body
        message = {"role": "assistant", "content": self.text}
        reply: dict[str, Any] = {"choices": [{"message": message, "finish_reason": self.finish_reason}]}
        return json.dumps(reply | ({} if self.usage is None else {"usage": self.usage})).encode()


Rule = Callable[[dict[str, Any], int], Reply]
"""(request, how often the same one came before) -> the reply."""


@dataclass
class FakeJudge:
    """The server, and the requests that it got."""

    url: str
    rule: Rule
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def fake_judge(rule: Rule) -> Iterator[FakeJudge]:
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                before = judge.requests.count(request)
                judge.requests.append(request)
                judge.headers.append(dict(self.headers))
                judge.paths.append(self.path)
            reply = judge.rule(request, before)
            if reply.hang_up:
                self.close_connection = True
                return
            content = reply.content()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        judge = FakeJudge(url=f"http://127.0.0.1:{server.server_address[1]}/v1", rule=rule)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield judge
        finally:
            server.shutdown()
            thread.join()
