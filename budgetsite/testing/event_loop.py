"""Asynchronous code under test, in a thread without an event loop: a browser that Playwright drives leaves one in
the tests' own behind.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_a_loop(story: Coroutine[Any, Any, Result]) -> Result:
    """Run a story in an event loop of its own, and return what it returns."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()
