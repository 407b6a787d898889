"""How a failing command ends: one line for user mistakes and for faults of the system and of libraries, the
traceback for our own bugs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import select
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence

SYSTEM: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk full", "a file system with enough room"),
    errno.EDQUOT: ("the disk quota used up", "a file system with enough room"),
    errno.EFBIG: ("a file larger than the limit", "a higher limit (ulimit -f) or a smaller file"),
    errno.EISDIR: ("a folder", "a file"),
    errno.ENOTDIR: ("a path below a file", "a path below folders"),
    errno.EEXIST: ("an existing path", "a new one"),
    errno.ENOENT: ("no such file or folder", "an existing one"),
    errno.ENAMETOOLONG: ("a name that is too long", "a shorter name"),
    errno.EACCES: ("no permission", "a path that this user may read or write"),
    errno.EPERM: ("no permission", "a path that this user may read or write"),
    errno.EROFS: ("a read-only file system", "a file system that can be written"),
    errno.EMFILE: ("too many open files", "a higher limit (ulimit -n) or fewer workers"),
    errno.ENFILE: ("too many open files", "fewer processes on this machine"),
    errno.ENOMEM: ("no memory left", "a smaller model or batch, or fewer workers"),
    errno.ENOLCK: ("no file locks", "a file system with file locks"),
}
"""Error number -> words for what was found and what is allowed."""
LIBRARIES = (
    *("jinja2", "safetensors", "safetensors_rust", "tokenizers", "huggingface_hub", "pyarrow", "sqlalchemy"),
    *("sqlite3", "zlib", "gzip", "lzma", "_lzma", "zipfile", "requests", "urllib3", "httpx", "httpcore"),
)
"""Packages whose exceptions say what is wrong with a file, a server or the network."""
OURS = (LookupError, TypeError, AttributeError, AssertionError, NameError)
"""Exceptions that are never system faults, except for an AssertionError of torch about CUDA."""
PARSER = re.compile(
    r"""
    Parser\ key\ "(?:settings\.)?(?P<name>[^"]+)":\s
    (?:Expected\ an?\ (?P<type><class\ '[\w.]+'>|typing\..*?\])\.\ Got\ value:\ (?P<value>.*)
    |Does\ not\ validate\ against\ any\ of\ the\ Union\ subtypes\ Subtypes:\ (?P<types>.*?)
     \ Errors:(?!.*class_path).*\ Given\ value:\ (?P<given>.*))
    """,
    re.VERBOSE,
)
"""Message of jsonargparse about a value of a wrong type."""
TYPES = re.compile(
    r"<class '(?P<kind>[\w.]+)'>|typing\.Literal\[(?P<names>[^\]]*)\]"
    r"|typing\.Annotated\[\w+, (?P<range>[^\]]*)\]"
)
WORDS = {
    **{"int": "a whole number", "float": "a number", "bool": "true, false", "str": "a text"},
    **{"tuple": "a list", "NoneType": "null"},
}
"""Types in words for users."""
MEMORY = ("out of memory", "can't allocate memory", "bad_alloc")
CUDA = ("Torch not compiled with CUDA", "NVIDIA driver", "No CUDA GPUs", "CUDA error", "CUDA driver")


def run_guarded(program: str, argv: Sequence[str], work: Callable[[], int]) -> int:
    """Runs a command and explains how it failed, if it did.

    With ABLATIONS_DEBUG set in the environment, mistakes, faults and bugs are raised instead.

    Returns:
        The exit code: that of `work`; 1 for failed tasks or a bug of ours; 2 for a user mistake or a fault of
        the system or a library (one line on standard error); 130 if interrupted; 141 if no one reads the
        output.
    """
    from jsonargparse import ArgumentError

    from ablations.engine.ranks import RankFailed
    from ablations.engine.schedule import RunFailed

    prepare_streams()
    try:
        try:
            return work()
        finally:
            sys.stdout.flush()
    except (RunFailed, RankFailed) as failed:
        _print_error(f"{program}: {failed}\nThe same command tries these again and keeps the rest.")
        return 1
    except KeyboardInterrupt:
        _print_error(f"{program}: interrupted; the same command resumes from what is done")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return 141  # 128 + SIGPIPE, as for a program that the signal ends
        if os.environ.get("ABLATIONS_DEBUG"):
            raise
        if isinstance(error, (ValueError, ArgumentError)):
            line: str | None = _describe_mistake(str(error))
        else:
            line = describe_fault(error)
        if line is not None:
            _print_error(f"{program}: {line}")
            return 2
        _print_error("".join(traceback.format_exception(error)) + _request_report(program, argv))
        return 1
    finally:
        _silence_if_stuck()


def describe_fault(error: BaseException) -> str | None:
    """Describes a fault of the system or of a library in one line; returns None for our own bugs.

    The line has the form `FIELD: found X; allowed: Y`.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    no_memory = isinstance(error, RuntimeError) and any(part in text for part in MEMORY)
    if isinstance(error, MemoryError) or no_memory:
        return f"memory: found too little of it ({text}); allowed: a smaller model or batch, or fewer workers"
    if isinstance(error, RuntimeError | AssertionError) and any(part in text for part in CUDA):
        return f"device: found no usable CUDA device ({text}); allowed: cpu, or a machine with a working GPU"
    if isinstance(error, OURS):
        return None
    package = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) and (package == "builtins" or package not in LIBRARIES):
        return _describe_system_error(error, text)
    trace = traceback.walk_tb(error.__traceback__)
    raised_by = {frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in trace}
    if package in LIBRARIES:
        if package == "jinja2" and "results" in raised_by:  # one of our templates
            return None
        return f"{package}: found {_short(text)}; allowed: files and services that {package} can read"
    if type(error) is Exception and raised_by & {"tokenizers", "transformers"}:
        return f"tokenizer: found {_short(text)}; allowed: a tokenizer.json that tokenizers can read"
    return None


def prepare_streams() -> None:
    """Opens the standard streams that are closed, and escapes what their encoding cannot represent."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # otherwise the next file opened would get its number
            os.open(os.devnull, os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and hasattr(stream, "reconfigure") and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _describe_system_error(error: OSError, text: str) -> str:
    unknown = _short(error.strerror or text), "a system without this error"
    found, allowed = SYSTEM.get(error.errno or 0, unknown)
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if not names:
        return f"system: found {found} ({_short(text)}); allowed: {allowed}"
    return f"{' and '.join(names)}: found {found}; allowed: {allowed}"


def _describe_mistake(message: str) -> str:
    """Describes a user mistake in one line: for a value that fits none of several types, by our own rule."""
    rules = [line.strip().removeprefix("- ") for line in message.splitlines() if "; allowed: " in line]
    line = " ".join(message.split())
    if "Union subtypes" in message and rules:
        return rules[0]
    if (parsed := PARSER.fullmatch(line)) is None:
        return line
    allowed = []
    for kind in TYPES.finditer(parsed["type"] or parsed["types"]):
        if kind["names"] or kind["range"]:
            allowed.append(kind["range"] or kind["names"].replace("'", ""))
        else:
            allowed.append(WORDS.get(kind["kind"], f"settings of {kind['kind'].rpartition('.')[2]}"))
    return f"{parsed['name']}: found {parsed['value'] or parsed['given']}; allowed: {', '.join(allowed)}"


def _request_report(program: str, argv: Sequence[str]) -> str:
    """Asks for a bug report and says what it must include."""
    from importlib import metadata

    from ablations.engine.revision import revision

    return (
        f"{program}: this is a bug. Please report it with the lines above and: "
        f"version {metadata.version('supervision-ablations')}, revision {revision()}, "
        f"Python {platform.python_version()}, command: {program} {shlex.join(argv)}"
    )


def _reader_is_gone() -> bool:
    """Returns whether the reader of standard output or error is gone."""
    poll = select.poll()
    for number in (1, 2):
        poll.register(number, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _silence_if_stuck() -> None:
    """Drops output that cannot be written, because Python would fail to write it again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.close(silent)


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):  # standard error may have no reader
        print(text, file=sys.stderr, flush=True)


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."
