"""The back office's pages in the words of its menu: `{% load back_office %}`."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.conf import settings

register = template.Library()


@register.filter
def in_menu_words(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`{% for part in parts|in_menu_words %}`: the way to a page, its lists named as the menu names them.

    What the menu does not lead to, as a Django app, is left out unless it is the page itself.
    """
    named = {str(item["link"]): item["title"] for item in _menu_items()}
    *way, here = parts
    kept = [part for part in way if str(part.get("link", "")) in named]
    return [{**part, "title": named.get(str(part.get("link", "")), part["title"])} for part in (*kept, here)]


def _menu_items() -> list[dict[str, Any]]:
    return [item for group in settings.UNFOLD["SIDEBAR"]["navigation"] for item in group["items"]]
