"""The schema fits the record and the arms, and its page tells of all of it."""

import dataclasses

from results.records import Record
from results.records_page import PAGE, records_page
from results.schema import COLUMNS, METRICS
from results.vocabulary import ARMS


def test_the_committed_page_is_that_of_the_schema() -> None:
    assert PAGE.read_text(encoding="utf-8") == records_page(), "run: python -m results.records_page"


def test_columns_metrics_and_arms_fit_together() -> None:
    assert {field.name for field in dataclasses.fields(Record)} == set(COLUMNS)
    assert all(set(metric.arms) <= set(ARMS) for metric in METRICS.values())
