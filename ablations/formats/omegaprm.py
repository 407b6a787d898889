"""Output of OpenR's OmegaPRM, one problem per row: {question, final_answer, reasoning_steps}; only read.

``reasoning_steps`` is a tree of nodes {text, mc_value, children[]}, whose root is the question, or a list of
{solution_prefix, mc_value}, whose prefixes start with the question. ``mc_value`` is the share of rollouts
from there that end right, in [0, 1]: P(the last step is right). Prefixes that start with each other form the
same tree. Each path from the root to a leaf becomes a solution, so steps that paths share come several times.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ablations.formats.format import Format
from ablations.formats.labeled_solution import LabeledSolution, Probabilities, labeled_steps
from ablations.formats.losses import Abilities
from ablations.formats.rows import Fields, is_probability

_DEEPEST = 200
"""Most steps of a path."""


@dataclass(kw_only=True)
class _Node:
    text: str
    """Text of the step, without the white space around it."""
    label: Probabilities
    children: list["_Node"] = field(default_factory=list)


def _parse(row: Fields) -> list[LabeledSolution]:
    problem = row.string("question", filled=True)
    reference = row.optional_name("final_answer")
    tree = row.value(
        "reasoning_steps", lambda value: isinstance(value, list | dict), "an array of prefixes, or a tree"
    )
    if isinstance(tree, list):
        children = _from_prefixes(row, problem)
    else:
        children = _node(row, "reasoning_steps", tree, 0).children
    return [
        LabeledSolution(
            problem=problem,
            reference=reference,
            steps=labeled_steps([node.text for node in path], [node.label for node in path]),
        )
        for child in children
        for path in _paths(child)
    ]


def _node(row: Fields, name: str, value: Any, depth: int) -> _Node:
    """Reads a node and what is below it."""
    node = row.nested(name, value)
    row.check(name, f"more than {_DEEPEST} steps", depth <= _DEEPEST, f"{_DEEPEST} steps at most")
    text, label = node.string("text").strip(), _value(node)
    items = [] if node.get("children") is None else node["children"]  # a leaf may leave them out
    node.check("children", items, isinstance(items, list), "an array")
    children: list[_Node] = []
    for i, item in enumerate(items):
        child = _node(row, f"{name}.children[{i}]", item, depth + 1)
        children += [child] if child.text else child.children  # an empty text has no step
    return _Node(text=text, label=label, children=children)


def _from_prefixes(row: Fields, problem: str) -> list[_Node]:
    """Builds the tree: each prefix hangs below the longest other one that it starts with, in whole words."""
    labels: dict[str, Probabilities] = {}
    for item in row.objects("reasoning_steps"):
        prefix = item.string("solution_prefix")
        item.check("solution_prefix", prefix, prefix.startswith(problem), "the question, and steps")
        labels.setdefault(prefix[len(problem) :].strip(), _value(item))
    roots: list[_Node] = []
    path: list[tuple[str, _Node]] = []
    for prefix in sorted(labels):  # one that starts with another comes after it
        if not prefix:
            continue  # the question alone
        while path and not (prefix.startswith(path[-1][0]) and prefix[len(path[-1][0])].isspace()):
            path.pop()
        text = prefix[len(path[-1][0]) if path else 0 :].strip()
        node = _Node(text=text, label=labels[prefix])
        (path[-1][1].children if path else roots).append(node)
        path.append((prefix, node))
        row.check("reasoning_steps", len(path), len(path) <= _DEEPEST, f"{_DEEPEST} steps at most")
    return roots


def _value(node: Fields) -> Probabilities:
    return Probabilities.of_right(float(node.value("mc_value", is_probability, "a number in [0, 1]")))


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
    keys=frozenset({"question", "reasoning_steps"}),
    fields=frozenset({"final_answer"}),
    parse=_parse,
)
