"""An OpenAI-compatible endpoint for chat: vLLM, llama.cpp's server, or a service.

Requests go straight to the named host: no proxy, no redirect. The API key comes from the environment, is sent
to that host only, and appears nowhere else.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from ablations.data.field_types import Count, Positive, check_fields
from ablations.data.json_files import Json

KEY_VARIABLE = "ABLATIONS_JUDGE_KEY"
"""Environment variable with the API key; unset: none is sent."""
TRIES = 6
"""Maximum number of requests for one answer."""
LONGEST_PAUSE, LONGEST_WISH = 60.0, 600.0
"""Maximum seconds between two requests: by our own rule, and where the server asks for more."""
LARGEST_REPLY = 2**24
"""Maximum number of bytes of a reply."""
CONTEXT_EXCEEDED = "context_exceeded"
"""Reason for the end of an answer that never began: the prompt does not fit into the model's context."""
_CONTEXT = re.compile(r"context[ _-]?(length|size|window)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ChatAnswer:
    """A model's answer."""

    text: str
    finish_reason: str
    """Why it ended: as the server says (stop, length, ...), or ``CONTEXT_EXCEEDED``."""
    prompt_tokens: int | None
    """Tokens that were read; None if the server does not say."""
    completion_tokens: int | None
    """Tokens that were written; None if the server does not say."""
    requests: int = 1
    """Number of requests that it took."""


@dataclass(frozen=True, kw_only=True)
class ChatEndpoint:
    """Address of a server, and how it is used."""

    url: str
    """Base address, such as http://localhost:8000/v1."""
    concurrency: Count = 16
    """Maximum number of requests at once."""
    timeout: Positive = 600.0
    """Seconds until a request without a reply counts as failed."""

    def __post_init__(self) -> None:
        check_fields(self)
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # no such port, or no closing bracket
            good = False
        if not (good and re.fullmatch(r"[!-~]+", self.url)) or re.search(r"[@?#]", self.url):
            raise ValueError(
                "endpoint: found no base address; allowed: such as http://localhost:8000/v1, without user, "
                f"password, ? and # (an API key is read from {KEY_VARIABLE})"
            )

    def check_reachable(self) -> None:
        """Checks that something listens at the address, so that a mistake is reported at once.

        Raises:
            ValueError: nothing does.
        """
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=min(self.timeout, 10)).close()
        except OSError as error:
            raise ValueError(
                f"endpoint: found no server at {self.url} ({_shown(str(error))}); allowed: a running one"
            ) from None

    def ask(self, body: Mapping[str, Json], pause: Callable[[float], object] = time.sleep) -> ChatAnswer:
        """Asks for one answer, and again after failures that may pass: 408, 429, 5xx, or no readable reply.

        Args:
            body: the request.
            pause: called with the seconds between two requests; what it raises ends the attempts.

        Raises:
            ValueError: the server rejects the request, or all attempts failed.
        """
        for number in range(1, TRIES + 1):
            try:
                return self._post(json.dumps(body).encode(), number)
            except _PassingError as error:
                if number == TRIES:
                    raise ValueError(
                        f"endpoint: found {error} from {self.url}, {TRIES} times; allowed: a server that "
                        "answers; the same command resumes"
                    ) from None
                usual = min(2.0 ** (number - 1) * random.uniform(0.5, 1.5), LONGEST_PAUSE)
                pause(max(usual, min(error.wish, LONGEST_WISH)))
        raise AssertionError("unreachable")

    def ask_all(
        self, bodies: Mapping[int, Mapping[str, Json]], keep: Callable[[int, ChatAnswer], None]
    ) -> None:
        """Asks for many answers at once. The first failure ends it, after the requests that have begun.

        Args:
            bodies: number -> request.
            keep: called with the number and the answer, from several threads.
        """
        stopped = Event()

        def work(number: int) -> None:
            keep(number, self.ask(bodies[number], lambda seconds: _pause(stopped, seconds)))

        with ThreadPoolExecutor(self.concurrency) as pool:
            futures = [pool.submit(work, number) for number in bodies]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _post(self, body: bytes, number: int) -> ChatAnswer:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        path = (parts.path.rstrip("/") or "/v1") + "/chat/completions"
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **_authorization()})
            reply = connection.getresponse()
            content = reply.read(LARGEST_REPLY + 1)
        except (OSError, HTTPException) as error:
            raise _PassingError(f"no reply ({_shown(str(error) or type(error).__name__)})") from None
        finally:
            connection.close()
        if len(content) > LARGEST_REPLY:
            raise ValueError(f"endpoint: found a reply of more than {LARGEST_REPLY:,} bytes; allowed: less")
        if reply.status == 200:
            return _answer(content, number)
        message = _shown(_message(content))
        if reply.status in (408, 429) or reply.status >= 500:
            raise _PassingError(f"status {reply.status} ({message})", wish=_wish(reply))
        if reply.status in (400, 413) and _CONTEXT.search(message):
            return ChatAnswer(
                text="",
                finish_reason=CONTEXT_EXCEEDED,
                prompt_tokens=None,
                completion_tokens=None,
                requests=number,
            )
        raise ValueError(
            f"endpoint: found status {reply.status} from {self.url} ({message}); allowed: an address, a "
            f"model and a request that the server accepts (an API key is read from {KEY_VARIABLE})"
        )


class _PassingError(Exception):
    """A failure that may pass."""

    def __init__(self, found: str, wish: float = 0.0) -> None:
        super().__init__(found)
        self.wish = wish
        """Seconds that the server asks to wait."""


class _StoppedError(Exception):
    """Another request has failed for good."""


def _pause(stopped: Event, seconds: float) -> None:
    if stopped.wait(seconds):
        raise _StoppedError


def _authorization() -> dict[str, str]:
    key = os.environ.get(KEY_VARIABLE, "")
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{KEY_VARIABLE}: found characters that no key has; allowed: printable ASCII")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _answer(content: bytes, number: int) -> ChatAnswer:
    """Reads a reply; one that is no answer counts as a failure of the server, not of the model."""
    try:
        reply = json.loads(content)
        choice = reply["choices"][0]
        text, reason = choice["message"]["content"], choice.get("finish_reason")
        usage = reply.get("usage") or {}
        if not isinstance(text, str | None) or not isinstance(reason, str | None):
            raise TypeError
        return ChatAnswer(
            text=(text or "").encode(errors="replace").decode(),  # a lone surrogate fits into no file
            finish_reason=reason or "",
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
            requests=number,
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise _PassingError("a reply that is no chat completion") from None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _message(content: bytes) -> str:
    """Returns the message of an error, whatever its form."""
    text = content.decode(errors="replace")
    try:
        found = json.loads(text)
        found = found.get("error", found)
        found = found.get("message", text) if isinstance(found, dict) else found
        return found if isinstance(found, str) else text
    except (ValueError, AttributeError, RecursionError):
        return text


def _shown(text: str) -> str:
    """Returns a text as part of one line, without the API key."""
    key = os.environ.get(KEY_VARIABLE, "")
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    line = line.replace(key, "***") if key else line
    return (line if len(line) <= 200 else f"{line[:197]}...") or "no message"


def _wish(reply: HTTPResponse) -> float:
    """Returns the seconds that the server asks to wait (Retry-After, as a number or a date); 0 if none."""
    value = reply.headers.get("Retry-After", "")
    try:
        if value.isascii() and value.isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
