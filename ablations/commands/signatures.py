"""Commands as functions: a function's signature is its command line, and its docstring the help.

A parameter without a default is a positional argument, or a required flag if it is keyword-only. If it is a
tuple, a positional argument takes one value or more, and a flag is repeatable. A flag takes no value if its
parameter is a bool, and has further names as strings in ``Annotated``. The fields of a parameter that is a
dataclass are flags too. A range in ``Annotated`` is checked.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from ablations.data.field_types import Limit, Range, check_value, limit_of

Function = Callable[..., Any]
_NONE = inspect.Parameter.empty


@dataclass(frozen=True, kw_only=True)
class _Flag:
    """A parameter of a function, or a field of one."""

    name: str
    kind: Any
    default: Any
    """Its default; ``_NONE`` if it is required."""
    help: str
    limit: Limit = None
    """Which values are allowed."""
    more: tuple[str, ...] = ()
    positional: bool = False

    def add(self, parser: Any) -> None:
        """Adds it to a parser."""
        text = f"{self.help.removesuffix('.')}; {self.limit}." if isinstance(self.limit, Range) else self.help
        options: dict[str, Any] = {"help": text[:1].upper() + text[1:]}
        several = get_origin(self.kind) is tuple
        if self.positional:
            parser.add_argument(self.name, **({"nargs": "+"} if several else {"type": self.kind}), **options)
            return
        names = (*self.more, f"--{self.name.rstrip('_').replace('_', '-')}")
        options["dest"] = self.name
        if self.name.endswith("_"):
            options["metavar"] = names[-1][2:].upper()
        if self.kind is bool:
            options |= {"action": "store_true", "default": self.default}
        elif several:
            if self.default is not _NONE and self.default:
                options["help"] += f" Default: {', '.join(map(str, self.default))}."
            options |= {"action": "append", "required": self.default is _NONE}
        elif get_origin(self.kind) is Literal:
            choices = ",".join(get_args(self.kind))
            options |= {"type": str, "default": self.default, "metavar": f"{{{choices}}}"}
        else:
            options["type"] = self.kind
            options |= {"required": True} if self.default is _NONE else {"default": self.default}
        parser.add_argument(*names, **options)

    def value(self, given: Any) -> Any:
        """Returns its value among parsed arguments; raises a ValueError if it is not allowed."""
        found = getattr(given, self.name)
        if get_origin(self.kind) is tuple:
            return self.default if found is None else tuple(map(get_args(self.kind)[0], found))
        check_value(self.name, found, self.limit)
        return found


def call(function: Function, argv: Sequence[str], *, prog: str, summary: str) -> Any:
    """Calls a function with arguments from the command line.

    Args:
        function: the command, with all parameters described in its docstring.
        argv: the arguments.
        prog: name of the command.
        summary: the first line of its help.
    """
    parser = _parser(function, prog=prog, summary=summary)
    return function(**_arguments(function, parser.instantiate(parser.parse_args(list(argv)))))


def call_one_of(
    functions: Mapping[str, tuple[Function, str]], argv: Sequence[str], *, prog: str, summary: str
) -> Any:
    """Calls the function that the first argument names; ``functions`` holds each with its summary."""
    import jsonargparse

    parser = jsonargparse.ArgumentParser(prog=prog, description=summary, exit_on_error=False)
    commands = parser.add_subcommands(required=True, dest="command")
    for name, (function, about) in functions.items():
        commands.add_subcommand(name, _parser(function, summary=about), help=about)
    given = parser.instantiate(parser.parse_args(list(argv)))
    function, _ = functions[given.command]
    return function(**_arguments(function, given[given.command]))


def _parser(function: Function, *, summary: str, prog: str | None = None) -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(
        prog=prog, description=summary, exit_on_error=False, allow_abbrev=False
    )
    for flags in _flags(function).values():
        for flag in flags if isinstance(flags, list) else [flags]:
            flag.add(parser)
    return parser


def _arguments(function: Function, given: Any) -> dict[str, Any]:
    kinds = get_type_hints(function)
    return {
        name: kinds[name](**{flag.name: flag.value(given) for flag in flags})
        if isinstance(flags, list)
        else flags.value(given)
        for name, flags in _flags(function).items()
    }


def _flags(function: Function) -> dict[str, _Flag | list[_Flag]]:
    """Returns the flag of each parameter, or those of the fields of one that is a dataclass."""
    kinds = get_type_hints(function)
    flags: dict[str, _Flag | list[_Flag]] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kind, default = kinds[name], parameter.default
        if dataclasses.is_dataclass(kind):
            flags[name] = [
                _flag(kind, field.name, getattr(default, field.name, _NONE))
                for field in dataclasses.fields(kind)
            ]
        else:
            positional = default is _NONE and parameter.kind is not inspect.Parameter.KEYWORD_ONLY
            flags[name] = _flag(function, name, default, positional=positional)
    return flags


def _flag(owner: Any, name: str, default: Any, *, positional: bool = False) -> _Flag:
    """Returns the flag of a function's parameter or of a dataclass's field."""
    annotated = get_type_hints(owner, include_extras=True)[name]
    extras = get_args(annotated) if get_origin(annotated) is Annotated else ()
    return _Flag(
        name=name,
        kind=get_type_hints(owner)[name],
        default=default,
        help=descriptions(owner)[name],
        limit=limit_of(annotated),
        more=tuple(extra for extra in extras if isinstance(extra, str)),
        positional=positional,
    )


@cache
def descriptions(owner: Any) -> dict[str, str]:
    """Returns what docstrings say of a function's parameters, or of a class's fields, by name."""
    import docstring_parser

    sources = reversed(owner.__mro__[:-1]) if isinstance(owner, type) else [owner]
    return {
        item.arg_name: " ".join((item.description or "").split())
        for source in sources
        for item in docstring_parser.parse_from_object(source).params
    }
