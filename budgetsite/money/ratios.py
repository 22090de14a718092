"""The derived figures of a budget, as the word list of the design defines them. One place computes each.

Amounts are `Decimal` in one currency; percentages are `Decimal` with two decimals, rounded half up (a tie
goes away from zero, as in PostgreSQL's `round`), so that 12.345 % is 12.35 and -12.345 % is -12.35.
"""

from decimal import ROUND_HALF_UP, Context, Decimal

ZERO = Decimal(0)
HUNDRED = Decimal("100.00")

# Percentages are stored as numeric(12,2). 999,999,999,999.999 spent of 0.001 budgeted would be
# 99,999,999,999,999,999.90 %, and a write must never fail because of a percentage: the figure stops at the
# largest that can be stored, and then means "this or more" (`is_saturated` tells). No amount changes by it.
PERCENTAGE_LIMIT = Decimal("9999999999.99")

# 50 digits: a quotient of two amounts is rounded once, at two decimals, and never before that.
_CONTEXT = Context(prec=50, rounding=ROUND_HALF_UP)
_TWO_DECIMALS = Decimal("0.01")


def available(budgeted: Decimal, committed: Decimal, actual: Decimal) -> Decimal:
    """Return budgeted - committed - actual; negative when more is promised and spent than was planned."""
    return budgeted - committed - actual


def variance(budgeted: Decimal, actual: Decimal) -> Decimal:
    """Return budgeted - actual; positive is under budget."""
    return budgeted - actual


def variance_percentage(budgeted: Decimal, actual: Decimal) -> Decimal | None:
    """Return the variance as a percentage of budgeted, None when nothing is budgeted."""
    return share_percentage(budgeted - actual, budgeted)


def overrun(budgeted: Decimal, actual: Decimal) -> Decimal:
    """Return by how much actual exceeds budgeted, 0 when it does not."""
    return max(ZERO, actual - budgeted)


def is_overspent(budgeted: Decimal, actual: Decimal) -> bool:
    """Whether actual is strictly above budgeted; exactly 100 % is not overspent."""
    return actual > budgeted


def utilization_percentage(budgeted: Decimal, committed: Decimal, actual: Decimal) -> Decimal:
    """Return committed plus actual as a percentage of budgeted.

    With nothing budgeted it is 0 while nothing is spent (or refunds outweigh it), and 100 once anything is.
    """
    spent = committed + actual
    percentage = share_percentage(spent, budgeted)
    if percentage is not None:
        return percentage
    return HUNDRED if spent > ZERO else Decimal("0.00")


def share_percentage(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return the part as a percentage of the whole, within ±`PERCENTAGE_LIMIT`, None when the whole is 0."""
    if whole == ZERO:
        return None
    exact = _CONTEXT.divide(_CONTEXT.multiply(part, HUNDRED), whole)
    rounded = exact.quantize(_TWO_DECIMALS, context=_CONTEXT)
    if rounded.is_zero():
        return abs(rounded)
    return max(-PERCENTAGE_LIMIT, min(PERCENTAGE_LIMIT, rounded))


def is_saturated(percentage: Decimal) -> bool:
    """Whether the percentage reached the largest that is kept, and so means "this or more"."""
    return abs(percentage) >= PERCENTAGE_LIMIT
