"""Receipts and what is to be paid over REST: what is answered, what is refused, who sees what."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from budgets.models import Receipt
from budgets.services.expense_policy import change_expense_policy
from budgets.services.payment import add_payment
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.papers import HTML, SVG, pdf, photo, png, png_bomb
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client, rest_client_of
from events.models import Event


@pytest.fixture
def expense(account, organizer, staff):
    return make_expense(make_budget(account, organizer), staff)


@pytest.fixture
def rest(account, staff):
    return rest_client_of(staff, account)


def upload(rest, expense, content, name="receipt.jpg"):
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile(name, content, "image/jpeg")})
    return rest.raw("post", f"/api/v1/expenses/{expense.pk}/receipts", body, MULTIPART_CONTENT)


def content_of(rest, expense, receipt, query="", **headers):
    return rest.client.get(f"/api/v1/expenses/{expense.pk}/receipts/{receipt}{query}", headers=headers)


def test_a_receipt_is_sent_listed_read_and_deleted(rest, expense, staff):
    answer = upload(rest, expense, photo(), "Rechnung Blumen.jpeg")
    assert answer.status == 201
    kept = Receipt.objects.get()
    assert answer.json == {
        "id": str(kept.pk),
        "expense_id": str(expense.pk),
        "content_type": "image/jpeg",
        "name": "Rechnung Blumen.jpeg",
        "size": kept.size,
        "sha256": kept.sha256,
        "link": None,
        "has_thumbnail": True,
        "uploaded_by": str(staff.pk),
        "uploaded_by_name": str(staff),
        "uploaded_at": answer.json["uploaded_at"],
    }
    assert rest.get(f"/expenses/{expense.pk}/receipts").json["results"] == [answer.json]

    file = content_of(rest, expense, kept.pk)
    read = b"".join(file.streaming_content)
    assert (file.status_code, len(read), file["Content-Type"]) == (200, kept.size, "image/jpeg")
    assert b"Telephone" not in read
    assert file["Content-Disposition"] == 'inline; filename="Rechnung Blumen.jpeg"'
    assert file["X-Content-Type-Options"] == "nosniff"
    assert file["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert file["Cache-Control"] == "private, no-cache"
    assert content_of(rest, expense, kept.pk, If_None_Match=file["ETag"]).status_code == 304
    assert content_of(rest, expense, kept.pk, "?thumbnail=1")["Content-Type"] == "image/jpeg"

    assert upload(rest, expense, photo(), "again.jpg").json["receipt_id"] == str(kept.pk)
    assert rest.delete(f"/expenses/{expense.pk}/receipts/{kept.pk}").status == 204
    assert content_of(rest, expense, kept.pk).status_code == 404
    assert rest.delete(f"/expenses/{expense.pk}/receipts/{kept.pk}").status == 404


def test_a_pdf_is_saved_and_never_shown(rest, expense):
    receipt = upload(rest, expense, pdf(script="app.alert(1)"), "invoice").json
    assert (receipt["content_type"], receipt["has_thumbnail"]) == ("application/pdf", False)
    file = content_of(rest, expense, receipt["id"])
    assert file["Content-Disposition"] == 'attachment; filename="invoice.pdf"'
    assert content_of(rest, expense, receipt["id"], "?thumbnail=1").status_code == 404


def test_bad_files_are_refused_by_kind(rest, expense):
    refused = {
        "svg": upload(rest, expense, SVG, "logo.svg"),
        "html": upload(rest, expense, HTML, "receipt.pdf"),
        "bomb": upload(rest, expense, png_bomb(), "bomb.png"),
        "cut": upload(rest, expense, photo()[:3000]),
        "empty": upload(rest, expense, b""),
        "11 MB": upload(rest, expense, b"\xff\xd8\xff" + bytes(11 * 1024 * 1024)),
        "none": rest.post(f"/expenses/{expense.pk}/receipts", {}),
    }
    assert {name: (answer.status, *answer.codes) for name, answer in refused.items()} == {
        "svg": (415, "not_a_receipt"),
        "html": (415, "not_a_receipt"),
        "bomb": (400, "too_many_pixels"),
        "cut": (400, "damaged"),
        "empty": (400, "damaged"),
        "11 MB": (413, "too_large"),
        "none": (400, "required"),
    }
    assert refused["bomb"].fields == {"file": "too_many_pixels"}
    assert Receipt.objects.count() == 0


def test_40_mb_are_refused_before_anything_is_read(rest, expense):
    class Unread:
        def read(self, *args):
            raise AssertionError("The body was read.")

        readline = read

    for address, kind in ((f"/api/v1/expenses/{expense.pk}/receipts", "application/json"), ("/sign-in", "text/html")):
        answer = rest.client.generic(
            "post",
            address,
            content_type=MULTIPART_CONTENT,
            **{"CONTENT_LENGTH": str(40 * 1024 * 1024), "wsgi.input": Unread()},
        )
        assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (413, kind)


def test_a_link_is_taken_as_json(rest, expense, owner):
    path = f"/expenses/{expense.pk}/receipts"
    refused = rest.post(path, {"link": "https://drive.example.org/a"})
    assert (refused.status, refused.fields) == (400, {"link": "host_not_allowed"})
    change_expense_policy(acting_user=owner, receipt_hosts=["drive.example.org"])
    link = rest.post(path, {"link": "https://drive.example.org/a", "name": "The contract"}).json
    assert (link["content_type"], link["link"], link["size"]) == ("text/uri-list", "https://drive.example.org/a", None)
    answer = content_of(rest, expense, link["id"])
    assert (answer.status_code, answer["Location"]) == (302, "https://drive.example.org/a")


def test_clients_see_their_own_events_receipts_and_strangers_none(account, other_account, rest, expense):
    receipt = upload(rest, expense, png()).json["id"]
    client = make_member(account, Role.CLIENT).user
    theirs = rest_client_of(client, account)
    assert content_of(theirs, expense, receipt).status_code == 404
    Event.objects.filter(pk=expense.event_id).update(client=client)
    assert content_of(theirs, expense, receipt).status_code == 200
    refused = upload(theirs, expense, photo())
    assert (refused.status, refused.json["errors"][0]["detail"]) == (
        403,
        "In this account the team enters receipts of its own expenses. Tell them in a comment.",
    )
    with tenant_scope(other_account.pk):
        stranger = rest_client(other_account, Role.OWNER)
    assert content_of(stranger, expense, receipt).status_code == 404
    assert upload(stranger, expense, photo()).status == 404
    assert rest.get(f"/expenses/{expense.pk}/receipts").json["count"] == 1


def test_what_must_be_paid_when(account, other_account, organizer, rest, django_assert_num_queries):
    staff = rest.user
    budget = make_budget(account, organizer)
    billed = {"stage": "invoiced", "expense_date": date(2020, 1, 1)}
    hall = make_expense(
        budget, staff, description="Hall", amount=Decimal(1000), vendor="Town", due_date=date(2020, 2, 1), **billed
    )
    acting = {"acting_user": staff, "acting_role": Role.STAFF, "now": NOW}
    add_payment(expense_id=hall.pk, amount=Decimal(300), **acting)
    add_payment(expense_id=hall.pk, amount=Decimal(500), due_date=date(2099, 3, 1), **acting)
    make_expense(budget, staff, description="Band", amount=Decimal(80), due_date=date(2099, 1, 1), stage="committed")
    make_expense(budget, staff, description="Paid by card", amount=Decimal(5), **billed)
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        make_expense(
            make_budget(other_account, rival, event=make_event(other_account, rival)), rival,
            description="Rival", due_date=date(2020, 1, 5), **billed,
        )  # fmt: skip

    def listed(**query):
        return [
            (row["description"], row["kind"], row["status"], row["amount"], row["due_date"])
            for row in rest.get("/payments", **query).json["results"]
        ]

    everything = [
        ("Hall", "bill", "overdue", "200.00", "2020-02-01"),
        ("Band", "agreed", "upcoming", "80.00", "2099-01-01"),
        ("Hall", "instalment", "upcoming", "500.00", "2099-03-01"),
    ]
    assert listed() == everything
    assert listed(status="overdue") == everything[:1]
    assert listed(status="upcoming", due_before="2099-01-01") == everything[1:2]
    assert listed(due_after="2099-01-02") == everything[2:]
    assert listed(vendor=hall.vendor_id, event=hall.event_id) == [everything[0], everything[2]]
    assert listed(event=rival.pk) == []
    assert [(row[0], row[2], row[3]) for row in listed(status="paid")] == [("Hall", "paid", "300.00")]
    assert rest.get("/payments", status="late").fields == {"status": "invalid_choice"}
    assert rest.get("/payments", cursor="x").fields == {"cursor": "invalid"}

    first = rest.get("/payments", limit=2).json
    assert (len(first["results"]), first["previous"]) == (2, None)
    second = rest.client.get(first["next"]).json()
    assert [row["kind"] for row in second["results"]] == ["instalment"]
    assert second["next"] is None
    assert rest.client.get(second["previous"]).json()["results"] == first["results"]

    client = rest_client(account, Role.CLIENT)
    assert client.get("/payments").json["results"] == []
    Event.objects.filter(pk=budget.event_id).update(client=client.user)
    assert len(client.get("/payments").json["results"]) == 3
