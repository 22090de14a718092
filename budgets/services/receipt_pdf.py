"""PDF receipts: what is a PDF by its structure, and a picture of its first page.

A PDF is kept as it came, whatever it holds: its scripts run nowhere here, for it is only ever handed out to be saved.
"""

import io
import logging
import zipfile
from typing import Any

from budgets.services.receipt_picture import THUMBNAIL_SIDE, thumbnail_of
from budgets.services.receipt_problems import LARGEST_BYTES, DamagedReceipt, ProtectedReceipt, TwoKindsAtOnce

_HEADER, _END = b"%PDF-", b"%%EOF"
_BLANKS = b"\x00\t\n\x0c\r "
_DEEPEST_PAGES = 100
# What pypdf raises over content that is broken, beside its own errors: whatever a wrong type in a file leads to.
_BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)

# It tells the log of every oddity in a file; the person who sent it is told the one thing that matters.
logging.getLogger("pypdf").setLevel(logging.ERROR)


def check_pdf(content: bytes, name: str) -> None:
    """Raise `DamagedReceipt`, `ProtectedReceipt` or `TwoKindsAtOnce` unless this is a whole PDF and nothing more.

    A PDF that opens without a password is not protected, whatever it forbids its readers.
    """
    # Both readers of PDFs are large, and most processes never see one: they are imported where they are needed.
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import PyPdfError

    end = content.rfind(_END)
    if not content.startswith(_HEADER) or end < 0:
        raise DamagedReceipt(name)
    if content[end + len(_END) :].strip(_BLANKS) or zipfile.is_zipfile(io.BytesIO(content)):
        raise TwoKindsAtOnce(name)
    try:
        # It is read by the letter: what is packed in it may not be larger than a file that is not packed.
        with apply_configuration(zlib_maximum_output_length=LARGEST_BYTES):
            reader = PdfReader(io.BytesIO(content))
            is_open = not reader.is_encrypted or reader.decrypt("")
            has_page = bool(is_open) and _has_page(reader)
    except (PyPdfError, *_BROKEN) as error:
        raise DamagedReceipt(name) from error
    if not is_open:
        raise ProtectedReceipt(name)
    if not has_page:
        raise DamagedReceipt(name, "It has no page.")


def _has_page(reader: Any) -> bool:
    """Look at the first page alone: counting all of them would unpack whatever holds the others."""
    node: Any = reader.root_object["/Pages"]
    for _ in range(_DEEPEST_PAGES):
        if node.get("/Kids") is None:
            return bool(node["/Type"] == "/Page")
        if not node["/Kids"]:
            return False
        node = node["/Kids"][0].get_object()
    return False


def first_page(content: bytes) -> bytes | None:
    """Return a small JPEG of the first page; None where it can't be drawn. PDFium here runs no scripts."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(content) as document:
            page = document[0]
            width, height = page.get_size()
            drawn = page.render(scale=THUMBNAIL_SIDE / max(width, height, 1))
            return thumbnail_of(drawn.to_pil())
    except (pypdfium2.PdfiumError, ValueError, ZeroDivisionError):
        return None
