"""The code of a registration as a picture."""

from io import BytesIO

import segno

# Four modules of light around the code, as scanners need; ten pixels each are sharp on a phone and on paper.
_BORDER, _SCALE = 4, 10


def qr_svg(address: str) -> bytes:
    return _picture(address, "svg")


def qr_png(address: str) -> bytes:
    return _picture(address, "png")


def _picture(address: str, kind: str) -> bytes:
    out = BytesIO()
    segno.make(address, error="m", micro=False).save(out, kind=kind, border=_BORDER, scale=_SCALE, light="white")
    return out.getvalue()
