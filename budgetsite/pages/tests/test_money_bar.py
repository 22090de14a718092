from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetsite.pages.money_bar import FRAME, LEAST_VISIBLE, MoneyBar, money_bar

amounts = st.decimals(min_value=0, max_value=999_999_999_999, places=2)
signed_amounts = st.decimals(min_value=-999_999_999_999, max_value=999_999_999_999, places=2)


def bar(budgeted: str, committed: str, actual: str, currency: str = "CAD") -> MoneyBar:
    return money_bar(
        budgeted=Decimal(budgeted), committed=Decimal(committed), actual=Decimal(actual), currency=currency
    )


def stretches(drawn: MoneyBar) -> list[tuple[str, str, str]]:
    return [(segment.kind, segment.x_percent, segment.width_percent) for segment in drawn.segments]


@pytest.mark.parametrize(
    ("budgeted", "committed", "actual", "sentence"),
    [
        ("7570", "1300", "6210", "6,210.00 spent and 1,300.00 promised of 7,570.00 CAD: 60.00 left"),
        ("7570", "0", "9037.85", "9,037.85 spent of 7,570.00 CAD: 1,467.85 over budget"),
        (
            "7570",
            "800",
            "9037.85",
            "9,037.85 spent and 800.00 promised of 7,570.00 CAD: 1,467.85 over budget, 2,267.85 with what is promised",
        ),
        (
            "7570",
            "1500",
            "7000",
            "7,000.00 spent and 1,500.00 promised of 7,570.00 CAD: 930.00 over budget once the promises are invoiced",
        ),
        ("7570", "570", "7000", "7,000.00 spent and 570.00 promised of 7,570.00 CAD: nothing left"),
        ("0", "0", "0", "0.00 spent of 0.00 CAD: nothing budgeted yet"),
        ("0", "0", "120", "120.00 spent of 0.00 CAD: 120.00 over budget"),
        ("1000", "300", "-140", "140.00 refunded and 300.00 promised of 1,000.00 CAD: 840.00 left"),
    ],
)
def test_the_sentence_says_what_the_bar_shows(budgeted: str, committed: str, actual: str, sentence: str) -> None:
    assert bar(budgeted, committed, actual).sentence == sentence


def test_exactly_all_spent_is_not_over_budget() -> None:
    drawn = bar("100", "0", "100")

    assert (drawn.state, drawn.verdict, drawn.marker) == ("spent_up", "nothing left", None)


def test_the_smallest_overspend_is_over_budget() -> None:
    drawn = bar("100", "0", "100.01")

    assert (drawn.state, drawn.short_verdict) == ("over", "0.01 over budget")


def test_promises_alone_can_go_past_the_budget() -> None:
    drawn = bar("100", "50", "75")

    assert (drawn.state, drawn.short_verdict) == ("over_promised", "25.00 over-promised")
    assert stretches(drawn) == [
        ("actual", "0%", "60%"),
        ("committed", "60%", "20%"),
        ("committed-over", "80%", "20%"),
    ]
    assert drawn.marker_percent == "80%"


def test_within_budget_the_stretches_follow_the_shares() -> None:
    assert stretches(bar("200", "50", "100")) == [
        ("actual", "0%", "50%"),
        ("committed", "50%", "25%"),
        ("available", "75%", "25%"),
    ]


def test_overspend_is_drawn_past_the_marker() -> None:
    drawn = bar("100", "25", "125", "KWD")

    assert stretches(drawn) == [
        ("actual", "0%", "66.68%"),
        ("actual-over", "66.68%", "16.66%"),
        ("committed-over", "83.34%", "16.66%"),
    ]
    assert drawn.marker_percent == "66.68%"


def test_spending_without_a_budget_is_all_past_the_marker() -> None:
    drawn = bar("0", "0", "5")

    assert stretches(drawn) == [("actual-over", "0%", "100%")]
    assert drawn.marker_percent == "0%"


def test_an_empty_budget_draws_only_the_track() -> None:
    drawn = bar("0", "0", "0")

    assert (drawn.segments, drawn.marker, drawn.state) == ((), None, "empty")


def test_a_share_too_small_to_see_is_drawn_at_the_least_width() -> None:
    assert stretches(bar("1000000", "0", "0.01")) == [
        ("actual", "0%", "0.8%"),
        ("available", "0.8%", "99.2%"),
    ]


def test_refunds_count_against_promises_in_the_shape() -> None:
    assert stretches(bar("100", "75", "-25")) == [("committed", "0%", "50%"), ("available", "50%", "50%")]


def test_figures_are_rounded_to_the_currency_before_anything_is_said() -> None:
    assert bar("100", "0", "99.6", "JPY").sentence == "100 spent of 100 JPY: nothing left"


@given(budgeted=amounts, committed=amounts, actual=signed_amounts)
def test_the_stretches_fill_the_frame_without_gap_or_overlap(
    budgeted: Decimal, committed: Decimal, actual: Decimal
) -> None:
    drawn = money_bar(budgeted=budgeted, committed=committed, actual=actual, currency="USD")

    end = 0
    for segment in drawn.segments:
        assert segment.x == end
        assert segment.width >= LEAST_VISIBLE
        end += segment.width
    assert end in (0, FRAME)
    if budgeted > 0:
        assert end == FRAME


@given(budgeted=amounts, committed=amounts, actual=signed_amounts)
def test_there_is_a_marker_exactly_when_available_is_negative(
    budgeted: Decimal, committed: Decimal, actual: Decimal
) -> None:
    drawn = money_bar(budgeted=budgeted, committed=committed, actual=actual, currency="USD")

    kinds = {segment.kind for segment in drawn.segments}
    assert drawn.is_past_budget == (budgeted - committed - actual < 0)
    assert drawn.is_past_budget == bool(kinds & {"actual-over", "committed-over"})
    assert ("actual-over" in kinds) == (actual > budgeted)
    assert ("available" in kinds) == (budgeted > 0 and budgeted - committed - actual > 0)
    if drawn.marker is not None:
        assert 0 <= drawn.marker < FRAME


@given(budgeted=amounts, committed=amounts, actual=amounts)
def test_no_stretch_is_further_from_its_share_than_the_least_widths_together(
    budgeted: Decimal, committed: Decimal, actual: Decimal
) -> None:
    drawn = money_bar(budgeted=budgeted, committed=committed, actual=actual, currency="USD")
    whole = max(budgeted, committed + actual)

    used = sum(segment.width for segment in drawn.segments if segment.kind != "available")

    if whole:
        assert abs(used - (committed + actual) * FRAME / whole) <= 5 * LEAST_VISIBLE
