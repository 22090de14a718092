"""What a file that somebody sends as a receipt is, by its content alone, and what of it is kept."""

import hashlib
import re
from dataclasses import dataclass
from typing import BinaryIO

from budgets.models.receipt import ReceiptType
from budgets.services.receipt_pdf import check_pdf
from budgets.services.receipt_picture import clean_picture
from budgets.services.receipt_problems import LARGEST_BYTES, DamagedReceipt, NotAReceipt, ReceiptTooLarge

_SIGNATURES: tuple[tuple[bytes, ReceiptType], ...] = (
    (b"\xff\xd8\xff", ReceiptType.JPEG),
    (b"\x89PNG\r\n\x1a\n", ReceiptType.PNG),
    (b"GIF87a", ReceiptType.GIF),
    (b"GIF89a", ReceiptType.GIF),
    (b"%PDF-", ReceiptType.PDF),
)
# What people send instead, so that they are told what it is.
_OTHERS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"....ftyp(?:heic|heix|mif1|msf1|hevc)", re.DOTALL), "a HEIC picture"),
    (re.compile(rb"....ftypavif", re.DOTALL), "an AVIF picture"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP picture"),
    (re.compile(rb"II\*\x00|MM\x00\*", re.DOTALL), "a TIFF picture"),
    (re.compile(rb"PK\x03\x04|PK\x05\x06"), "an archive or an Office document"),
)
_LONGEST_NAME = 255
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """`content` and `thumbnail` as they are to be stored; `sha256` is of the file as it came.

    A PDF's thumbnail is empty: it is drawn by a worker.
    """

    name: str
    content_type: ReceiptType
    content: bytes
    thumbnail: bytes
    sha256: str


def read_receipt(file: BinaryIO, name: str) -> ReceiptFile:
    """Return what is kept of a file. Reads no further than the largest size.

    Raises `ReceiptTooLarge`, `NotAReceipt`, `DamagedReceipt`, `TooManyPixels`, `MovingPicture`, `ProtectedReceipt`,
    `TwoKindsAtOnce`.
    """
    name = shown_name(name)
    content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise ReceiptTooLarge(name)
    if not content:
        raise DamagedReceipt(name, "It is empty. Choose the file once more.")
    kind = _kind(content, name)
    digest = hashlib.sha256(content).hexdigest()
    if kind == ReceiptType.PDF:
        check_pdf(content, name)
        return ReceiptFile(name, kind, content, b"", digest)
    clean, thumbnail = clean_picture(content, kind, name)
    return ReceiptFile(name, kind, clean, thumbnail, digest)


def shown_name(name: str) -> str:
    """Return a file's name as it is shown: without folders, and without what would turn its letters around."""
    last = _UNPRINTED.sub("", name).replace("\\", "/").rpartition("/")[2].strip()
    return last[-_LONGEST_NAME:] or "Receipt"


def _kind(content: bytes, name: str) -> ReceiptType:
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind
    head = content[:2000]
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise NotAReceipt(name, "an SVG drawing" if b"<svg" in head.lower() else "a web page")
    what = next((words for pattern, words in _OTHERS if pattern.match(head)), "no picture and no PDF")
    raise NotAReceipt(name, what)
