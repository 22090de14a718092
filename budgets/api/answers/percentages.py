from decimal import Decimal


def percentage(value: Decimal | None) -> str | None:
    return None if value is None else format(value, ".2f")
