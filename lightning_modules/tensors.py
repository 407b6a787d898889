"""Changes of all tensors in a nested value."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def map_tensors(value: T, change: Callable[[torch.Tensor], torch.Tensor]) -> T:
    """Returns a value with its tensors changed, at any depth of dicts, lists, tuples and dataclasses.

    These are new; what they hold besides tensors is the same.
    """
    found: Any = value
    if isinstance(found, torch.Tensor):
        found = change(found)
    elif isinstance(found, dict):
        found = {key: map_tensors(item, change) for key, item in found.items()}
    elif type(found) in (list, tuple):
        found = type(found)(map_tensors(item, change) for item in found)
    elif is_dataclass(found) and not isinstance(found, type):
        found = replace(found, **{f.name: map_tensors(getattr(found, f.name), change) for f in fields(found)})
    return found
