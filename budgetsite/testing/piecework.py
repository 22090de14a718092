"""Work in pieces whose failures a test looks at itself."""

import logging

from budgetsite.operations.piecework import Piecework


def piecework() -> Piecework:
    return Piecework(logging.getLogger("tests"), "%s failed")
