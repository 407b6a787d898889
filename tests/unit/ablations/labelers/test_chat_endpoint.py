"""The client of an endpoint: retries without waiting, errors in one line, and a key that nobody sees."""

import json
import time
from email.utils import formatdate

import pytest
from fake_judge import Reply, fake_judge

from ablations.labelers import chat_endpoint
from ablations.labelers.chat_endpoint import CONTEXT_EXCEEDED, KEY_VARIABLE, TRIES, ChatEndpoint

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi \ud800"}]}


def sequence(*replies):
    """The rule that answers the n-th request by the n-th reply, and then always by the last."""
    return lambda request, before: replies[min(before, len(replies) - 1)]


def ask(rule, **options):
    """The answer or the error, the pauses, and the server."""
    pauses = []
    with fake_judge(rule) as judge:
        try:
            found = ChatEndpoint(url=judge.url, **options).ask(BODY, pauses.append)
        except ValueError as error:
            found = str(error)
    return found, pauses, judge


def test_an_answer():
    found, pauses, judge = ask(sequence(Reply(text="Yes \ud800")))
    assert (found.text, found.finish_reason, found.requests) == ("Yes ?", "stop", 1)
    assert (found.prompt_tokens, found.completion_tokens) == (100, 10)
    assert judge.paths == ["/v1/chat/completions"] and judge.requests == [BODY] and not pauses
    assert "Authorization" not in judge.headers[0]


def test_the_server_may_ask_to_wait():
    """Retry-After is seconds or a date; pauses double, up to 1.5 times longer or half as long."""
    later = formatdate(time.time() + 100, usegmt=True)
    found, pauses, _ = ask(
        sequence(
            Reply(status=429, headers={"Retry-After": "30"}),
            Reply(status=503, headers={"Retry-After": later}),
            Reply(status=429, headers={"Retry-After": "soon"}),
            Reply(status=429, headers={"Retry-After": "99999"}),
            Reply(text="at last"),
        )
    )
    assert found.text == "at last" and found.requests == 5
    assert pauses[0] == 30 and 90 < pauses[1] <= 100 and 2 <= pauses[2] <= 6 and pauses[3] == 600


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (Reply(status=500, body=b'{"error": {"message": "out of\\n memory"}}'), "status 500 (out of memory)"),
        (Reply(status=502, body=b""), "status 502 (no message)"),
        (Reply(body=b"{"), "a reply that is no chat completion"),
        (Reply(body=b"[]"), "a reply that is no chat completion"),
        (Reply(body=b'{"choices": []}'), "a reply that is no chat completion"),
        (Reply(body=b'{"choices": [{"message": {"content": 3}}]}'), "a reply that is no chat completion"),
        (Reply(body=b"[" * 100_000), "a reply that is no chat completion"),
        (Reply(hang_up=True), "no reply (Remote end closed connection without response)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_that_may_pass(reply, found):
    told, pauses, judge = ask(sequence(reply))
    expected = f"endpoint: found {found} from {judge.url}, {TRIES} times; allowed: a server that answers"
    assert told.startswith(expected)
    assert len(judge.requests) == TRIES and len(pauses) == TRIES - 1
    # 1, 2, 4, 8 and 16 seconds, times 0.5 to 1.5
    assert all(0.5 * 2**n <= pause <= 1.5 * 2**n for n, pause in enumerate(pauses))
    assert ask(sequence(reply, reply, Reply(text="fine")))[0].text == "fine"


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (Reply(status=404, body=b'{"message": "no model m"}'), "status 404 from {url} (no model m)"),
        (Reply(status=400, body=b'{"error": "\\u001b[31mbad"}'), "status 400 from {url} ([31mbad)"),
        (Reply(status=401, body=b"x" * 999), "status 401 from {url} (" + "x" * 197 + "...)"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "status 302 from {url}"),
    ],
)
def test_rejections_are_final(reply, found):
    told, pauses, judge = ask(sequence(reply))
    assert told.startswith(f"endpoint: found {found.format(url=judge.url)}") and "\n" not in told
    assert len(judge.requests) == 1 and not pauses


def test_a_prompt_that_is_too_long_is_no_failure():
    message = json.dumps({"error": {"message": "This model's maximum context length is 8 tokens"}}).encode()
    found, _, judge = ask(sequence(Reply(status=400, body=message)))
    assert found.finish_reason == CONTEXT_EXCEEDED and found.text == "" and len(judge.requests) == 1


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "many", "completion_tokens": -1}])
def test_no_usage_is_unknown(usage):
    found, _, _ = ask(sequence(Reply(text="a", usage=usage)))
    assert found.prompt_tokens is None and found.completion_tokens is None


def test_no_content_is_an_empty_answer():
    assert ask(sequence(Reply(text=None, finish_reason=None)))[0].text == ""


def test_too_large_a_reply(monkeypatch):
    monkeypatch.setattr(chat_endpoint, "LARGEST_REPLY", 10)
    assert "found a reply of more than 10 bytes" in ask(sequence(Reply(text="a")))[0]


def test_the_key_goes_to_the_server_and_nowhere_else(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "sk-secret")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # is not used
    told, _, judge = ask(sequence(Reply(status=401, body=b"wrong key sk-secret")))
    assert judge.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "wrong key ***" in told and "sk-secret" not in told + repr(ChatEndpoint(url=judge.url))
    monkeypatch.setenv(KEY_VARIABLE, "sk-sec\nret")
    told, _, judge = ask(sequence(Reply()))
    assert told == f"{KEY_VARIABLE}: found characters that no key has; allowed: printable ASCII"
    assert not judge.requests


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://a/v1",
        "http://",
        "http://u:p@a/v1",
        "http://a/v1?key=1",
        "http://a b/",
        "http://a:b/",
    ]
    + ["http://a:99999/", "http://[::1/", "http://\u00e4/"],
)
def test_malformed_addresses(url):
    with pytest.raises(ValueError, match="^endpoint: found no base address") as told:
        ChatEndpoint(url=url)
    assert not url or "p@" not in str(told.value)


def test_a_failure_for_good_ends_the_others():
    """The first request fails; of the others, those that have begun are kept, and no more are sent."""
    kept = {}
    with fake_judge(lambda request, before: Reply(status=400 if request["n"] == 0 else 429)) as judge:
        endpoint = ChatEndpoint(url=judge.url, concurrency=2)
        began = time.monotonic()
        with pytest.raises(ValueError, match="status 400"):
            endpoint.ask_all({n: {"n": n} for n in range(50)}, kept.__setitem__)
    assert time.monotonic() - began < 5  # the others do not wait for their next attempts
    assert not kept and len(judge.requests) <= 4


def test_nothing_listens():
    with fake_judge(sequence(Reply())) as judge:
        pass
    with pytest.raises(ValueError, match=f"^endpoint: found no server at {judge.url} "):
        ChatEndpoint(url=judge.url).check_reachable()
