"""`ablations convert`: every pair of formats, and what its user does wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from paths import SHARED_DATA
from prefixes import labeled_prefixes

from ablations.commands import cli
from ablations.commands.convert import describe
from ablations.formats.catalogue import FORMATS, WRITTEN
from ablations.formats.conversion import Conversion, convert
from ablations.formats.labeled_solution import (
    Candidate,
    LabeledSolution,
    Probabilities,
    SolutionStep,
)
from ablations.formats.losses import FIELDS, fitted


def solution(problem, *labels, **more):
    steps = tuple(SolutionStep(text=f"s{i}", label=label) for i, label in enumerate(labels))
    given = {"reference": "2", "reference_solution": "2.", "answer": "2", "correct": True} | more
    return LabeledSolution(problem=problem, steps=steps, **given)


ASKED = ["1+1?", "2 + 2 = ?"]
RATED = [
    solution(ASKED[0], 1, 0, 1, generator="gpt", problem_id="p0", solution_id="s0", sample=0),
    solution(ASKED[1], 1, 1, -1, level=3, problem_id="p1", solution_id="s1", sample=0),
]
WITH_ALTERNATIVES = LabeledSolution(
    problem="1+1?",
    steps=(
        SolutionStep(
            text="a", label=1, alternatives=(Candidate(text="x", label=-1), Candidate(text="y", label=0))
        ),
        SolutionStep(text="b", label=1),
    ),
    open_candidates=(Candidate(text="z", label=-1), Candidate(text="unrated")),
)


def write(name, path, records):
    """The records as far as the format holds them; what was written."""
    fits = [fitted(record, FORMATS[name].abilities, threshold=0.5).record for record in records]
    FORMATS[name].write(path, fits)
    return fits


def lines(text):
    """Cells of a table, by what the line is of."""
    return dict(line.rsplit(maxsplit=1) for line in text.splitlines() if line[-1:].isdigit())


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", WRITTEN)
def test_every_pair_through_the_command_line(source, target, tmp_path, capsys):
    here, there = tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl.zst"
    write(source, here, RATED)
    held = list(FORMATS[source].read(here))
    code = cli.main(
        ["convert", "--from", source, "--to", target, str(here), str(there), "--threshold", "0.5"]
    )
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    table = lines(said.out)
    found = list(FORMATS[target].read(there))
    left_out = sum(int(count) for what, count in table.items() if what.startswith("left out: "))
    assert (int(table["read"]), int(table["written"]) + left_out) == (len(held), len(held))
    assert int(table["written"]) == len(found)
    able = FORMATS[target].abilities
    if left_out:
        # not labeled, no reference answer or solution, nothing on right or wrong: and the target needs it
        assert any(what.startswith("left out: without ") for what in table) and able.needs
        return
    assert [record.problem for record in found] == ASKED
    for field, says in FIELDS.items():
        default = getattr(LabeledSolution(problem="x"), field)
        lost = sum(getattr(record, field) != default for record in held if field not in able.carries)
        assert int(table.get(f"lost: {says}", 0)) == lost
    if "steps" in FORMATS[source].abilities.carries & able.carries:
        assert [record.texts for record in found] == [record.texts for record in held]
    labels = [label for record in found for label in record.labels]
    if source == target:
        assert found == held and not any(what.startswith("lost: ") for what in table)
    elif "ratings" in FORMATS[source].abilities.carries & able.carries:
        assert (
            labels == [label or 1 for record in held for label in record.labels] or "neutral" in able.carries
        )


def test_which_pairs_write_nothing(tmp_path):
    """A target needs labels, a reference, a solution, or to know what is right; these sources cannot tell."""
    empty = set()
    for source in WRITTEN:
        write(source, tmp_path / "in.jsonl", RATED)
        for target in WRITTEN:
            how = Conversion(source=FORMATS[source], target=FORMATS[target], threshold=0.5)
            account = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", how)
            if not account.written:
                empty.add((source, target))
    labeled = {"scored_samples", "trl", "math_shepherd", "processbench", "rlhflow"}
    told = {"scored_samples", "gsm8k", "pool"}  # reference answer and correctness
    referred = told | {"prm800k", "prm800k_paths"}  # a pool may hold what nobody has graded
    assert empty == (
        {("gsm8k", target) for target in labeled}
        | {("math", target) for target in set(WRITTEN) - {"math", "problems", "prm800k"}}
        | {("problems", target) for target in set(WRITTEN) - {"problems", "prm800k"}}
        | {(source, "math") for source in set(WRITTEN) - {"math", "prm800k"}}
        | {(source, "gsm8k") for source in set(WRITTEN) - told}
        | {(source, "pool") for source in set(WRITTEN) - referred}
    )


def test_the_account_of_an_annotated_file(tmp_path, capsys):
    broken = replace(WITH_ALTERNATIVES, finish_reason="bad_problem")
    FORMATS["prm800k"].write(
        tmp_path / "in.jsonl", [WITH_ALTERNATIVES, broken, LabeledSolution(problem="2+2?")]
    )
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write("{\n[]\n")
    argv = ["convert", "--from=prm800k", "--to=trl", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert cli.main([*argv, f"--skip-bad={tmp_path / 'bad'}"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "solutions                               count",
        "read                                        2",
        "dropped: broken problems (bad_problem)      1",
        "skipped: malformed lines                    2",
        "left out: without any step                  1",
        "written                                     1",
        "lost: alternatives of a step                1",
    ]
    assert (tmp_path / "bad").read_text() == "{\n[]\n"
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert row == {"prompt": "1+1?", "completions": ["a", "b"], "labels": [True, True]}


def test_each_alternative_becomes_a_target_once(tmp_path):
    FORMATS["prm800k"].write(tmp_path / "in.jsonl", [WITH_ALTERNATIVES])
    for target in ("trl", "math_shepherd"):
        how = Conversion(source=FORMATS["prm800k"], target=FORMATS[target], each_alternative=True)
        account = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", how)
        found = [(record.texts, record.labels) for record in FORMATS[target].read(tmp_path / "out.jsonl")]
        before = None if target == "trl" else 1  # where there are no unlabeled steps they are told again
        assert found == [
            (("a", "b"), (1, 1)),
            (("x",), (-1,)),
            (("y",), (1,)),  # neutral counts as right
            (("a", "b", "z"), (before, before, -1)),
        ]
        assert (account.read, account.written, account.lost["alternatives"]) == (1, 4, 1)  # the unrated one
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[3]["label"] == "1+1? Step 1: a +\nStep 2: b +\nStep 3: z -"


def test_one_malformed_row_stops_it_and_leaves_nothing(tmp_path, capsys):
    write("trl", tmp_path / "in.jsonl", RATED)
    with (tmp_path / "in.jsonl").open("a") as file:
        file.write('{"prompt": "1", "completions": ["a"], "labels": ["good"]}\n')
    argv = ["convert", "--from=trl", "--to=processbench"]
    argv += [str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert cli.main(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f'ablations: {tmp_path}/in.jsonl:3: field labels[0]: found "good"; allowed: true, false, a number in '
        "[0, 1], -100 or null\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
    assert cli.main([*argv, f"--skip-bad={tmp_path / 'bad.gz'}"]) == 0
    assert lines(capsys.readouterr().out)["skipped: malformed lines"] == "1"
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl", "bad.gz"}


def test_held_out_problems_stop_it_or_are_left_out_or_kept(tmp_path, capsys):
    write("trl", tmp_path / "in.jsonl", RATED)
    write("gsm8k", tmp_path / "test.jsonl", [replace(RATED[0], problem="1+1?\n")])
    write("math", tmp_path / "none.jsonl", [solution("5?")])
    argv = ["convert", "--from=trl", "--to=rlhflow", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    argv += [f"--held-out={tmp_path / 'none.jsonl'}", f"--held-out={tmp_path / 'test.jsonl'}"]
    assert cli.main(argv) == 2
    assert (
        f"held_out: found '1+1?' of {tmp_path / 'test.jsonl'} in solution 1 that was read; allowed: none"
        in (capsys.readouterr().err)
    )
    assert not (tmp_path / "out.jsonl").exists()
    assert cli.main([*argv, "--overlap=leave_out"]) == 0
    said = capsys.readouterr().out
    assert lines(said)["written"] == "1" and lines(said)["held-out problems"] == "1"
    assert said.splitlines()[-1] == (
        f"1 of held-out problems, not written. The first: '1+1?' of {tmp_path / 'test.jsonl'}"
    )
    assert [one.problem for one in FORMATS["rlhflow"].read(tmp_path / "out.jsonl")] == ASKED[1:]
    assert cli.main([*argv, "--overlap=keep"]) == 0
    assert "1 of held-out problems, written nevertheless." in capsys.readouterr().out
    assert len(list(FORMATS["rlhflow"].read(tmp_path / "out.jsonl"))) == 2


def test_a_problem_alone_is_written_once(tmp_path):
    again = replace(RATED[0], problem="1+1? ")
    write("prm800k", tmp_path / "in.jsonl", [RATED[0], again, RATED[1]])
    how = Conversion(source=FORMATS["prm800k"], target=FORMATS["math"])
    account = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", how)
    assert (account.written, account.left_out) == (2, {"problems that were there before": 1})
    assert [one.problem for one in FORMATS["math"].read(tmp_path / "out.jsonl")] == ASKED


def test_texts_with_marks_of_the_format_are_left_out(tmp_path):
    write("trl", tmp_path / "in.jsonl", [solution("What is Step 1: in ки?", 1), solution("1+1?", 1)])
    how = Conversion(source=FORMATS["trl"], target=FORMATS["math_shepherd"])
    account = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", how)
    assert account.written == 1
    assert "left out: texts that hold the format's own marks      1" in describe(account)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--from=trl", "--to=rlhflow", "none.jsonl", "out.jsonl"], "input: found no file none.jsonl"),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.csv"],
            "output: found out.csv; allowed: a name that ends in one of .jsonl, .jsonl.gz, .jsonl.zst",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "no/out.jsonl"],
            "output: found no folder no; allowed: a",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.jsonl", "--skip-bad=no/bad"],
            "skip_bad: found no folder no;",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.jsonl", "--skip-bad=in.jsonl"],
            "skip_bad: found in.jsonl; allowed: a file other than input and output",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.jsonl", "--held-out=no.jsonl"],
            "held_out: found no file no.jsonl",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.jsonl", "--keep-screening"],
            "keep_screening: found it with --from trl; allowed: with prm800k",
        ),
        (
            ["--from=trl", "--to=math", "in.jsonl", "out.jsonl", "--each-alternative"],
            "each_alternative: found it with --to math; allowed: with prm800k_paths, scored_samples, trl,",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.jsonl"],
            "threshold: found none; allowed: a number in",
        ),
        (
            ["--from=trl", "--to=rlhflow", "in.jsonl", "out.jsonl", "--threshold=2"],
            "threshold: found 2.0; allowed: a number in [0, 1]",
        ),
        (["--from=csv", "--to=trl", "in.jsonl", "out.jsonl"], ""),
        (["--to=trl", "in.jsonl", "out.jsonl"], ""),
        (["--from=trl", "--to=trl", "in.jsonl"], ""),
    ],
)
def test_mistakes_in_one_line(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write("trl", Path("in.jsonl"), [solution("1+1?", Probabilities.of_right(0.5))])
    assert cli.main(["convert", *argv]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith(f"ablations: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_labeler_of_a_pool(tmp_path, capsys):
    scores = {"prm": (0.5, 0.25, 1.0)}
    record = replace(solution("1+1?", None, None, None, problem_id="p", sample=0), step_scores=scores)
    write("pool", tmp_path / "in.jsonl", [record])
    argv = ["convert", "--from=pool", "--to=trl", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert cli.main(argv) == 0  # nobody's scores are the labels
    assert lines(capsys.readouterr().out)["left out: without a labeled step"] == "1"
    assert cli.main([*argv, "--labeler=prm"]) == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["labels"] == [0.5, 0.25, 1.0]
    capsys.readouterr()
    assert cli.main([*argv, "--labeler=qwen"]) == 2
    assert 'labeler: found "qwen"; allowed: a labeler of this pool (prm)' in capsys.readouterr().err


def test_problems_that_tell_where_the_first_step_begins(tmp_path):
    turns = [{"role": "user", "content": "1+1? a"}, {"role": "assistant", "content": "+"}]
    (tmp_path / "in.jsonl").write_text(json.dumps({"conversations": turns}))
    write("math", tmp_path / "math.jsonl", [solution("1+1?")])
    argv = ["convert", "--from=rlhflow", "--to=trl", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert cli.main(argv) == 2
    assert cli.main([*argv, f"--problems={tmp_path / 'math.jsonl'}"]) == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["completions"] == ["a"]


def test_a_bar_on_a_terminal(tmp_path, monkeypatch, capsys):
    write("trl", tmp_path / "in.jsonl", RATED)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    argv = ["convert", "--from=trl", "--to=trl", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert cli.main(argv) == 0
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "in.jsonl").read_bytes()


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs real data, which are not part of the project")
def test_real_annotations_to_trl(tmp_path):
    source = SHARED_DATA / "prm800k" / "raw_samples_6.jsonl"
    kept = {"keep_give_up": True, "keep_screening": True}
    how = Conversion(source=FORMATS["prm800k"], target=FORMATS["trl"], options=kept, each_alternative=True)
    account = convert(source, tmp_path / "out.jsonl.zst", how)
    targets = [
        one for record in FORMATS["trl"].read(tmp_path / "out.jsonl.zst") for one in labeled_prefixes(record)
    ]
    raw = [one for record in FORMATS["prm800k"].read(source, **kept) for one in labeled_prefixes(record)]
    assert account.read == 6 and len(targets) == len(raw) == 73
    wanted = [replace(one, label=1 if one.label == 0 else one.label) for one in raw]
    key = lambda one: (one.problem, one.prefix, one.candidate, one.label)  # noqa: E731
    assert sorted(targets, key=key) == sorted(wanted, key=key)


def test_a_blank_answer_that_is_said_to_be_right_is_left_out_of_a_pool(tmp_path):
    row = {"problem": "1+1?", "ground_truth_answer": "2", "steps": ["a"], "is_correct": True}
    row |= {"rating_probs": [{"-1": 0.25, "0": 0.0, "1": 0.75}]}
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(json.dumps(row | {"answer": answer}) for answer in (" ", "2")))
    account = convert(source, out, Conversion(source=FORMATS["scored_samples"], target=FORMATS["pool"]))
    assert (account.read, account.written) == (2, 1)
    assert dict(account.left_out) == {"without an answer and an end, though labeled right": 1}
