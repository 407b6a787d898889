"""Flags of the commands that load a labeler."""

from typing import Any

from ablations.commands.arguments import ESCAPES, unescaped
from ablations.labelers.choice import DEVICES, DTYPES, LabelerChoice


def add_choice(parser: Any) -> None:
    """Adds the flags that configure a labeler, except for its checkpoint."""
    parser.add_argument(
        "--family",
        type=str | None,
        default=None,
        help="family of the checkpoint (default: detected); a wrong name lists all",
    )
    parser.add_argument("--device", type=str, default="cpu", help=f"one of {', '.join(DEVICES)}")
    parser.add_argument(
        "--dtype", type=str, default="auto", help=f"of the weights: {', '.join(DTYPES)} (auto: as they are)"
    )
    parser.add_argument(
        "--max-length",
        type=int | None,
        default=None,
        help="most tokens of a solution (default: the model's positions); longer ones are left out, counted",
    )
    parser.add_argument(
        "--separator",
        type=str | None,
        default=None,
        help="text after each step, for token-classification (default: a newline); " + ESCAPES,
    )
    parser.add_argument("--max-tokens", type=int, default=8192, help="tokens of a forward pass")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run code that comes with the checkpoint"
    )


def choice_of(args: Any, checkpoint: str) -> LabelerChoice:
    """Returns the labeler choice that the flags make.

    Raises:
        ValueError: a flag has a value that is not allowed.
    """
    if args.max_tokens < 1:
        raise ValueError(f"max_tokens: found {args.max_tokens}; allowed: at least 1")
    return LabelerChoice(
        checkpoint=checkpoint,
        family=args.family,
        device=args.device,
        dtype=args.dtype,
        max_length=args.max_length,
        separator=None if args.separator is None else unescaped("separator", args.separator),
        trust_remote_code=args.trust_remote_code,
    )
