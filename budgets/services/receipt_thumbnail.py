"""Thumbnails that a worker draws: of PDFs, by a library that is kept away from the web processes."""

from uuid import UUID

from budgets.models import Receipt
from budgets.models.receipt import ReceiptType
from budgets.services.receipt_pdf import first_page
from budgets.services.receipt_store import keep, open_stored


def draw_thumbnail_of(receipt_id: UUID) -> bool:
    """Draw a PDF's first page and store it; False where there is nothing to draw, or nothing left to do."""
    receipt: Receipt | None = Receipt.objects.filter(
        pk=receipt_id, content_type=ReceiptType.PDF, thumbnail_as=""
    ).first()
    if receipt is None:
        return False
    with open_stored(receipt.stored_as) as file:
        drawn = first_page(file.read())
    if drawn is None:
        return False
    # Not a change that anybody made: no version of the row's history.
    Receipt.objects.filter(pk=receipt_id).update(thumbnail_as=keep(drawn))
    return True
