"""The content of a receipt, handed out to whoever may see its expense, by a page or over the API."""

from functools import partial

from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase

from budgets.models import Receipt
from budgets.models.receipt import ReceiptType
from budgets.services.receipt_store import open_stored
from budgetsite.pages.private_files import private_file


def receipt_content(request: HttpRequest, receipt: Receipt, *, thumbnail: bool) -> HttpResponseBase:
    """Hand out a receipt that whoever asks may see. Raises `Http404` where there is no such picture."""
    if thumbnail:
        if not receipt.thumbnail_as:
            raise Http404
        return private_file(
            request,
            partial(open_stored, receipt.thumbnail_as),
            name=f"{receipt.name} small",
            content_type=ReceiptType.JPEG.value,
            tag=receipt.thumbnail_as.rpartition("/")[2],
            shown=True,
        )
    if receipt.content_type == ReceiptType.LINK:
        return HttpResponseRedirect(receipt.link)
    return private_file(
        request,
        partial(open_stored, receipt.stored_as),
        name=receipt.name,
        content_type=receipt.content_type,
        tag=receipt.stored_as.rpartition("/")[2],
        # Pictures were made anew here; a PDF is as it came.
        shown=receipt.content_type != ReceiptType.PDF,
    )
