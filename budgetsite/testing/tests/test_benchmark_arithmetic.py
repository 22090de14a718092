import pytest

from budgetsite.testing.benchmarks.clients import ClientFailed, Clients
from budgetsite.testing.benchmarks.measure import (
    Spread,
    Turn,
    interleaved,
    repeating,
    share_of_rate,
    times_as_long,
    typical_milliseconds,
    typical_rate,
)
from budgetsite.testing.benchmarks.report import (
    Limit,
    Row,
    compared_rates,
    compared_times,
    growth,
    proof,
    statements,
    table,
)


def turns(*pairs):
    return [Turn(operations, seconds) for operations, seconds in pairs]


def test_a_turn_has_a_rate_and_a_time_per_operation():
    turn = Turn(operations=50, seconds=0.25)

    assert turn.rate == 200
    assert turn.milliseconds == 5


@pytest.mark.parametrize(("operations", "seconds"), [(0, 1.0), (1, 0.0)])
def test_a_turn_without_work_or_time_is_refused(operations, seconds):
    with pytest.raises(ValueError, match="at least one operation"):
        Turn(operations, seconds)


def test_sides_alternate_and_the_order_turns_round_each_round():
    order = []

    def side(name):
        def turn(seconds):
            order.append((name, seconds))
            return Turn(len(order), seconds)

        return turn

    result = interleaved([side("A"), side("B")], rounds=3, seconds=1.0)

    warm_up, counted = order[:2], order[2:]
    assert warm_up == [("A", 0.2), ("B", 0.2)]
    assert [name for name, _ in counted] == ["A", "B", "B", "A", "A", "B"]
    assert {seconds for _, seconds in counted} == {1.0}
    # By side and round, whoever came first in the round.
    assert [[turn.operations for turn in each] for each in result] == [[3, 6, 7], [4, 5, 8]]


def test_an_operation_is_repeated_until_the_turn_is_over():
    now = [0.0]

    def operation():
        now[0] += 0.25

    turn = repeating(operation, clock=lambda: now[0])(0.6)

    assert turn == Turn(operations=3, seconds=0.75)


def test_an_operation_longer_than_the_turn_is_done_once_and_to_its_end():
    now = [0.0]

    def operation():
        now[0] += 2.0

    assert repeating(operation, clock=lambda: now[0])(0.1) == Turn(operations=1, seconds=2.0)


def test_ratios_are_taken_within_a_round_and_their_median_counts():
    # The second round was slow for both sides alike: its ratio is the same as the first one's.
    ours = turns((10, 1.0), (10, 10.0), (10, 4.0))
    plain = turns((20, 1.0), (20, 10.0), (20, 2.0))

    assert times_as_long(ours, plain) == Spread(median=2.0, lower=2.0, upper=3.0)
    assert share_of_rate(ours, plain) == Spread(median=0.5, lower=0.375, upper=0.5)


def test_sides_with_different_numbers_of_rounds_are_not_compared():
    with pytest.raises(ValueError, match="longer"):
        times_as_long(turns((1, 1.0)), turns((1, 1.0), (1, 1.0)))


def test_the_spread_is_the_middle_half_of_the_rounds():
    assert Spread.of([1.0, 2.0, 3.0, 4.0, 100.0]) == Spread(median=3.0, lower=2.0, upper=4.0)
    assert Spread.of([1.5]) == Spread(median=1.5, lower=1.5, upper=1.5)


def test_typical_figures_are_medians():
    rounds = turns((1, 1.0), (2, 1.0), (10, 1.0))

    assert typical_rate(rounds) == 2
    assert typical_milliseconds(rounds) == 500


@pytest.mark.parametrize(
    ("limit", "value", "holds"),
    [
        (Limit(at_most=8), 8, True),
        (Limit(at_most=8), 9, False),
        (Limit(at_least=0.2), 0.2, True),
        (Limit(at_least=0.2), 0.199, False),
    ],
)
def test_a_limit_reached_exactly_is_kept(limit, value, holds):
    assert limit.holds(value) is holds


def test_limits_read_as_they_are_meant():
    assert str(Limit(at_most=3)) == "≤ 3"
    assert str(Limit(at_least=0.2)) == "≥ 0.2"


def test_rates_below_a_fifth_of_plain_sql_miss_the_limit():
    plain = turns((100, 1.0), (100, 1.0), (100, 1.0))
    slow, fast = turns((19, 1.0), (19, 1.0), (90, 1.0)), turns((20, 1.0), (20, 1.0), (1, 1.0))

    assert compared_rates("posting", slow, plain, Limit(at_least=0.2)).verdict == "MISSED"
    assert compared_rates("posting", fast, plain, Limit(at_least=0.2)).verdict == "kept"


def test_growth_beyond_the_limit_is_missed_whatever_plain_sql_does():
    one, four = turns((10, 1.0)), turns((10, 4.0))

    row = growth("recompute", small=one, large=four, plain_small=one, plain_large=four, limit=Limit(at_most=3))

    assert row.verdict == "MISSED"
    assert row.ratio == "4.00 × the small one"
    assert row.ours == row.plain_sql == "100.00 → 400.00 ms"


def test_what_has_no_limit_is_never_missed():
    row = compared_times("reading", turns((1, 9.0)), turns((9, 1.0)))

    assert row.kept is None
    assert row.verdict == "no limit set"
    assert row.ratio == "81.00 × the time"


def test_a_ninth_statement_is_one_too_many():
    assert statements("reading", 8, Limit(at_most=8)).verdict == "kept"
    assert statements("reading", 9, Limit(at_most=8)).verdict == "MISSED"


def test_the_table_is_aligned():
    rows = [
        Row("read a budget", "5.00 ms", "0.50 ms", "10.00 × the time", "9.00–11.00"),
        statements("statements", 9, Limit(at_most=8)),
        proof("found", found="12", kept=True),
    ]

    assert table(rows).splitlines() == [
        "what              ours  plain SQL             ratio      spread    limit  verdict",
        "─────────────  ───────  ─────────  ────────────────  ──────────  ───────  ────────────",
        "read a budget  5.00 ms    0.50 ms  10.00 × the time  9.00–11.00           no limit set",
        "statements           9                                               ≤ 8  MISSED",
        "found               12                                           exactly  kept",
    ]


# From Python 3.12 on, forking beside the test runner's own threads is warned of.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_clients_work_at_once_and_count_what_all_of_them_did():
    with Clients(3, lambda number: {"nothing": lambda: None}) as clients:
        turn = clients.side("nothing")(0.01)

    assert turn.operations == clients.done["nothing"]
    assert turn.operations >= 3
    assert turn.seconds >= 0.01


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_fails_in_one_client_fails_the_run():
    def operations(number):
        return {"divide": lambda: 1 / (number - 1)}

    with Clients(2, operations) as clients, pytest.raises(ClientFailed, match="ZeroDivisionError"):
        clients.side("divide")(0.01)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_no_client_outlives_the_run():
    with Clients(2, lambda number: {}) as clients:
        processes = list(clients._processes)
        assert all(process.is_alive() for process in processes)

    assert [process.exitcode for process in processes] == [0, 0]
