"""Options in the back office: made, changed and deleted by their services, and brought back."""

from decimal import Decimal

from django.urls import reverse

from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible
from budgetsite.testing.budgets import make_line
from budgetsite.testing.registrations import NOW, make_open_event
from registrations.models import EventOption
from registrations.services.registration import approve, cancel
from registrations.tests.admin.back_office import form_of, listed, told, url
from registrations.tests.registrations import budget_of


def test_options_show_how_much_of_them_is_used(worker, event, option, asked, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)

    page = worker.get(listed(EventOption)).content.decode()
    shown = worker.get(url(option)).content.decode()

    assert "1 taken and 2 held of 10: 7 left" in page
    assert "10.00%" in page
    assert "1 promised, 2 held, 7 left" in shown
    assert "2 wait, 1 approved" in shown


def test_an_option_is_made_by_its_service_and_shows_its_page_next(worker, event):
    answer = worker.post(
        reverse("admin:registrations_eventoption_add"),
        {
            "event": str(event.pk),
            "option_name": "Workshop",
            "option_type": "TRACK",
            "sort_order": "3",
            "description": "",
            "total_available": "25",
            "cost_per_unit": "1,234.50",
        },
    )
    made = EventOption.objects.get(option_name="Workshop")
    assert answer.url == url(made)
    assert (made.event, made.total_available, made.cost_per_unit) == (event, 25, Decimal("1234.50"))
    assert OutboxEvent.objects.filter(kind="event_option.created", subject_id=made.pk).count() == 1


def test_places_and_the_line_that_pays_are_changed(worker, owner, event, option):
    line = make_line(budget_of(event), owner, name="Gifts", budgeted_amount=Decimal(50))
    answer = worker.post(url(option), form_of(worker, option) | {"total_available": "12", "line_item": str(line.pk)})
    found = EventOption.objects.get(pk=option.pk)
    assert answer.status_code == 302
    assert (found.total_available, found.line_item_id, found.cost_per_unit) == (12, line.pk, 40)


def test_too_few_places_are_an_error_at_the_field(worker, option, asked):
    answer = worker.post(url(option), form_of(worker, option) | {"total_available": "2", "option_name": "Cup"})

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {
        "total_available": ["0 places are promised and 3 held; 2 are too few. Cancel or reject registrations first."]
    }
    found = EventOption.objects.get(pk=option.pk)
    assert (found.total_available, found.option_name) == (10, "Event Mug")


def test_what_somebody_else_changed_meanwhile_stays(worker, option):
    data = form_of(worker, option)
    EventOption.objects.filter(pk=option.pk).update(total_available=99)

    worker.post(url(option), data | {"option_name": "Cup"})

    found = EventOption.objects.get(pk=option.pk)
    assert (found.total_available, found.option_name) == (99, "Cup")


def test_amounts_and_lines_that_are_none_are_errors_at_their_fields(worker, account, owner, event, option):
    other = make_open_event(account, owner, name="Other day")
    line = make_line(budget_of(other), owner, name="Gifts", budgeted_amount=Decimal(50))
    answer = worker.post(url(option), form_of(worker, option) | {"cost_per_unit": "-1", "line_item": str(line.pk)})
    assert answer.context["adminform"].form.errors.keys() == {"cost_per_unit", "line_item"}
    found = EventOption.objects.get(pk=option.pk)
    assert (found.cost_per_unit, found.line_item_id) == (40, None)


def test_an_option_in_use_is_not_deleted(worker, event, option, asked, owner):
    refused = worker.post(url(option, "delete"))
    assert refused.status_code == 409
    assert b"3 registration(s) are waiting or approved for this option." in refused.content
    assert EventOption.objects.filter(pk=option.pk).exists()

    for row in asked:
        cancel(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    assert worker.post(url(option, "delete")).status_code == 302
    assert not EventOption.objects.filter(pk=option.pk).exists()
    with deleted_rows_visible():
        assert EventOption.objects.get(pk=option.pk).is_deleted


def test_a_deleted_option_comes_back_from_the_list_of_deleted_ones(worker, event, option):
    worker.post(url(option, "delete"))
    assert worker.get(listed(EventOption)).context["cl"].result_count == 0
    assert worker.get(listed(EventOption, deleted="yes")).context["cl"].result_count == 1

    answer = worker.post(url(option, "restore_row"), follow=True)

    assert told(answer) == ["“Event Mug” was restored."]
    assert worker.get(listed(EventOption)).context["cl"].result_count == 1
    kinds = OutboxEvent.objects.filter(subject_id=option.pk).order_by("created_at", "pk").values_list("kind", flat=True)
    assert list(kinds) == ["event_option.created", "event_option.deleted", "event_option.restored"]
