"""`/expenses/{id}/receipts`: what proves an expense, as files and links."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.models import Expense, Receipt
from budgets.models.receipt import ReceiptType
from budgets.selectors.receipts import expenses_in_sight, receipts_of
from budgets.services import receipt_problems as problems
from budgets.services.receipt import add_receipt, add_receipt_link, delete_receipt
from budgets.views.receipt_content import receipt_content
from budgetsite.api.errors import conflict, field_error, not_found, translate_problems
from budgetsite.api.parsers import ObjectParser
from budgetsite.api.views import ContractViewSet

# What a form puts around a file of the largest size.
_FORM_BYTES = 100_000
FILE_TYPES = [kind.value for kind in ReceiptType if kind != ReceiptType.LINK]


class ReceiptTooLargeAnswer(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = problems.ReceiptTooLarge.code
    default_detail = f"The file is larger than {problems.LARGEST_BYTES // problems.MEGABYTE} MB."


class NoReceiptAnswer(APIException):
    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = problems.NotAReceipt.code


class ReceiptInput(serializers.Serializer):
    file = serializers.FileField(
        required=False, allow_empty_file=True, help_text="JPEG, PNG, GIF or PDF by its content, up to 10 MB."
    )
    link = serializers.CharField(
        required=False,
        max_length=2000,
        help_text="Instead of a file: an https address at one of the expense policy's `receipt_hosts`.",
    )
    name = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="What to call it; left out, the file's own name."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"file", "link"}) != 1:
            raise serializers.ValidationError(
                {"file": ErrorDetail("Send a file as a form's `file`, or a `link`.", code="required")}
            )
        return attrs


class LinkInput(serializers.Serializer):
    link = serializers.CharField(max_length=2000)
    name = serializers.CharField(required=False, allow_blank=True, max_length=255)


class ReceiptAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    expense_id = serializers.UUIDField()
    content_type = serializers.ChoiceField(choices=ReceiptType.choices, help_text="As the content says.")
    name = serializers.CharField()
    size = serializers.IntegerField(allow_null=True, help_text="Bytes as stored: a picture without its metadata.")
    sha256 = serializers.CharField(allow_null=True, help_text="Of the file as it was sent.")
    link = serializers.CharField(allow_null=True)
    has_thumbnail = serializers.BooleanField(help_text="A PDF's is drawn a moment later.")
    uploaded_by = serializers.UUIDField(allow_null=True)
    uploaded_by_name = serializers.CharField(allow_null=True)
    uploaded_at = serializers.DateTimeField()


def receipt_answer(receipt: Receipt) -> dict[str, Any]:
    """Describe a receipt of `receipts_of`."""
    is_link = receipt.content_type == ReceiptType.LINK
    return {
        "id": str(receipt.pk),
        "expense_id": str(receipt.expense_id),
        "content_type": receipt.content_type,
        "name": receipt.name,
        "size": None if is_link else receipt.size,
        "sha256": receipt.sha256 or None,
        "link": receipt.link or None,
        "has_thumbnail": bool(receipt.thumbnail_as),
        "uploaded_by": receipt.uploaded_by_id,
        "uploaded_by_name": str(receipt.uploaded_by) if receipt.uploaded_by else None,
        "uploaded_at": receipt.created_at,
    }


class ReceiptViewSet(ContractViewSet):
    model = Expense
    actions = {
        "list": "expenses.view",
        "create": "expenses.record",
        "retrieve": "expenses.view",
        "destroy": "expenses.record",
    }
    tags = ["receipts"]
    parser_classes = [ObjectParser, MultiPartParser]
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Before anything is read: a file far too large is not even received.
        if int(request.META.get("CONTENT_LENGTH") or 0) > problems.LARGEST_BYTES + _FORM_BYTES:
            raise ReceiptTooLargeAnswer
        super().initial(request, *args, **kwargs)

    def visible(self) -> QuerySet[Any]:
        return expenses_in_sight(user_id=self.user.pk, role=self.role)

    @extend_schema(summary="List an expense's receipts", responses=ReceiptAnswer(many=True))
    def list(self, request: Request, expense_id: UUID) -> Response:
        return self.page_of(receipts_of(self.find(expense_id).pk), receipt_answer)

    @extend_schema(
        summary="Add a receipt",
        request={"multipart/form-data": ReceiptInput, "application/json": LinkInput},
        responses={201: ReceiptAnswer},
    )
    def create(self, request: Request, expense_id: UUID) -> Response:
        """A file, whose type is judged by its content alone (415), or a link to an allowed host.

        From a picture everything is taken that is not the picture: the place where it was taken, for example. A file
        that the expense has already is 409 `same_receipt` with its `receipt_id`.
        """
        self.find(expense_id)
        values = self.read(ReceiptInput)
        by: dict[str, Any] = {"acting_user": self.user, "acting_role": self.role, "now": timezone.now()}
        if "link" in values:
            receipt = add_receipt_link(expense_id=expense_id, link=values["link"], name=values.get("name", ""), **by)
        else:
            file = values["file"]
            receipt = add_receipt(expense_id=expense_id, file=file, name=values.get("name") or file.name or "", **by)
        return Response(receipt_answer(receipts_of(expense_id).get(pk=receipt.pk)), status=201)

    @extend_schema(
        summary="Read a receipt's content",
        parameters=[
            OpenApiParameter(
                "thumbnail",
                enum=["1"],
                description="A small JPEG instead; 404 while there is none, and for a link.",
            )
        ],
        responses={
            **{(200, kind): OpenApiResponse(OpenApiTypes.BINARY, "The file.") for kind in FILE_TYPES},
            302: OpenApiResponse(None, "A link leads to its address."),
        },
    )
    def retrieve(self, request: Request, expense_id: UUID, receipt_id: UUID) -> HttpResponseBase:
        receipt = self._receipt(expense_id, receipt_id)
        return receipt_content(request._request, receipt, thumbnail="thumbnail" in request.query_params)

    @extend_schema(summary="Delete a receipt", request=None, responses={204: None})
    def destroy(self, request: Request, expense_id: UUID, receipt_id: UUID) -> Response:
        """Who did and when stays in its history. What a closed budget is proven by can't be deleted."""
        self._receipt(expense_id, receipt_id)
        delete_receipt(
            expense_id=expense_id,
            receipt_id=receipt_id,
            acting_user=self.user,
            acting_role=self.role,
            now=timezone.now(),
        )
        return Response(status=204)

    def _receipt(self, expense_id: UUID, receipt_id: UUID) -> Receipt:
        receipt = receipts_of(self.find(expense_id).pk).filter(pk=receipt_id).first()
        if receipt is None:
            raise Http404
        return receipt


def _too_large(error: problems.ReceiptTooLarge, view: Any) -> APIException:
    return ReceiptTooLargeAnswer(str(error), error.code)


def _no_receipt(error: problems.NotAReceipt, view: Any) -> APIException:
    return NoReceiptAnswer(str(error), error.code)


translate_problems(
    {
        problems.ReceiptTooLarge: _too_large,
        problems.NotAReceipt: _no_receipt,
        problems.DamagedReceipt: field_error("file"),
        problems.TooManyPixels: field_error("file"),
        problems.MovingPicture: field_error("file"),
        problems.ProtectedReceipt: field_error("file"),
        problems.TwoKindsAtOnce: field_error("file"),
        problems.LinkRefused: field_error("link"),
        problems.SameReceipt: conflict("receipt_id"),
        problems.ReceiptNotFound: not_found,
    }
)
