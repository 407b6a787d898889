"""Hostile options, texts and checkpoints for the commands that load models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from hostile.commands import FILES, NUMBERS
from hostile.inputs import Done, Input, lines, refused

TEXT = lines(*({"question": f"{i}+2?", "answer": f"{i}+2={i + 2}\n#### {i + 2}"} for i in range(4)))
COMMANDS: dict[str, tuple[str, ...]] = {
    "sample": (
        *("ablations", "sample", "questions.jsonl", "--generator", "model", "-n", "2", "--out", "out.jsonl"),
        *("--max-new-tokens", "4"),
    ),
    "label": (
        *("ablations", "label", "pool.jsonl", "--labeler", "prm", "--out", "out.jsonl"),
        *("--name", "q"),
    ),
    "evaluate": (*("ablations", "evaluate", "prm", "--on", "pool.jsonl", "--out", "out"), *("--name", "q")),
    "mathmix": (
        *("ablations", "finetune", "mathmix", "model", "--text", "text.jsonl", "--updates", "2"),
        *("--out", "out"),
    ),
    "scratch": ("ablations", "finetune", "scratch", "--text", "text.jsonl", "--out", "out"),
    "generator": (
        *("ablations", "finetune", "generator", "model", "--pool", "pool.jsonl", "--updates", "2"),
        *("--out", "out"),
    ),
    "large-prm": (
        *("ablations", "finetune", "large-prm", "model", "--labels", "trl.jsonl", "--updates", "2"),
        *("--out", "out"),
    ),
}
FLAGS = {
    "sample": (
        "--temperature",
        "--max-new-tokens",
        "-n",
        "--seed",
        "--max-batch",
        "--device",
        "--dtype",
        "-k",
    ),
    "label": ("--max-length", "--max-tokens", "--separator", "--dtype", "--device", "--family"),
    "mathmix": ("--learning-rate", "--updates", "--batch", "--max-length", "--seed", "--precision"),
}
FINITE = ("nan", "-1", "0", "x", "")
"""What is typed here; a number that is very large would compute for very long."""


def options() -> Iterator[Input]:
    """What is typed where a number or a choice is due."""
    for command, flags in FLAGS.items():
        for flag in flags:
            for value in FINITE:
                yield Input(
                    kind="options",
                    name=f"{command} {flag}={value}",
                    argv=(
                        *COMMANDS[command],
                        f"{flag}={value}" if flag.startswith("--") else f"{flag}{value}",
                    ),
                    files=FILES | {"text.jsonl": TEXT},
                )


def _json(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return damage


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "weights cut off": ("model.safetensors", lambda file: file.write_bytes(file.read_bytes()[:-100])),
    "weights that are text": ("model.safetensors", lambda file: file.write_text("version https://git-lfs")),
    "no weights": ("model.safetensors", lambda file: file.unlink()),
    "config that is no JSON": ("config.json", lambda file: file.write_text("{")),
    "no config": ("config.json", lambda file: file.unlink()),
    "config of an unknown model": ("config.json", _json(lambda found: found.update(model_type="joy"))),
    "config without a model": ("config.json", _json(lambda found: found.pop("model_type"))),
    "config with other sizes": ("config.json", _json(lambda found: found.update(hidden_size=64))),
    "tokenizer that is no JSON": ("tokenizer.json", lambda file: file.write_text("{")),
    "no tokenizer": ("tokenizer.json", lambda file: file.unlink()),
    "tokenizer of nothing": ("tokenizer.json", lambda file: file.write_text("{}")),
    "chat template that raises": (
        "chat_template.jinja",
        lambda file: file.write_text("{{ raise_exception('Only one turn is supported') }}"),
    ),
    "chat template that is broken": ("chat_template.jinja", lambda file: file.write_text("{% for %}")),
    "chat template of nothing": ("chat_template.jinja", lambda file: file.write_text("{{ joy.x.y }}")),
    "fewer rows than tokens": ("config.json", _json(lambda found: found.update(vocab_size=20))),
}
"""What is done to a file of a checkpoint."""


def _refused_or_kept(name: str) -> Callable[[Done], str | None]:
    may = name.startswith("chat template")  # not every command reads it
    return (lambda done: None) if may else refused


def damaged(model: Path, prm: Path, command: str) -> Iterator[Input]:
    """Checkpoints with a damaged file."""
    for name, (file, damage) in DAMAGE.items():
        source, folder = ("prm", prm) if command in ("label", "evaluate") else ("model", model)
        files = {f"{source}/{path.name}": path.read_bytes() for path in folder.iterdir()}
        yield Input(
            kind="checkpoints",
            name=f"{command}: {name}",
            argv=COMMANDS[command],
            files=FILES | {"text.jsonl": TEXT} | _with(files, f"{source}/{file}", damage, folder),
            check=_refused_or_kept(name),
        )


def _with(
    files: dict[str, bytes], file: str, damage: Callable[[Path], object], folder: Path
) -> dict[str, bytes]:
    """The files with one of them damaged."""
    copy = folder.parent / f"damaged-{Path(file).name}"
    copy.write_bytes(files.get(file, b""))
    damage(copy)
    left = {name: content for name, content in files.items() if name != file}
    return left | ({file: copy.read_bytes()} if copy.exists() else {})


__all__ = ["COMMANDS", "NUMBERS", "damaged", "options"]
