"""An expense in one line, such as "Cake deposit 300 from Zuckerbäcker due tomorrow committed".

What is understood is shown before it is saved; what is open is a question and never a guess. Nothing here reads or
writes the database: the caller says which lines, categories and vendors there are.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise

from budgets.services.quick_target import Target, find_target
from budgets.services.typed_dates import read_day
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.currencies import decimal_places, is_currency
from budgetsite.money.typed_amounts import parse_typed_amount

LONGEST_LINE = 300
PAID = "paid"
STAGE_WORDS = {
    "planned": "planned",
    "committed": "committed",
    "promised": "committed",
    "signed": "committed",
    "booked": "committed",
    "invoiced": "invoiced",
    "billed": "invoiced",
    PAID: PAID,
}
_SIGNS = {"€": ("EUR",), "£": ("GBP",), "$": ("USD", "CAD", "AUD"), "¥": ("JPY", "CNY")}
# Written in small letters these are currencies too; "all" and "try" are words before they are any.
_PLAIN_CODES = frozenset({"EUR", "USD", "GBP", "CHF", "CAD", "AUD", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK"})
_GROUP = re.compile(r"[0-9]{3}(?:[.,][0-9]+)?")
_MONEY = re.compile(
    r"(?P<before>[^\W\d_]{3}|[€£$¥])?(?P<number>\(?[-+\u2212]?[0-9][0-9.,'\u2019]*-?\)?)(?P<after>[^\W\d_]{3}|[€£$¥])?"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is open about one part. `choices` are the values that it may have, where these are known."""

    part: str
    text: str
    choices: tuple[str, ...] = ()


@dataclass(slots=True)
class Understood:
    """What a line says. A part that is None or empty was not said, or is a question.

    `stage` is a stage of an expense or `PAID`, empty where none was named. `is_new_vendor`: none has this name yet.
    """

    description: str = ""
    target: Target | None = None
    amount: Decimal | None = None
    currency: str = ""
    vendor: str = ""
    is_new_vendor: bool = False
    due_date: date | None = None
    expense_date: date | None = None
    stage: str = ""
    questions: list[Question] = field(default_factory=list)

    def question(self, part: str) -> Question | None:
        return next((one for one in self.questions if one.part == part), None)


def understand(
    text: str,
    *,
    targets: Sequence[Target],
    currency: str,
    today: date,
    language: str = "en",
    vendors_like: Callable[[str], Sequence[str]] = lambda name: (),
) -> Understood:
    """Return what a line says, in a budget of `currency`, on `today` where the event is.

    `vendors_like` gives the names of vendors that begin with some letters, whatever their case.
    """
    reader = _Reader(text[:LONGEST_LINE].split(), currency, today, language)
    reader.read_days()
    reader.read_vendor(vendors_like)
    reader.read_stage()
    reader.read_amount()
    reader.read_target(targets)
    return reader.understood


class _Reader:
    """Takes the words that are understood out of the line, part by part; `None` stands where a word was taken."""

    def __init__(self, words: list[str], currency: str, today: date, language: str) -> None:
        self.words: list[str | None] = list(words)
        self.currency, self.today, self.language = currency, today, language
        self.understood = Understood(currency=currency)

    def read_days(self) -> None:
        for keyword, part in (("due", "due_date"), ("on", "expense_date")):
            places = [place for place, word in enumerate(self.words) if word is not None and word.casefold() == keyword]
            for place in places:
                following = self._run(place + 1)
                found = read_day(following, today=self.today, language=self.language, is_past=part == "expense_date")
                if found is None:
                    if keyword == "due":
                        self._ask(part, "By when is it due? Write a day such as 12 May, Friday or 2027-05-12.")
                        self.words[place] = None
                    continue
                written = " ".join(following[: found.words])
                if getattr(self.understood, part) is not None:
                    self._ask(part, f"Two days are named; is it {written}?")
                elif found.day is not None:
                    setattr(self.understood, part, found.day)
                elif found.days:
                    choices = tuple(day.isoformat() for day in found.days)
                    self._ask(part, f"“{written}” can mean more than one day.", choices)
                else:
                    self._ask(part, f"There is no day “{written}”.")
                self._take(range(place, place + 1 + found.words))
        self._ask_about_bare_day()

    def _ask_about_bare_day(self) -> None:
        """A day with no word before it may be when it is due, or when it was bought."""
        for place, (word, following) in enumerate(pairwise([*self.words, None])):
            if word is None or following is None or self.understood.due_date or self.understood.question("due_date"):
                continue
            found = read_day([word, following], today=self.today, language=self.language)
            if found is not None and found.words == 2 and found.days:
                choices = tuple(day.isoformat() for day in found.days)
                self._ask("due_date", f"Is it due on {word} {following}? Write “due” or “on” before a day.", choices)
                self._take(range(place, place + 2))
                return

    def read_vendor(self, vendors_like: Callable[[str], Sequence[str]]) -> None:
        places = [place for place, word in enumerate(self.words) if word is not None and word.casefold() == "from"]
        if not places:
            return
        place = places[-1]
        name: list[str] = []
        for word in self._run(place + 1):
            if name and (word.casefold() in STAGE_WORDS or _MONEY.fullmatch(word) or self._is_code(word)):
                break
            name.append(word)
        if not name:
            self._ask("vendor", "From whom? The vendor's name comes after “from”.")
            self._take([place])
            return
        self._take(range(place, place + 1 + len(name)))
        said = " ".join(name).strip(",;")
        known = vendors_like(said)
        same = [one for one in known if one.casefold() == said.casefold()]
        self.understood.vendor = same[0] if same else said
        self.understood.is_new_vendor = not same
        if known and not same:
            self._ask("vendor", f"“{said}” is no vendor yet. Is it one of these, or a new one?", (*known, said))

    def read_stage(self) -> None:
        named = {}
        for place, word in enumerate(self.words):
            stage = STAGE_WORDS.get(word.casefold().strip(",;")) if word is not None else None
            if stage is not None:
                named[place] = stage
        if len(set(named.values())) > 1:
            self._ask("stage", "More than one stage is named: which is it?", tuple(dict.fromkeys(named.values())))
        elif named:
            self.understood.stage = next(iter(named.values()))
        self._take(named)

    def read_amount(self) -> None:
        found = list(self._amounts())
        marked = [one for one in found if one[2]]
        if len(marked) == 1:
            found = marked
        if not found:
            self._ask("amount", "How much is it?")
            return
        if len(found) > 1:
            written = tuple(one[1] for one in found)
            self._ask("amount", f"{len(found)} numbers are there: which is the amount?", written)
            return
        places, number, marker = found[0]
        currencies = self._currencies(marker)
        self._take(places)
        if len(currencies) == 1:
            self.understood.currency = currencies[0]
        else:
            self.understood.currency = ""
            self._ask("currency", f"Which currency is “{marker}”?", currencies)
        try:
            self.understood.amount = parse_typed_amount(
                number, self.understood.currency or currencies[0], locale=self.language
            )
        except InvalidAmount as problem:
            self._ask("amount", problem.message, self._readings(number) if problem.code == "ambiguous" else ())
        else:
            if not self.understood.amount:
                self.understood.amount = None
                self._ask("amount", "How much is it? It can't be 0.")
            elif self.understood.amount < 0:
                self._read_refund()

    def _read_refund(self) -> None:
        """Money that comes back comes with a credit note."""
        stage = self.understood.stage or "invoiced"
        if stage not in ("invoiced", PAID):
            self._ask("stage", "A refund is recorded with its credit note: is it invoiced or paid?", ("invoiced", PAID))
            stage = ""
        self.understood.stage = stage

    def read_target(self, targets: Sequence[Target]) -> None:
        words = [word for word in self.words if word is not None]
        found = find_target(words, targets)
        self.understood.target = found.target
        self.understood.description = " ".join(words).strip(" ,;:-")
        if found.target is None:
            choices = tuple(target.key for target in found.candidates)
            text = f"“{found.said}” can mean more than one." if choices else "What is it for: which line or category?"
            self._ask("target", text, choices)
        elif found.is_all_said:
            # "Flow 500" is about flowers, and its name says so better.
            self.understood.description = found.target.name
        if not self.understood.description:
            self._ask("description", "What is bought?")

    def _amounts(self) -> Iterable[tuple[list[int], str, str]]:
        """Yield where an amount may stand, the number as it is written, and the currency's mark beside it or ""."""
        taken_by_number: set[int] = set()
        for place, word in enumerate(self.words):
            if word is None or place in taken_by_number or not (match := _MONEY.fullmatch(word.strip(",;:"))):
                continue
            before, number, after = match["before"] or "", match["number"], match["after"] or ""
            if any(mark and not self._is_mark(mark) for mark in (before, after)):
                continue
            places, marker = [place], before or after
            if not after and re.fullmatch(r"[0-9]{1,3}", number):
                rest = self._groups_after(place)
                if rest:
                    # "1 200,50" is one number; "12 300" is one or two, which the reader of both has to say.
                    joined = number + "".join(rest)
                    taken_by_number.update(range(place + 1, place + 1 + len(rest)))
                    places += range(place + 1, place + 1 + len(rest))
                    if not ("," in rest[-1] or "." in rest[-1]):
                        yield [place], number, marker
                        yield [places[-1]], rest[-1], ""
                    number = joined
            neighbours = (places[0] - 1, places[-1] + 1)
            for neighbour in neighbours:
                beside = self.words[neighbour] if 0 <= neighbour < len(self.words) else None
                if not marker and beside is not None and self._is_mark(beside):
                    marker, places = beside, [*places, neighbour]
            yield places, number, marker

    def _groups_after(self, place: int) -> list[str]:
        groups: list[str] = []
        for word in self._run(place + 1):
            if not _GROUP.fullmatch(word.strip(";:")):
                break
            groups.append(word.strip(";:"))
            if not groups[-1].isdigit():
                break
        return groups

    def _currencies(self, marker: str) -> tuple[str, ...]:
        if not marker:
            return (self.currency,)
        if marker in _SIGNS:
            return (self.currency,) if self.currency in _SIGNS[marker] else _SIGNS[marker]
        return (marker.upper(),)

    def _readings(self, number: str) -> tuple[str, ...]:
        """Return both readings of "1.200" as anybody reads them; of "1.234" the one that is an amount."""
        whole = number.replace(",", "").replace(".", "")
        fraction = Decimal(number.replace(",", ".")).normalize()
        decimals = decimal_places(self.understood.currency or self.currency)
        return (whole, *[format(fraction, "f")] * (-int(fraction.as_tuple().exponent) <= decimals))

    def _is_mark(self, word: str) -> bool:
        return word in _SIGNS or self._is_code(word)

    def _is_code(self, word: str) -> bool:
        code = word.upper()
        return is_currency(code) and (word == code or code in _PLAIN_CODES or code == self.currency)

    def _run(self, place: int) -> list[str]:
        """Return the words from a place on, as far as none is taken."""
        run: list[str] = []
        for word in self.words[place:]:
            if word is None:
                break
            run.append(word)
        return run

    def _take(self, places: Iterable[int]) -> None:
        for place in places:
            self.words[place] = None

    def _ask(self, part: str, text: str, choices: tuple[str, ...] = ()) -> None:
        if self.understood.question(part) is None:
            self.understood.questions.append(Question(part, text, choices))
