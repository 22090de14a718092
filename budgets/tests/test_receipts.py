"""Receipts: what is taken, what is taken out of it, what is refused, who may, and what is left behind."""

import io
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.utils import timezone
from PIL import Image

from budgets.models import EventBudget, Receipt
from budgets.services import receipt_problems as problems
from budgets.services.expense_policy import change_expense_policy
from budgets.services.expense_problems import ClientsMayNot
from budgets.services.problems import BudgetLocked
from budgets.services.receipt import add_receipt, add_receipt_link, add_receipts, delete_receipt, restore_receipt
from budgets.services.receipt_file import read_receipt
from budgets.services.receipt_sweep import sweep_orphans
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.papers import HTML, SVG, gif, pdf, pdf_bomb, photo, png, png_bomb
from budgetsite.testing.people import make_member
from events.models import Event


@pytest.fixture
def store(tmp_path, settings):
    """The private store as it is on one machine."""
    options = {"location": str(tmp_path), "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
    settings.STORAGES = {
        **settings.STORAGES,
        "receipts": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options},
    }
    assert isinstance(storages["receipts"], FileSystemStorage)
    return tmp_path


@pytest.fixture
def expense(account, organizer, staff, store):
    return make_expense(make_budget(account, organizer), staff)


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def send(expense, user, content, name="receipt", *, role=Role.STAFF):
    return add_receipt(
        expense_id=expense.pk, file=io.BytesIO(content), name=name, acting_user=user, acting_role=role, now=NOW
    )


def stored(receipt, field="stored_as"):
    with storages["receipts"].open(getattr(receipt, field)) as file:
        return file.read()


def test_a_phones_picture_is_kept_upright_and_without_the_place_where_it_was_taken(expense, staff, store):
    taken = photo(size=(640, 480), orientation=6)
    assert Image.open(io.BytesIO(taken)).getexif().get_ifd(0x8825)

    receipt = send(expense, staff, taken + b"PK\x05\x06 hidden behind the picture", "IMG_0042.jpg")

    kept = Image.open(io.BytesIO(stored(receipt)))
    assert (receipt.content_type, receipt.name, kept.format, kept.size) == (
        "image/jpeg",
        "IMG_0042.jpg",
        "JPEG",
        (480, 640),
    )
    assert not kept.getexif()
    assert not {"exif", "comment"} & kept.info.keys()
    assert b"Telephone" not in stored(receipt)
    assert b"hidden" not in stored(receipt)
    # Its left half was red; upright that is above. As finely as it was.
    assert kept.getpixel((240, 100))[1] < 10
    assert min(kept.getpixel((240, 500))) > 245
    assert kept.quantization == Image.open(io.BytesIO(taken)).quantization
    small = Image.open(io.BytesIO(stored(receipt, "thumbnail_as")))
    assert (small.format, small.size, dict(small.getexif())) == ("JPEG", (300, 400), {})
    modes = {oct(path.stat().st_mode & 0o777) for path in files_in(store)}
    assert modes == {"0o600"}
    assert oct((store / str(expense.tenant_id)).stat().st_mode & 0o777) == "0o700"
    assert "IMG_0042" not in str(files_in(store))
    assert receipt.stored_as.startswith(f"{expense.tenant_id}/")
    assert receipt.size == len(stored(receipt))


@pytest.mark.parametrize(
    ("content", "kind"), [(png(), "image/png"), (gif(), "image/gif"), (pdf(script="app.alert(1)"), "application/pdf")]
)
def test_png_gif_and_pdf_are_taken(expense, staff, content, kind, eager_tasks, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        receipt = send(expense, staff, content, "../../etc/a\u202egpj.exe")
    receipt.refresh_from_db()
    assert (receipt.content_type, receipt.name) == (kind, "agpj.exe")
    assert b"the author" not in stored(receipt)
    assert b"made by somebody" not in stored(receipt)
    if kind == "application/pdf":
        # Kept as it came; a worker has drawn its first page.
        assert stored(receipt) == content
        small = Image.open(io.BytesIO(stored(receipt, "thumbnail_as")))
        assert small.size == (300, 400)
        assert small.getpixel((60, 300))[0] > 200 > small.getpixel((60, 300))[1]


def test_a_portrait_with_a_second_picture_inside_is_one_receipt(expense, staff):
    written = io.BytesIO()
    Image.new("RGB", (80, 60), "blue").save(
        written, "MPO", save_all=True, append_images=[Image.new("RGB", (80, 60), "black")]
    )
    assert stored(send(expense, staff, written.getvalue())).count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize(
    ("content", "name", "refusal", "says"),
    [
        (SVG, "logo.png", problems.NotAReceipt, "an SVG drawing"),
        (HTML, "receipt.pdf", problems.NotAReceipt, "a web page"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "IMG_1.HEIC", problems.NotAReceipt, "a HEIC picture"),
        (b"hello", "a.txt", problems.NotAReceipt, "no picture and no PDF"),
        (b"", "a.jpg", problems.DamagedReceipt, "It is empty."),
        (b"GIF89a/*" + HTML, "a.gif", problems.DamagedReceipt, "can't be opened"),
        (photo()[:5000], "half.jpg", problems.DamagedReceipt, "can't be opened"),
        (b"%PDF-1.7\n" + HTML + b"\n%%EOF", "receipt.pdf", problems.DamagedReceipt, "can't be opened"),
        (HTML + pdf(), "receipt.pdf", problems.NotAReceipt, "a web page"),
        (pdf() + b"PK\x05\x06" + b"\x00" * 18, "receipt.pdf", problems.TwoKindsAtOnce, "something else"),
        (pdf() + HTML, "receipt.pdf", problems.TwoKindsAtOnce, "something else"),
        (pdf(password="secret"), "a.pdf", problems.ProtectedReceipt, "password"),
        (pdf_bomb(), "bomb.pdf", problems.DamagedReceipt, "can't be opened"),
        (png_bomb(), "bomb.png", problems.TooManyPixels, "50 million pixels"),
        (png_bomb(side=7200), "bomb.png", problems.TooManyPixels, "50 million pixels"),
        (gif(frames=3), "a.gif", problems.MovingPicture, "moves"),
        (b"\xff\xd8\xff" + b"\x00" * problems.LARGEST_BYTES, "a.jpg", problems.ReceiptTooLarge, "larger than 10 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_receipt_is_refused_in_words_and_leaves_nothing(expense, staff, store, content, name, refusal, says):
    with pytest.raises(refusal, match=says):
        send(expense, staff, content, name)
    assert (Receipt.objects.count(), files_in(store)) == (0, [])


def test_a_pdf_whose_pages_are_packed_is_taken_as_long_as_they_are_no_bomb():
    assert read_receipt(io.BytesIO(pdf_bomb(megabytes=0)), "a.pdf").content_type == "application/pdf"


def test_the_same_file_twice_on_one_expense_is_noticed(account, expense, staff, store):
    first = send(expense, staff, png(), "a.png")
    kept = files_in(store)
    with pytest.raises(problems.SameReceipt, match=r"as “a\.png”") as refusal:
        send(expense, staff, png(), "b.png")
    assert refusal.value.receipt_id == str(first.pk)
    assert files_in(store) == kept
    other = make_expense(make_budget(account, staff, event=make_event(account, staff)), staff)
    assert send(other, staff, png()).sha256 == first.sha256


def test_several_files_are_each_judged_by_itself(expense, staff):
    done = add_receipts(
        expense_id=expense.pk,
        files=[
            (io.BytesIO(content), name) for content, name in ((png(), "a"), (HTML, "b"), (gif(), "c"), (png(), "d"))
        ],
        acting_user=staff,
        acting_role=Role.STAFF,
        now=NOW,
    )
    assert [receipt.name for receipt in done.added] == ["a", "c"]
    assert [problem.code for problem in done.refused] == ["not_a_receipt", "same_receipt"]


def test_deleting_keeps_who_and_when_and_can_be_taken_back(account, expense, owner, staff, store):
    receipt = send(expense, staff, png(), "a.png")
    before = EventBudget.objects.get(pk=expense.budget_id).expense_seq
    with tenant_scope(account.pk, user_id=owner.pk):
        step = {"expense_id": expense.pk, "receipt_id": receipt.pk, "acting_user": owner, "acting_role": Role.OWNER}
        delete_receipt(**step, now=NOW)
        assert not expense.receipts.filter(deleted_at=None).exists()
        with pytest.raises(problems.ReceiptNotFound):
            delete_receipt(**step, now=NOW)
        last = Receipt.history.filter(id=receipt.pk).latest()
        assert (last.history_change_reason, last.history_user_id, last.deleted_at) == ("deleted", owner.pk, NOW)
        assert len(files_in(store)) == 2
        restore_receipt(**step)
    assert expense.receipts.get(deleted_at=None).pk == receipt.pk
    told = OutboxEvent.objects.filter(subject_id=expense.pk).order_by("position")
    assert [event.kind for event in told][-3:] == [
        "expense.receipt_added",
        "expense.receipt_deleted",
        "expense.receipt_restored",
    ]
    # The budget's row has changed, and what somebody has open of the expense is not stale.
    assert EventBudget.objects.get(pk=expense.budget_id).expense_seq == before + 2
    expense.refresh_from_db()
    assert expense.version == 1


def test_the_papers_of_a_closed_budget_grow_and_do_not_shrink(expense, staff):
    receipt = send(expense, staff, png())
    EventBudget.objects.filter(pk=expense.budget_id).update(status="finalized")
    send(expense, staff, gif())
    with pytest.raises(BudgetLocked):
        delete_receipt(expense_id=expense.pk, receipt_id=receipt.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW)
    assert expense.receipts.filter(deleted_at=None).count() == 2


def test_a_client_proves_what_they_recorded_and_touches_nothing_of_the_teams(account, expense, staff):
    client = make_member(account, Role.CLIENT).user
    Event.objects.filter(pk=expense.event_id).update(client=client)
    theirs = make_expense(expense.budget, client, role=Role.CLIENT)
    own = send(theirs, client, png(), role=Role.CLIENT)
    with pytest.raises(ClientsMayNot):
        send(expense, client, png(), role=Role.CLIENT)
    teams = send(theirs, staff, gif())
    options = {"expense_id": theirs.pk, "acting_user": client, "acting_role": Role.CLIENT, "now": NOW}
    with pytest.raises(ClientsMayNot):
        delete_receipt(receipt_id=teams.pk, **options)
    delete_receipt(receipt_id=own.pk, **options)
    assert [receipt.pk for receipt in Receipt.objects.all()] == [teams.pk]


def test_links_lead_to_the_accounts_hosts_alone(expense, owner, staff):
    change_expense_policy(acting_user=owner, receipt_hosts=["Drive.example.org "])

    def link(address):
        return add_receipt_link(expense_id=expense.pk, link=address, acting_user=staff, acting_role=Role.STAFF, now=NOW)

    kept = link("https://drive.example.org/file?id=1")
    assert (kept.content_type, kept.link, kept.stored_as) == (
        "text/uri-list",
        "https://drive.example.org/file?id=1",
        "",
    )
    for address in ("https://evil.drive.example.org/a", "https://drive.example.org.evil.com/", "https://localhost/a"):
        with pytest.raises(problems.HostNotAllowed, match=r"It allows drive\.example\.org"):
            link(address)
    for address in (
        "http://drive.example.org/a",
        "javascript:alert(1)",
        "https://me:secret@drive.example.org/a",
        "https://drive.example.org@evil.com/a",
        "https://drive.example.org:8443/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://2130706433/a",
        "https://drive.example.org/a b",
        "https://[drive.example.org/",
    ):
        with pytest.raises(problems.LinkRefused):
            link(address)
    with pytest.raises(problems.SameReceipt):
        link("https://drive.example.org/file?id=1")
    assert Receipt.objects.count() == 1


def test_what_a_rolled_back_upload_left_is_swept_and_nothing_else(expense, staff, other_account, store):
    kept = [send(expense, staff, png()), send(expense, staff, pdf())]
    with deleted_rows_visible():
        delete_receipt(expense_id=expense.pk, receipt_id=kept[0].pk, acting_user=staff, acting_role=Role.STAFF, now=NOW)
    orphan = storages["receipts"].save(f"{expense.tenant_id}/left-behind", ContentFile(b"x"))
    strangers = storages["receipts"].save(f"{other_account.pk}/theirs", ContentFile(b"x"))
    now = timezone.now()
    assert sweep_orphans(now=now) == 0
    later = now + timedelta(days=1, minutes=1)
    assert (sweep_orphans(now=later), sweep_orphans(now=later)) == (1, 0)
    assert not storages["receipts"].exists(orphan)
    assert storages["receipts"].exists(strangers)
    assert len(files_in(store)) == 4
