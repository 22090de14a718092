"""What is logged of a request: a line for a refusal, the stack trace for a fault."""

import logging
import sys

import pytest

from budgetsite.operations.log_redaction import RefusalsWithoutTrace


def record_of(name: str, level: int) -> logging.LogRecord:
    try:
        raise PermissionError("not for you")
    except PermissionError:
        record = logging.LogRecord(name, level, __file__, 1, "Forbidden: /admin/", (), sys.exc_info())
    assert RefusalsWithoutTrace().filter(record)
    return record


@pytest.mark.parametrize(
    ("name", "level", "traced"),
    [
        ("django.request", logging.WARNING, False),
        ("django.request", logging.ERROR, True),
        ("budgets.tasks", logging.WARNING, True),
    ],
)
def test_a_refusal_leaves_no_stack_trace(name, level, traced):
    assert (record_of(name, level).exc_info is not None) == traced
