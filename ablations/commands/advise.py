"""``ablations advise RUN ...``: what labels to buy, from a pilot's records and prices."""

from __future__ import annotations

from pathlib import Path

from ablations.commands.run_files import records_of
from ablations.data.field_types import Count, NotNegative, Positive
from ablations.data.json_files import write_json
from ablations.engine.files import check_new


def advise(
    run: tuple[str, ...],
    *,
    budget: Positive,
    rollout: NotNegative,
    step_label: NotNegative | None = None,
    judged_solution: NotNegative | None = None,
    answer_check: NotNegative | None = None,
    candidates: Count | None = None,
    problems: Count | None = None,
    at: Count | None = None,
    json: Path | None = None,
    figure: Path | None = None,
) -> None:
    """Prints what labels to buy for a budget, or why the pilot cannot tell and which pilot could.

    Prices are in any one currency. An option for which a price is missing is left out.

    Args:
        run: the pilot, one or more runs on the same test problems: out folders, files of records, or names of
            experiments, for the committed reference runs.
        budget: money to spend.
        rollout: price of a sampled solution; 0 if you have them.
        step_label: price of the label of one step, up to the first incorrect one.
        judged_solution: price of a label that says whether all steps of a solution are right.
        answer_check: price of checking a final answer.
        candidates: solutions per problem that an acquisition chooses from (default: the pilot's).
        problems: problems to choose solutions of, which decides what candidates cost (default: the pilot's).
        at: N of best-of-N (default: that of the claims).
        json: new file for all numbers.
        figure: where to draw best-of-N against money: a stem, or a path ending in .png or .svg.

    Raises:
        ValueError: an argument is invalid, or the records are not of one pilot.
    """
    from results.analyses.advice import advise as find_advice
    from results.analyses.advice_tables import advice_numbers, back_test_table, purchases_table, verdict_text
    from results.analyses.pilot import read_pilot
    from results.tables.rendering import as_text

    if json is not None:
        check_new(json, "json")
    given = {
        "rollout": rollout,
        "step_label": step_label,
        "judged_solution": judged_solution,
        "answer_check": answer_check,
    }
    prices = {name: price for name, price in given.items() if price is not None}
    if set(prices) == {"rollout"}:
        raise ValueError(
            "step_label, judged_solution, answer_check: found no price; allowed: a price of at least one"
        )
    pilot = read_pilot({name: records_of(name) for name in run}, at)
    advice = find_advice(pilot, prices, budget, candidates=candidates, problems=problems)
    if json is not None:
        write_json(json, advice_numbers(advice))
    if figure is not None and advice.purchases:
        from results.figures.advice import draw

        draw(advice, figure)
    print(verdict_text(advice))
    if advice.purchases:
        tables = (purchases_table(advice), back_test_table(advice))
        print("\n".join(as_text(table) for table in tables if table.rows), end="")
