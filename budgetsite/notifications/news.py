"""Whether what people were told is still so, said by the app that knows what its notifications are about.

What a mail still gathers may be over before it goes out. It is left out of the mail then, and stays in the inbox.
"""

from collections.abc import Callable, Collection
from uuid import UUID

# Returns those of these subjects, all of the current account, of which the news is still so. One statement for all.
StillSo = Callable[[Collection[UUID]], Collection[UUID]]

_questions: dict[str, StillSo] = {}


def register_question(subject_type: str, still_so: StillSo) -> None:
    """Ask `still_so` before a notification about this kind of subject goes out by mail."""
    _questions[subject_type] = still_so


def kinds_that_pass() -> Collection[str]:
    """Return the kinds of subject whose news can be over; of all others it stays so."""
    return _questions.keys()


def over(subjects: Collection[tuple[str, UUID]]) -> dict[str, set[UUID]]:
    """Return of these subjects (kind, id) the ids of those whose news is over, by kind."""
    by_kind: dict[str, set[UUID]] = {}
    for kind, subject_id in subjects:
        if kind in _questions:
            by_kind.setdefault(kind, set()).add(subject_id)
    return {kind: ids - set(_questions[kind](ids)) for kind, ids in by_kind.items()}
