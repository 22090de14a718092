"""Line breaks in the texts of a plan. A browser sends each as two characters, files and programs as one or the other:
stored is one, so that nobody changes a text by sending it back as they read it.
"""

import re

_LINE_BREAK = re.compile(r"\r\n?")
_BREAKS = re.compile(r"\s*[\r\n]+\s*")


def plain_breaks(text: str) -> str:
    """Return the text with "\\n" for every line break."""
    return _LINE_BREAK.sub("\n", text)


def one_line(text: str) -> str:
    """Return the text on one line: a space for what broke it."""
    return _BREAKS.sub(" ", text)
