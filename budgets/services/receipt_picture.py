"""Pictures of receipts: opened within limits, set upright, and made anew from their pixels alone.

What is stored holds no place and no time where it was taken, no name of a camera, and nothing that was hidden behind
the picture: those are not copied over.
"""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageFile, ImageOps, JpegImagePlugin

from budgets.models.receipt import ReceiptType
from budgets.services.receipt_problems import LARGEST_PIXELS, DamagedReceipt, MovingPicture, TooManyPixels

THUMBNAIL_SIDE = 400
_THUMBNAIL_QUALITY = 80
# Each names the kinds that its content may turn out to be. Phones keep a second picture inside a JPEG: that is MPO.
_FORMATS = {
    ReceiptType.JPEG: ("JPEG", "MPO"),
    ReceiptType.PNG: ("PNG",),
    ReceiptType.GIF: ("GIF",),
}
# What Pillow raises over content that is broken, on purpose or not.
_BROKEN = (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, struct.error, zlib.error)


def clean_picture(content: bytes, kind: ReceiptType, name: str) -> tuple[bytes, bytes]:
    """Return the picture and its thumbnail (a JPEG). Raises `TooManyPixels`, `MovingPicture`, `DamagedReceipt`."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS[kind][:1]) as picture:
            # By what its head says, before anything is unpacked.
            if picture.width * picture.height > LARGEST_PIXELS:
                raise TooManyPixels(name)
            if picture.format != "MPO" and getattr(picture, "is_animated", False):
                raise MovingPicture(name)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            return _without_metadata(picture, upright, kind), thumbnail_of(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(name) from error
    except _BROKEN as error:
        raise DamagedReceipt(name) from error


def thumbnail_of(picture: Image.Image) -> bytes:
    """Return a small JPEG of a picture, on white where it is transparent."""
    small = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    if small.mode == "RGBA":
        paper = Image.new("RGB", small.size, "white")
        paper.paste(small, mask=small.getchannel("A"))
        small = paper
    small.info = {}
    written = io.BytesIO()
    small.save(written, "JPEG", quality=_THUMBNAIL_QUALITY, optimize=True)
    return written.getvalue()


def _without_metadata(picture: ImageFile.ImageFile, upright: Image.Image, kind: ReceiptType) -> bytes:
    """Return the file anew: a JPEG as finely as it was, the others without any loss; the colours' profile stays."""
    options: dict[str, Any] = {}
    if profile := picture.info.get("icc_profile"):
        options["icc_profile"] = profile
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        options |= {"qtables": picture.quantization, "subsampling": JpegImagePlugin.get_sampling(picture)}
    transparency = upright.info.get("transparency")
    # Some formats write what they find here: comments, for example.
    upright.info = {} if transparency is None else {"transparency": transparency}
    written = io.BytesIO()
    upright.save(written, _FORMATS[kind][0], **options)
    return written.getvalue()
