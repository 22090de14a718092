"""What a scoped budget has used, promised and reserved in one of its windows."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from budgetsite.money import ratios

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Amounts in the budget's currency. `reserved` leaves out reservations that have expired."""

    amount: Decimal
    committed: Decimal = ZERO
    actual: Decimal = ZERO
    reserved: Decimal = ZERO
    entries: int = 0

    @property
    def promised(self) -> Decimal:
        """What is not spent yet and not free any more: commitments, and what is reserved."""
        return self.committed + self.reserved

    @property
    def used(self) -> Decimal:
        return self.promised + self.actual

    @property
    def remaining(self) -> Decimal:
        """What may still be spent; negative when more is used than there is."""
        return ratios.available(self.amount, self.promised, self.actual)

    @property
    def overrun(self) -> Decimal:
        return ratios.overrun(self.amount, self.actual)

    @property
    def percent_used(self) -> Decimal:
        return ratios.utilization_percentage(self.amount, self.promised, self.actual)

    def with_spent(self, amount: Decimal) -> Self:
        """Return the figures as they would be with so much more spent."""
        return replace(self, actual=self.actual + amount)

    def less(self, *, committed: Decimal = ZERO, actual: Decimal = ZERO, reserved: Decimal = ZERO) -> Self:
        return replace(
            self,
            committed=self.committed - committed,
            actual=self.actual - actual,
            reserved=self.reserved - reserved,
        )
