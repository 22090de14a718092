"""What a proof of the books names."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that the entries, or the plans that were kept, do not bear out."""

    subject: str
    subject_id: str
    detail: str

    @classmethod
    def of_figure(cls, subject: str, subject_id: object, name: str, stored: object, true: object) -> Self:
        """A stored figure that is not what the entries add up to."""
        return cls(subject, str(subject_id), f"{name} is {_plain(stored)}, the entries say {_plain(true)}")

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}: {self.detail}"


def _plain(value: object) -> str:
    """Columns and sums have different numbers of decimals: told is the number alone."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
