"""The fonts of documents: files out of wheels, so that every machine has the same and needs no fonts of its own."""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

# Where the wheels keep them. Left out are the families that only programmers and mathematicians want.
_FOLDERS = (
    ("justmytype_western_core", "fonts/ofl/inter"),
    ("justmytype_western_core", "fonts/ofl/notosans"),
    ("justmytype_western_core", "fonts/ofl/notosanssymbols2"),
    ("justmytype_intl_rtl", "fonts"),
    ("justmytype_intl_south_asia", "fonts"),
    ("justmytype_intl_sea", "fonts"),
    ("justmytype_intl_africa", "fonts"),
    ("noto_cjk_sans_otc", ""),
)

_LATIN = ("Inter", "Noto Sans")
_CHINESE, _JAPANESE = "Noto Sans CJK SC", "Noto Sans CJK JP"
_KANA = re.compile("[\u3040-\u30ff]")


class FontsMissing(RuntimeError):
    """A wheel of requirements.txt is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"The fonts of {package} are not installed: pip install -r requirements.txt")


@lru_cache(maxsize=1)
def font_folders() -> list[Path]:
    """Return the folders that have the fonts. The packages are not imported: only their files matter."""
    folders = []
    for package, inside in _FOLDERS:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise FontsMissing(package)
        folders.append(Path(spec.submodule_search_locations[0], inside))
    return folders


def families(text: str) -> list[str]:
    """Return the names of the fonts to look for each letter of `text` in, in this order; all others come after them.

    The same ideographs are drawn one way in Chinese and another in Japanese, which kana give away.
    """
    eastern = (_JAPANESE, _CHINESE) if _KANA.search(text) else (_CHINESE, _JAPANESE)
    return [*_LATIN, *eastern]
