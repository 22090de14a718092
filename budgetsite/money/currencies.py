"""The currencies a budget can be kept in: the active ones of ISO 4217 with at most three decimals."""

from functools import lru_cache

from babel import Locale
from iso4217 import Currency, raw_xml

# Amounts are stored as numeric(15,3), so a currency with four decimals cannot be kept exactly.
_MOST_DECIMALS = 3

# Units of account between banks: they have decimals in ISO 4217, but nobody invoices in them.
_UNITS_OF_ACCOUNT = frozenset({"XAD"})


class UnknownCurrency(ValueError):
    """The code names no currency that a budget can be kept in."""

    def __init__(self, code: object) -> None:
        self.code = code
        super().__init__(
            f"“{code}” is not a currency that can be used. "
            "Write the three capital letters of its ISO 4217 code, such as USD, EUR or JPY."
        )


def _decimals_by_code() -> dict[str, int]:
    """Return code → decimals, leaving out funds, metals, test codes and units of account."""
    funds = {
        entry.findtext("Ccy")
        for entry in raw_xml.iterfind("CcyTbl/CcyNtry")
        if (name := entry.find("CcyNm")) is not None and name.get("IsFund", "").lower() == "true"
    }
    return {
        currency.code: currency.exponent
        for currency in sorted(Currency, key=lambda currency: currency.code)
        if currency.exponent is not None
        and currency.exponent <= _MOST_DECIMALS
        and currency.code not in funds
        and currency.code not in _UNITS_OF_ACCOUNT
    }


_DECIMALS = _decimals_by_code()

CURRENCY_CODES: list[str] = list(_DECIMALS)


def is_currency(code: object) -> bool:
    """Whether `code` is one of `CURRENCY_CODES`, written in capitals."""
    return isinstance(code, str) and code in _DECIMALS


def decimal_places(code: str) -> int:
    """Return the currency's decimals by ISO 4217: JPY 0, USD 2, KWD 3. Raises `UnknownCurrency`."""
    try:
        return _DECIMALS[code]
    except KeyError:
        raise UnknownCurrency(code) from None


@lru_cache(maxsize=32)
def _choices(language: str) -> tuple[tuple[str, str], ...]:
    names = Locale.parse(language, sep="-").currencies
    return tuple((code, f"{code} · {names.get(code, Currency(code).currency_name)}") for code in CURRENCY_CODES)


def currency_choices(language: str = "en") -> list[tuple[str, str]]:
    """Return (code, "code · name") for each usable currency by code, named in `language` ("de-ch")."""
    return list(_choices(language))
