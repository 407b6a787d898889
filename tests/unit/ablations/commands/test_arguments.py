"""Texts of flags, as shells pass them."""

import pytest

from ablations.commands.arguments import unescape


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"\n\n", "\n\n"),
        ("\n\n", "\n\n"),  # $'\n\n' in the shell
        (r"\nProblem:", "\nProblem:"),
        (r"a\tb"[:3], "a\t"),
        (r"\\n", r"\n"),
        (r"\\text", r"\text"),
        (r"\boxed{", r"\boxed{"),
        (r"C:\dir", r"C:\dir"),
        ("</s>", "</s>"),
        ("", ""),
    ],
)
def test_escapes(typed, meant):
    assert unescape("stop", typed) == meant


@pytest.mark.parametrize("typed", [r"\text{", r"so \neq", r"\n\nabla", r"\\\times"])
def test_what_may_be_a_latex_command_is_refused(typed):
    with pytest.raises(
        ValueError, match=r"^stop: found \\[nt]\w+ in .*; allowed: \\\\[nt]\w+ for the command"
    ):
        unescape("stop", typed)
