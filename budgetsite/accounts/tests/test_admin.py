"""The staff's pages for the account and its people, and the rules that they stand on."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from budgetsite.accounts.models import Account, Membership, Team, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import (
    LastOwner,
    MembershipEnded,
    OwnersOnly,
    change_role,
    create_team,
    end_membership,
)
from budgetsite.testing.people import make_member, sign_in

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


def page(name: str, *args: object) -> str:
    return reverse(f"admin:accounts_{name}", args=args)


@pytest.fixture
def boss(account: Account, owner: User) -> Client:
    return sign_in(owner, account)


@pytest.fixture
def deputy(account: Account, manager: User) -> Client:
    return sign_in(manager, account)


# --- Rules ------------------------------------------------------------------------------------------------------------


def test_the_last_owner_neither_leaves_nor_steps_down(owner):
    last = membership(owner)

    with pytest.raises(LastOwner):
        change_role(membership_id=last.pk, role=Role.STAFF, acting_user=owner, acting_role=Role.OWNER)
    with pytest.raises(LastOwner):
        end_membership(membership_id=last.pk, acting_user=owner, acting_role=Role.OWNER, now=NOW)

    assert membership(owner).role == Role.OWNER


def test_an_owner_who_may_not_sign_in_does_not_count(account, owner):
    other = make_member(account, Role.OWNER).user
    other.is_active = False
    other.save()

    with pytest.raises(LastOwner):
        end_membership(membership_id=membership(owner).pk, acting_user=owner, acting_role=Role.OWNER, now=NOW)


def test_one_of_two_owners_may_step_down(account, owner):
    make_member(account, Role.OWNER)

    change_role(membership_id=membership(owner).pk, role=Role.STAFF, acting_user=owner, acting_role=Role.OWNER)

    assert membership(owner).role == Role.STAFF


def test_managers_neither_make_nor_touch_owners(account, owner, manager, staff):
    make_member(account, Role.OWNER)

    def refused(user: User, role: Role) -> None:
        with pytest.raises(OwnersOnly):
            change_role(membership_id=membership(user).pk, role=role, acting_user=manager, acting_role=Role.MANAGER)

    refused(staff, Role.OWNER)
    refused(manager, Role.OWNER)
    refused(owner, Role.STAFF)
    with pytest.raises(OwnersOnly):
        end_membership(membership_id=membership(owner).pk, acting_user=manager, acting_role=Role.MANAGER, now=NOW)

    assert (membership(staff).role, membership(owner).role) == (Role.STAFF, Role.OWNER)


def test_an_ended_membership_is_over(account, owner, staff):
    ended = membership(staff)
    end_membership(membership_id=ended.pk, acting_user=owner, acting_role=Role.OWNER, now=NOW)

    with pytest.raises(MembershipEnded):
        change_role(membership_id=ended.pk, role=Role.MANAGER, acting_user=owner, acting_role=Role.OWNER)


def test_another_accounts_membership_is_not_reached(other_account, owner):
    stranger = make_member(other_account, Role.STAFF)

    with pytest.raises(MembershipEnded):
        end_membership(membership_id=stranger.pk, acting_user=owner, acting_role=Role.OWNER, now=NOW)


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_a_person_is_added_by_their_address(deputy):
    response = deputy.post(
        page("membership_add"), {"email": " New@Example.org", "person_name": "Nia", "role": "staff", "team": ""}
    )

    made = Membership.objects.select_related("user").get(user__email="new@example.org")
    assert response.status_code == 302
    assert (made.role, made.user.name, made.user.has_usable_password()) == (Role.STAFF, "Nia", False)


def test_a_person_of_another_account_keeps_their_name(deputy, other_account):
    known = make_member(other_account, Role.STAFF, name="Known already").user

    deputy.post(page("membership_add"), {"email": known.email, "person_name": "X", "role": "staff", "team": ""})

    known.refresh_from_db()
    assert known.name == "Known already"
    assert membership(known).role == Role.STAFF


def test_what_is_wrong_with_a_new_member_stands_at_the_field(deputy, staff):
    def errors(**data: str) -> list[str]:
        response = deputy.post(page("membership_add"), {"person_name": "", "team": "", **data})
        assert response.status_code == 200
        return list(response.context["adminform"].form.errors)

    assert errors(email=staff.email, role="staff") == ["email"]
    assert errors(email="no address", role="staff") == ["email"]
    assert errors(email="new@example.org", role="owner") == ["role"]
    assert errors(email="new@example.org", role="emperor") == ["role"]
    assert not User.objects.filter(email="new@example.org").exists()


def test_a_role_and_a_team_are_changed(deputy, staff):
    team = create_team(name="Kitchen", acting_user=staff)

    response = deputy.post(page("membership_change", membership(staff).pk), {"role": "organizer", "team": str(team.pk)})

    changed = membership(staff)
    assert response.status_code == 302
    assert (changed.role, changed.team_id) == (Role.ORGANIZER, team.pk)


def test_the_last_owner_is_told_so(boss, owner):
    own = membership(owner)

    changed = boss.post(page("membership_change", own.pk), {"role": "staff", "team": ""})
    ended = boss.post(page("membership_delete", own.pk))

    assert changed.status_code == 200
    assert list(changed.context["adminform"].form.errors) == ["role"]
    assert ended.status_code == 409
    assert b"Make somebody else an owner first" in ended.content


def test_a_member_who_leaves_is_let_in_no_more(boss, account, staff):
    client = sign_in(staff, account)
    assert client.get(reverse("admin:index")).status_code == 200

    assert boss.post(page("membership_delete", membership(staff).pk)).status_code == 302

    assert client.get(reverse("admin:index")).status_code == 302


def test_staff_look_at_people_and_change_nothing(account, staff, manager):
    client = sign_in(staff, account)

    assert client.get(page("membership_changelist")).status_code == 200
    assert client.post(page("membership_add"), {"email": "x@example.org", "role": "staff"}).status_code == 403
    assert client.post(page("membership_change", membership(manager).pk), {"role": "staff"}).status_code == 403
    assert client.post(page("membership_delete", membership(manager).pk)).status_code == 403


def test_teams_are_made_renamed_deleted_and_restored(deputy, staff):
    assert deputy.post(page("team_add"), {"name": "Kitchen"}).status_code == 302
    team = Team.objects.get()
    assert deputy.post(page("team_add"), {"name": "kitchen"}).status_code == 200
    assert deputy.post(page("team_change", team.pk), {"name": "Bar"}).status_code == 302
    assert Team.objects.get().name == "Bar"
    assert deputy.post(page("team_delete", team.pk)).status_code == 302
    assert Team.objects.count() == 0
    assert deputy.post(page("team_restore_row", team.pk)).status_code == 302
    assert Team.objects.get().name == "Bar"


def test_a_team_with_members_is_not_deleted(deputy, staff):
    team = create_team(name="Kitchen", acting_user=staff)
    Membership.objects.filter(user=staff).update(team=team)

    assert deputy.post(page("team_delete", team.pk)).status_code == 409
    assert Team.objects.count() == 1


def test_the_settings_are_the_owners(account, boss, deputy):
    data = {"name": "Sunset Catering", "currency": "EUR", "timezone": "Europe/Madrid", "approval_reminder_days": "5"}

    by_manager = deputy.post(page("account_change", account.pk), data)
    by_owner = boss.post(page("account_change", account.pk), data)

    account.refresh_from_db()
    assert (by_manager.status_code, by_owner.status_code) == (403, 302)
    assert (account.name, account.currency, account.timezone, account.four_eyes) == (
        "Sunset Catering",
        "EUR",
        "Europe/Madrid",
        False,
    )
    assert account.approval_reminder_days == 5


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("currency", ""),
        ("timezone", ""),
        ("name", ""),
        ("approval_reminder_days", ""),
        ("approval_reminder_days", "-1"),
    ],
)
def test_settings_that_cannot_be_stand_at_their_field(account, boss, field, typed):
    settings = {"name": "Sunset", "currency": "EUR", "timezone": "Europe/Madrid", "approval_reminder_days": "3"}
    data = {**settings, "four_eyes": "on", field: typed}

    response = boss.post(page("account_change", account.pk), data)

    account.refresh_from_db()
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert account.name == "Sunrise Catering"


def test_an_account_is_neither_added_nor_deleted_here(account, boss):
    assert boss.post(page("account_add")).status_code == 403
    assert boss.post(page("account_delete", account.pk)).status_code == 403
    assert boss.get(page("account_change", UUID(int=0))).status_code == 302
    assert boss.get(page("account_change", "nonsense")).status_code == 302
