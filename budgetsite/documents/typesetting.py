"""From a template and values to a PDF.

Values reach the template as data, never as its source: a name that looks like a command is printed as it was typed.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from budgetsite.documents.fonts import families, font_folders

_PRESS = Path(__file__).with_name("press.py")
# A thousand lines take half a second.
_SECONDS = 60
# Each process that prints needs some 150 MB for as long: others wait for their turn.
_TURNS = threading.BoundedSemaphore(2)


class TypesettingFailed(RuntimeError):
    """The typesetter refused the template, crashed, or took too long; what it said is in the message."""


def typeset(template: Path, values: Mapping[str, Any], *, now: datetime) -> bytes:
    """Return the PDF that `template` makes of `values`, set by a process of its own.

    The template finds the values as JSON in `sys.inputs.values`, and in `sys.inputs.fonts` the families to write them
    with. The same template, values and moment make the same bytes. What happens to characters that no font has, is
    `budgetsite.documents.press.Press.printable`. Raises `TypesettingFailed`, `FontsMissing`.
    """
    written = json.dumps(values, ensure_ascii=False)
    job = {
        "template": str(template),
        "values": values,
        "fonts": [str(folder) for folder in font_folders()],
        "families": families(written),
        "timestamp": int(now.timestamp()),
    }
    try:
        with _TURNS:
            # Isolated: it sees neither the site's environment nor its modules.
            press = subprocess.run(  # noqa: S603 - our own file, by our own interpreter; the job goes through a pipe
                [sys.executable, "-I", str(_PRESS)],
                input=json.dumps(job).encode(),
                capture_output=True,
                check=False,
                env={},
                timeout=_SECONDS,
            )
    except subprocess.TimeoutExpired as error:
        raise TypesettingFailed(f"{template.name} was not set within {_SECONDS} seconds.") from error
    if press.returncode != 0:
        raise TypesettingFailed(f"{template.name}: {press.stderr.decode(errors='replace')}")
    return press.stdout
