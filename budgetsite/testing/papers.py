"""Files for tests as phones, scanners and wicked people make them. Each is really of its kind."""

import io
import struct
import zlib

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, TextStringObject

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(document.cookie)</script></html>"


def photo(*, size: tuple[int, int] = (640, 480), orientation: int = 6, colour: str = "red") -> bytes:
    """Return a JPEG as a phone held upright takes it: lying on its side, with the place where it was taken.

    Its left half is `colour`, the other white.
    """
    picture = Image.new("RGB", size, "white")
    picture.paste(colour, (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Telephone Works"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (43.0, 39.0, 11.5)
    place[3], place[4] = "W", (79.0, 22.0, 58.2)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=92, exif=exif, comment=b"taken at home")
    return written.getvalue()


def png(*, size: tuple[int, int] = (64, 48), text: str = "the author") -> bytes:
    """Return a PNG that is half transparent, with a text beside the picture."""
    beside = PngInfo()
    beside.add_text("Author", text)
    written = io.BytesIO()
    Image.new("RGBA", size, (10, 120, 60, 128)).save(written, "PNG", pnginfo=beside)
    return written.getvalue()


def gif(*, frames: int = 1) -> bytes:
    written = io.BytesIO()
    first, *more = [Image.new("L", (40, 30), 60 * frame) for frame in range(frames)]
    first.save(written, "GIF", save_all=bool(more), append_images=more, comment=b"made by somebody")
    return written.getvalue()


def pdf(*, text: str = "Invoice 2026-118", password: str = "", script: str = "") -> bytes:
    """Return a PDF of one page."""
    writer = PdfWriter()
    page = writer.add_blank_page(width=300, height=400)
    content = DecodedStreamObject()
    content.set_data(f"1 0 0 rg 20 20 120 200 re f BT /F1 18 Tf 40 300 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(content)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    fonts = DictionaryObject({NameObject(name): NameObject(value) for name, value in font.items()})
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(fonts)})}
    )
    if script:
        action = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject(script)}
        writer.root_object[NameObject("/OpenAction")] = DictionaryObject(action)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def png_bomb(*, side: int = 60_000) -> bytes:
    """Return some kilobytes that would be gigabytes once they are unpacked: a PNG of side × side black pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\x00" * (side // 8 + 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * 200)) + chunk(b"IEND", b"")


def pdf_bomb(*, megabytes: int = 11) -> bytes:
    """A small PDF whose pages are packed together with very much nothing."""
    packed = zlib.compress(
        b"2 0 3 50 " + b"<</Type/Pages/Kids[3 0 R]/Count 1>>".ljust(50) + b"<</Type/Page/Parent 2 0 R>>"
        + b" " * (megabytes * 2**20)
    )  # fmt: skip
    catalog = b"%PDF-1.5\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    pages = b"4 0 obj<</Type/ObjStm/N 2/First 9/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    body = catalog + pages + packed + b"\nendstream endobj\n"
    rows = [(0, 0, 0), (1, 9, 0), (2, 4, 0), (2, 4, 1), (1, len(catalog), 0), (1, len(body), 0)]
    table = b"".join(struct.pack(">BIB", *row) for row in rows)
    head = b"5 0 obj<</Type/XRef/Size 6/W[1 4 1]/Root 1 0 R/Length %d>>stream\n" % len(table)
    return body + head + table + b"\nendstream endobj\nstartxref\n%d\n%%%%EOF" % len(body)
