"""The queue and the door in the back office."""

from datetime import timedelta

from budgetsite.testing.registrations import NOW
from registrations.models import CheckIn, WaitlistEntry
from registrations.services.check_in import check_in
from registrations.services.registration import cancel
from registrations.tests.admin.back_office import (
    listed,
    told,
    url,
)
from registrations.tests.registrations import at


def test_priority_decides_who_is_offered_what_becomes_free(worker, event, owner, queue):
    later = queue[1]
    wrong = worker.post(url(later), {"priority": "much"})
    right = worker.post(url(later), {"priority": "5"})
    cancel(registration_id=queue[0].taken.pk, event=event, acting_user=owner, now=NOW)

    first, second = (WaitlistEntry.objects.get(pk=entry.pk) for entry in queue)
    assert wrong.context["adminform"].form.errors.keys() == {"priority"}
    assert right.status_code == 302
    assert (first.status, second.status, second.priority) == ("WAITING", "OFFERED", 5)
    with at(NOW + timedelta(hours=1)):
        assert "23 h 0 min left" in worker.get(listed(WaitlistEntry)).content.decode()


def test_an_entry_that_is_over_is_not_changed(worker, queue):
    WaitlistEntry.objects.filter(pk=queue[0].pk).update(status="CANCELLED")
    assert worker.post(url(queue[0]), {"priority": "5"}).status_code == 403
    assert worker.post(url(queue[0], "remove_one")).status_code == 409
    assert WaitlistEntry.objects.get(pk=queue[0].pk).priority == 0


def test_taking_somebody_off_passes_their_offer_on(worker, event, owner, queue):
    cancel(registration_id=queue[0].taken.pk, event=event, acting_user=owner, now=NOW)
    with at(NOW):
        asked = worker.get(url(queue[0], "remove_one"))
        assert WaitlistEntry.objects.get(pk=queue[0].pk).status == "OFFERED"
        assert worker.post(url(queue[0], "remove_one")).status_code == 302
    assert asked.status_code == 200
    assert [WaitlistEntry.objects.get(pk=entry.pk).status for entry in queue] == ["CANCELLED", "OFFERED"]


def test_many_are_taken_off_at_once(worker, queue):
    data = {"action": "remove_rows", "_selected_action": [str(entry.pk) for entry in queue]}
    assert worker.post(listed(WaitlistEntry), data).status_code == 200
    assert WaitlistEntry.objects.filter(status="WAITING").count() == 2
    done = worker.post(listed(WaitlistEntry), {**data, "confirmed": "yes"}, follow=True)
    assert told(done) == ["2 taken off the waitlist."]
    assert WaitlistEntry.objects.filter(status="CANCELLED").count() == 2


def test_check_ins_are_only_read(worker, event, asked, owner):
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    check_in(event=event, qr_token="nobody's", acting_user=owner, now=NOW)
    scan = CheckIn.objects.get(registration=asked[0])

    page = worker.get(listed(CheckIn)).content.decode()
    for said in ("Not approved", "Not found", "unknown code", "Guest 1"):
        assert said in page
    assert worker.get(url(scan)).status_code == 200
    assert worker.post(url(scan), {"result": "SUCCESS"}).status_code == 403
    assert worker.post(url(scan, "delete")).status_code == 403
    assert CheckIn.objects.get(pk=scan.pk).result == "NOT_APPROVED"
