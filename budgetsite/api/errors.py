"""How refusals look: `{"type", "errors": [{"code", "detail", "attr"}]}`, and nothing of what a refused request wrote.

Views let the domain's exceptions pass; each app says once, in its `api` package, what they mean to a client:

    translate_problems({BudgetExists: conflict(), UnknownCategory: field_error("category")})
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import (
    ValidationError as ModelValidationError,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.handler import exception_handler as standard_exception_handler
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.response import Response

from budgetsite.api.refusals import Conflict, Forbidden, PayloadTooLarge, field_refusal
from budgetsite.money.amounts import InvalidAmount

API_PREFIX = "/api/"
NOT_FOUND = "There is no such thing here. Check the address; it may belong to another account or be deleted."
SERVER_ERROR = (
    "Something went wrong on our side and nothing was saved. Please try again; quote the request's id if it stays."
)

Translator = Callable[[Any, Any], APIException]


# --- What the domain's exceptions mean to a client --------------------------------------------------------------------

_translators: dict[type[Exception], Translator] = {}


def translate_problems(translators: Mapping[type[Exception], Translator]) -> None:
    """Say how exceptions (and what derives from them) are answered, whichever app's view they pass through."""
    _translators.update(translators)


def conflict(*facts: str, code: str | None = None) -> Translator:
    """Answer 409 with the exception's own code and sentence, and these of its attributes as members."""

    def translate(error: Any, view: Any) -> APIException:
        return Conflict(code or error.code, str(error), **{fact: getattr(error, fact) for fact in facts})

    return translate


def field_error(attr: str) -> Translator:
    """Answer 400 at a field of the request."""

    def translate(error: Any, view: Any) -> APIException:
        return field_refusal(attr, error.code, str(error))

    return translate


def not_found(error: Any, view: Any) -> APIException:
    return exceptions.NotFound(str(error))


def forbidden(error: Any, view: Any) -> APIException:
    return exceptions.PermissionDenied(str(error))


def forbidden_with(*facts: str) -> Translator:
    """Answer 403 with the exception's own code and sentence, and these of its attributes as members."""

    def translate(error: Any, view: Any) -> APIException:
        return Forbidden(error.code, str(error), **{fact: getattr(error, fact) for fact in facts})

    return translate


def _invalid_by_field(error: Any, view: Any) -> APIException:
    """A model's refusal, at the request's fields. A view's `attr_names` says where the request's names differ."""
    names = getattr(view, "attr_names", {})
    if not hasattr(error, "error_dict"):
        return exceptions.ValidationError(_details(error))
    return exceptions.ValidationError(
        {
            ("non_field_errors" if field == "__all__" else names.get(field, field)): [
                detail for problem in problems for detail in _details(problem)
            ]
            for field, problems in error.error_dict.items()
        }
    )


def _details(error: ModelValidationError) -> list[ErrorDetail]:
    return [
        ErrorDetail(
            str(problem.message) % problem.params if problem.params else str(problem.message),
            code=problem.code or "invalid",
        )
        for problem in error.error_list
    ]


def _invalid_amount(error: Any, view: Any) -> APIException:
    """At the field that a view names as its `amount_attr`: where it takes one amount, that is the one."""
    return field_refusal(getattr(view, "amount_attr", "non_field_errors"), error.code, str(error))


translate_problems({ModelValidationError: _invalid_by_field, InvalidAmount: _invalid_amount})


def _translated(error: Exception, view: Any) -> Exception:
    for cause in type(error).__mro__:
        translate = _translators.get(cause)
        if translate is not None:
            return translate(error, view)
    return error


# --- The handler ------------------------------------------------------------------------------------------------------


class ContractExceptionHandler(ExceptionHandler):
    """Named by `DRF_STANDARDIZED_ERRORS`. Rolls the request's transaction back, unless its view keeps its writes."""

    def run(self) -> Response | None:
        if isinstance(self.exc, OperationalError | InterfaceError):
            # Passed on to TransactionMiddleware, which answers 503 with Retry-After.
            return None
        return super().run()

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Http404) or (
            isinstance(exc, exceptions.NotFound) and str(exc.detail) == exceptions.NotFound.default_detail
        ):
            return exceptions.NotFound(NOT_FOUND)
        if isinstance(exc, RequestDataTooBig):
            return PayloadTooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if isinstance(exc, SuspiciousOperation):
            return exceptions.ParseError("This request can't be read.")
        if isinstance(exc, UnreadablePostError):
            # Whoever sent it has gone away: nobody reads this, and nothing went wrong here.
            return exceptions.ParseError("This request breaks off in the middle.")
        return super().convert_known_exceptions(_translated(exc, self.context["view"]))

    def convert_unhandled_exceptions(self, exc: Exception) -> APIException:
        return exc if isinstance(exc, APIException) else APIException(SERVER_ERROR)

    def set_rollback(self) -> None:
        if not getattr(self.context["view"], "keeps_writes_on_error", False):
            request: Any = self.context["request"]
            request._request.rolls_back = True


class ContractExceptionFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: Any) -> Any:
        answer = super().format_error_response(error_response)
        for error in answer["errors"]:
            # A refusal that quotes half of a surrogate pair could not be sent.
            error["detail"] = error["detail"].encode("utf-8", "replace").decode()
        if isinstance(self.exc, Conflict | Forbidden):
            answer.update(self.exc.members)
        return answer


exception_handler = standard_exception_handler


# --- Errors outside any REST view -------------------------------------------------------------------------------------


def _json_error(status_code: int, type_: str, code: str, detail: str) -> JsonResponse:
    return JsonResponse({"type": type_, "errors": [{"code": code, "detail": detail, "attr": None}]}, status=status_code)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return _json_error(404, "client_error", "not_found", NOT_FOUND)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return _json_error(400, "client_error", "bad_request", "This request can't be read.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return _json_error(500, "server_error", "error", SERVER_ERROR)
    return defaults.server_error(request)
