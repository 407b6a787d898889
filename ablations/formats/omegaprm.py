"""What OpenR's OmegaPRM writes, one problem per row: {question, final_answer, reasoning_steps}; only read.

``reasoning_steps`` is a tree of nodes {text, mc_value, children[]}, whose root is the question, or a list of
{solution_prefix, mc_value}, whose prefixes begin with the question. ``mc_value`` is the share of rollouts
from there that end right, in [0, 1]: P(the last step is right). Prefixes that begin with each other form
the same tree. Each path from the root to a leaf becomes a solution, so steps that paths share come several
times.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, SolutionStep
from ablations.formats.losses import Abilities
from ablations.formats.rows import (
    MISSING,
    Where,
    check,
    is_probability,
    mapping,
    optional_name,
    string,
)

KEYS = frozenset({"question", "reasoning_steps"})
FIELDS = KEYS | {"final_answer"}
_DEEPEST = 200
"""Most steps of a path."""


@dataclass(kw_only=True)
class _Node:
    text: str
    """Text of the step, without the white space around it."""
    label: Probabilities
    children: list["_Node"] = field(default_factory=list)


def _parse(where: Where, row: dict[str, Any]) -> list[LabeledSolution]:
    problem = string(where, row, "question", filled=True)
    reference = optional_name(where, row, "final_answer")
    held = row.get("reasoning_steps", MISSING)
    check(where, "reasoning_steps", held, isinstance(held, list | dict), "an array of prefixes, or a tree")
    if isinstance(held, list):
        children = _from_prefixes(where, problem, held)
    else:
        children = _node(where, held, "reasoning_steps", 0).children
    return [
        LabeledSolution(
            problem=problem,
            reference=reference,
            steps=tuple(SolutionStep(text=node.text, label=node.label) for node in path),
        )
        for child in children
        for path in _paths(child)
    ]


def _node(where: Where, row: Any, at: str, depth: int) -> _Node:
    """Reads a node and what is below it; an empty text has no step, so its children take its place."""
    check(where, at, row, isinstance(row, dict), "an object")
    check(where, at, f"more than {_DEEPEST} steps", depth <= _DEEPEST, f"{_DEEPEST} steps at most")
    text, label = string(where, row, "text", f"{at}.").strip(), _value(where, row, at)
    below = row.get("children") or []
    check(where, f"{at}.children", below, isinstance(below, list), "an array")
    children = [_node(where, one, f"{at}.children[{i}]", depth + 1) for i, one in enumerate(below)]
    return _Node(text=text, label=label, children=[kept for one in children for kept in _with_text(one)])


def _with_text(node: _Node) -> list[_Node]:
    return [node] if node.text else node.children


def _from_prefixes(where: Where, problem: str, rows: list[Any]) -> list[_Node]:
    """Builds the tree: each prefix hangs below the longest other one that it begins with, in whole words."""
    found: dict[str, Probabilities] = {}
    for i in range(len(rows)):
        at = f"reasoning_steps[{i}]"
        held = mapping(where, {at: rows[i]}, at)
        prefix = string(where, held, "solution_prefix", f"{at}.")
        check(where, f"{at}.solution_prefix", prefix, prefix.startswith(problem), "the question, and steps")
        found.setdefault(prefix[len(problem) :].strip(), _value(where, held, at))
    roots: list[_Node] = []
    path: list[tuple[str, _Node]] = []
    for prefix in sorted(found):  # one that begins with another comes after it
        if not prefix:
            continue  # the question alone
        while path and not (prefix.startswith(path[-1][0]) and prefix[len(path[-1][0])].isspace()):
            path.pop()
        text = prefix[len(path[-1][0]) if path else 0 :].strip()
        node = _Node(text=text, label=found[prefix])
        (path[-1][1].children if path else roots).append(node)
        path.append((prefix, node))
        check(where, "reasoning_steps", len(path), len(path) <= _DEEPEST, f"{_DEEPEST} steps at most")
    return roots


def _value(where: Where, row: dict[str, Any], at: str) -> Probabilities:
    value = row.get("mc_value", MISSING)
    check(where, f"{at}.mc_value", value, is_probability(value), "a number in [0, 1]")
    return Probabilities.of_right(float(value))


def _paths(node: _Node) -> Iterator[tuple[_Node, ...]]:
    if not node.children:
        yield (node,)
    for child in node.children:
        for path in _paths(child):
            yield (node, *path)


FORMAT = Format(
    abilities=Abilities(
        carries=frozenset({"labels", "soft", "steps", "line_breaks", "numbering", "reference"})
    ),
    keys=KEYS,
    fields=FIELDS,
    parse=_parse,
)
