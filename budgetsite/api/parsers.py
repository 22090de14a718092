"""Reading requests: what is not a JSON object is refused, and never taken for an empty one."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from budgetsite.api.refusals import PayloadTooLarge


class ObjectParser(BaseParser):
    """JSON in UTF-8, an object at the top, at most `API_MAX_BODY_BYTES` long."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.API_MAX_BODY_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise PayloadTooLarge(limit)
        try:
            value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"This is not JSON: {error}.") from error
        if not isinstance(value, dict):
            raise ParseError("Send a JSON object, such as {“name”: …}.")
        return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


class AnswersAnyway(DefaultContentNegotiation):
    """A client that accepts nothing we have gets the first kind that we have, instead of a 406."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        available = list(renderers)
        for accepted in self.get_accept_list(request):
            for renderer in available:
                if _accepts(accepted, renderer.media_type):
                    return renderer, renderer.media_type
        return available[0], available[0].media_type


def _accepts(accepted: str, media_type: str) -> bool:
    wanted = accepted.partition(";")[0].strip().lower()
    return wanted in ("*/*", media_type, f"{media_type.partition('/')[0]}/*")
