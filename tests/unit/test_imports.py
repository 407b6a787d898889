"""Imports run one way: sweeps -> ablations -> lightning_modules, and inside ablations from room to room.

`results` stands by itself and needs no torch. No module imports itself by way of others.
"""

import ast
import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from fake_judge import Reply, fake_judge
from paths import ROOT

from ablations.engine.step import Made, Step

MAY_IMPORT = {
    "lightning_modules": {"lightning_modules"},
    "results": {"results"},
    "ablations": {"ablations", "lightning_modules", "results"},
    "sweeps": {"sweeps", "ablations", "lightning_modules", "results"},
}
ROOMS = (
    *("data", "engine", "grading", "formats", "world", "supervision", "evaluation", "acquisition"),
    *("labelers", "generators", "steps", "experiments", "commands", "__main__"),
)
"""Of `ablations`; each imports only itself and those before it."""
HEAVY = {"torch", "lightning", "transformers", "tokenizers"}
FILES = sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


def imported(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Line and first name of every import in a file, wherever it stands, relative ones made absolute."""
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            yield node.lineno, (*inside, *(node.module or "").split("."))[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value.split(".")[0]


def faults(path: Path, text: str) -> list[str]:
    room = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[room] | (set(sys.stdlib_module_names) if room == "results" else set())
    banned = (set(MAY_IMPORT) | {"tests"} | (HEAVY if room == "results" else set())) - allowed
    where = path.relative_to(ROOT)
    return [f"{where}:{line} imports {name}" for line, name in imported(path, text) if name in banned]


def ours(path: Path) -> set[str]:
    """Modules of this project that a file imports, anywhere in it and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {node.module}
    return found & MODULES.keys() - {name(path)}


def name(path: Path) -> str:
    """The module's name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name(path): path for path in FILES}


def test_there_is_something_to_look_at() -> None:
    rooms = {path.relative_to(ROOT).parts[0] for path in FILES}
    assert {"ablations", "lightning_modules", "results"} <= rooms


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_one_way(room: str) -> None:
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] == room]
    assert [fault for path in files for fault in faults(path, path.read_text())] == []


def test_every_module_of_ablations_is_in_a_room() -> None:
    assert {module.split(".")[1] for module in MODULES if module.startswith("ablations.")} == set(ROOMS)


def test_rooms_import_one_way() -> None:
    backwards = [
        f"{module} imports {other}"
        for module, path in MODULES.items()
        for other in ours(path)
        if module.startswith("ablations.")
        and other.startswith("ablations.")
        and ROOMS.index(other.split(".")[1]) > ROOMS.index(module.split(".")[1])
    ]
    assert backwards == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter({module: ours(path) for module, path in MODULES.items()}).prepare()  # or CycleError


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("results/made_up.py", "def f():\n    import torch.nn"),
        ("results/made_up.py", "from ablations.data.solutions import Problem"),
        ("results/figures/made_up.py", "from .. import schema\nimport sweeps"),
        ("lightning_modules/made_up.py", "if True:\n    from ablations import scoring"),
        ("lightning_modules/made_up.py", "from results.records import Record"),
        ("ablations/made_up.py", "import importlib\nimportlib.import_module('sweeps.study')"),
        ("sweeps/made_up.py", "import tests.conftest"),
    ],
)
def test_a_breach_is_found(file: str, text: str) -> None:
    """The rule's own test: each of these must be told, with its last line."""
    assert [fault.split(" ")[0] for fault in faults(ROOT / file, text)] == [
        f"{file}:{len(text.splitlines())}"
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "benchmarks").glob("*.py")), ids=lambda path: path.stem
)
def test_what_benchmarks_import_exists(path: Path) -> None:
    """No test runs them."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or f"{node.module}.{alias.name}" in MODULES, alias.name


def test_results_loads_no_torch() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if path.relative_to(ROOT).parts[0] == "results"
    ]
    names = sorted(HEAVY | {"ablations", "lightning_modules", "sweeps"})
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(sorted(set({names!r}).intersection(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "[]"


def loaded(argv: Sequence[str], folder: Path, heavy: set[str] = HEAVY) -> str:
    """Which heavy modules a command has imported when it ends."""
    code = (
        f"import sys\nfrom ablations.commands.cli import main\nassert main({list(argv)!r}) == 0\n"
        f"print(sorted(set({sorted(heavy)!r}).intersection(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return said.splitlines()[-1]


def test_the_list_loads_nothing_that_computes(tmp_path: Path) -> None:
    """It answers within a second."""
    assert loaded(["list"], tmp_path, HEAVY | {"pandas", "scipy", "matplotlib"}) == "[]"


def test_plans_load_no_torch(tmp_path: Path) -> None:
    """Commands that compute nothing start in a few seconds."""
    assert loaded(["plan", "supervision", "--scale", "smoke"], tmp_path) == "[]"


def test_labeling_by_a_judge_loads_no_torch(tmp_path: Path) -> None:
    """The model runs behind the endpoint."""
    sample = {"sample": 0, "steps": ["a"], "answer": "1", "final_correct": True}
    row = {"problem_id": "p", "problem": "p?", "answer": "1", "samples": [sample]}
    (tmp_path / "pool.jsonl").write_text(json.dumps(row))
    with fake_judge(lambda request, before: Reply(text=r"\boxed{-1}")) as judge:
        argv = ["label", "pool.jsonl", "--labeler=m", f"--endpoint={judge.url}", "--out=out.jsonl"]
        assert loaded(argv, tmp_path) == "[]"


def test_a_run_by_several_workers_loads_no_torch_itself(smoke: Any, tmp_path: Path) -> None:
    argv = [part for part in smoke.argv if not part.startswith("--out")]
    assert "--workers" in argv
    assert loaded([*argv, f"--out={tmp_path / 'out'}"], tmp_path) == "[]"


def test_every_step_has_a_name_of_its_own() -> None:
    """All of them are in the room of steps; what each produces can be written and read."""
    found: list[type[Step[Any]]] = [
        getattr(importlib.import_module(module), node.name)
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(), str(path)))
        if isinstance(node, ast.ClassDef) and "name" in {keyword.arg for keyword in node.keywords}
    ]
    assert len(found) > 30 and all(issubclass(step, Step) for step in found)
    steps = [step for step in found if step is not Made]
    assert {step.__module__.rpartition(".")[0] for step in steps} == {"ablations.steps"}
    assert [name for name, count in Counter(step.name for step in found).items() if count > 1] == []
    for step in steps:
        step.load()
        assert callable(step.produces.read) and callable(step.produces.write), step
