import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.generators.completions import Stops, steps_of
from lightning_modules.sampling import Completion

PIECES = ("a", "\n", "4\n\nb", "#### 4", "\\boxed{5}", "\\boxed{", "}", "STOP", "ST", "OP", "PS")


def test_steps_are_lines_with_something_in_them():
    assert steps_of("\n1 + 1 = 2\n\n \t\n  so 2\n") == ["1 + 1 = 2", "  so 2"]
    assert steps_of(" \n\n") == steps_of("") == []


@pytest.mark.parametrize(
    ("text", "strings", "after_answer", "cut"),
    [
        ("1 + 1\nProblem: 2", ("Problem:",), False, "1 + 1\n"),
        ("1 + 1\nProblem: 2", ("Question:",), False, None),
        ("xabcdefy", ("abcdef", "cd"), False, "xab"),  # cd is complete at 5, abcdef at 7
        ("xaby", ("ab", "b"), False, "x"),  # both at 3: the longer
        ("x\nso \\boxed{4}, it is.\nNext\n", (), True, "x\nso \\boxed{4}, it is."),
        ("x\n#### 4\n\\boxed{5}\n", (), True, "x\n#### 4"),
        ("x\n#### 4", (), True, None),  # it may go on: 42
        ("x \\boxed{4\n", (), True, None),
        ("put it in \\boxed{}\n", (), True, None),  # nothing is in it
        ("x \\boxed{4}\n\nmore", ("\n\n",), True, "x \\boxed{4}"),
        ("x\n\nx \\boxed{4}\n", ("\n\n",), True, "x"),
        ("\\boxed{4}\n", (), False, None),
    ],
)
def test_where_a_text_ends(text, strings, after_answer, cut):
    stops = Stops(strings=strings, after_answer=after_answer)
    assert stops.cut(text) == cut
    completion = Completion(text=text, finished=False, tokens=9)
    ended = Completion(text=cut, finished=True, tokens=9) if cut is not None else completion
    assert stops.apply(completion) == ended


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.booleans())
def test_what_is_written_piece_by_piece_ends_where_the_whole_does(pieces, after_answer):
    """An engine that looks at every token and one that looks at the whole give the same solution."""
    stops = Stops(strings=("STOP", "PSS"), after_answer=after_answer)
    prefixes = ["".join(pieces[: length + 1]) for length in range(len(pieces))]
    ended = next((at for at, prefix in enumerate(prefixes) if stops.complete(prefix)), None)
    if ended is None:
        assert all(stops.cut(prefix) is None for prefix in prefixes)
    else:
        assert all(stops.cut(prefix) is None for prefix in prefixes[:ended])
        assert stops.cut(prefixes[ended]) == stops.cut(prefixes[-1]) is not None
        assert set(pieces[ended]) & set(stops.characters)  # so that other tokens need not be looked at


def test_an_empty_stop_is_refused():
    with pytest.raises(ValueError, match="stop: found an empty text"):
        Stops(strings=("a", ""))
