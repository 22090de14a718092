"""The typesetter's own process: a job as JSON comes in at standard input, the PDF goes out at standard output.

The typesetter keeps hundreds of megabytes of what it has set; they go with this process, and so would a crash of it.
The file is run by its path and stands on nothing but the standard library and typst.

A job has `template` (a path), `values` (for `sys.inputs.values`, as JSON), `fonts` (folders), `families` (the names of
those that come first, for `sys.inputs.fonts`) and `timestamp` (seconds of the epoch).
"""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import typst

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# PDF for everybody: tagged, in reading order, with a title, a language and embedded fonts (ISO 14289-1).
_STANDARD: Final = "ua-1"

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# Invisible in themselves, they join several emoji to one or choose its colours.
_EMOJI_PARTS = "\N{ZERO WIDTH JOINER}\N{VARIATION SELECTOR-16}"
# What is left around an emoji that was left out.
_GAPS = re.compile(r" {2,}")

# Prints each text in a paragraph of its own, and is refused when one of them cannot be drawn.
_PROBE = b"""
#set document(title: "Probe")
#set text(font: json(bytes(sys.inputs.fonts)))
#for part in json(bytes(sys.inputs.values)) [#part #parbreak()]
"""


class Press:
    """Sets templates with these fonts, and no others of the machine."""

    def __init__(self, folders: list[str], families: list[str]) -> None:
        self.fonts = typst.Fonts(include_system_fonts=False, font_paths=folders)
        self.families = json.dumps(families)

    def print(self, template: str, values: Any, *, timestamp: int) -> bytes:
        """Return the PDF. Raises `typst.TypstError` for a template that is wrong."""
        readable = without_controls(values)
        source = Path(template).read_bytes()
        try:
            return self._set(source, readable, timestamp)
        except typst.TypstError:
            # Either a text cannot be drawn, which `printable` mends, or the template is wrong and raises once more.
            return self._set(source, self.printable(readable), timestamp)

    def printable(self, values: Any) -> Any:
        """Return a tree of values whose texts can all be drawn: the reader gets no rows of empty boxes.

        Emoji and other signs that no font has are left out, letters stand as one “\N{REPLACEMENT CHARACTER}” for each
        run of them, and so does a text of which nothing would be left.
        """
        texts = _texts(values)
        unknown = self._refused({character for text in texts for character in text if not character.isascii()})
        known = {text: _without(text, unknown) for text in texts}
        # What is left are marks on letters of another script, which the fonts have only apart.
        clashing = self._refused(set(known.values()))
        drawn = {text: _without_marks(kept) if kept in clashing else kept for text, kept in known.items()}
        return _each_text(values, drawn.__getitem__)

    def _refused(self, texts: Iterable[str]) -> set[str]:
        """Return those of `texts` that cannot be drawn: by halves, so that a few cost a few attempts."""
        refused: set[str] = set()
        waiting = [sorted(texts)]
        while waiting:
            some = waiting.pop()
            try:
                self._set(_PROBE, some, 0)
            except typst.TypstError:
                if len(some) == 1:
                    refused.update(some)
                else:
                    middle = len(some) // 2
                    waiting += [some[:middle], some[middle:]]
        return refused

    def _set(self, source: bytes, values: Any, timestamp: int) -> bytes:
        return typst.compile(
            source,
            format="pdf",
            sys_inputs={"values": json.dumps(values), "fonts": self.families},
            font_paths=self.fonts,
            ignore_system_fonts=True,
            pdf_standards=_STANDARD,
            timestamp=timestamp,
        )


def without_controls(values: Any) -> Any:
    """Return a tree of values whose texts have no control characters but line breaks; old data may hold them."""
    return _each_text(values, lambda text: _CONTROLS.sub("", text.replace("\t", " ")))


def _without(text: str, unknown: set[str]) -> str:
    kept: list[str] = []
    within_emoji = False
    for character in text:
        if within_emoji and character in _EMOJI_PARTS:
            continue
        within_emoji = False
        if character not in unknown:
            kept.append(character)
        elif unicodedata.category(character)[0] in "SMC":
            within_emoji = True
        elif kept[-1:] != [REPLACEMENT]:
            kept.append(REPLACEMENT)
    left = _GAPS.sub(" ", "".join(kept)).strip() if len(kept) < len(text) else "".join(kept)
    return left or (REPLACEMENT if text.strip() else "")


def _without_marks(text: str) -> str:
    return "".join(character for character in text if not unicodedata.category(character).startswith("M"))


def _texts(values: Any) -> set[str]:
    found: set[str] = set()

    def find(text: str) -> str:
        found.add(text)
        return text

    _each_text(values, find)
    return found


def _each_text(values: Any, change: Callable[[str], str]) -> Any:
    """Return the tree of dicts and lists with each text changed; the keys stay."""
    if isinstance(values, str):
        return change(values)
    if isinstance(values, dict):
        return {key: _each_text(member, change) for key, member in values.items()}
    if isinstance(values, list):
        return [_each_text(member, change) for member in values]
    return values


def main() -> None:
    job = json.load(sys.stdin.buffer)
    press = Press(job["fonts"], job["families"])
    sys.stdout.buffer.write(press.print(job["template"], job["values"], timestamp=job["timestamp"]))


if __name__ == "__main__":
    main()
