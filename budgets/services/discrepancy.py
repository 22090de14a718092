"""What a proof of the books names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that the entries, or the plans that were kept, do not bear out."""

    subject: str
    subject_id: str
    detail: str

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}: {self.detail}"
