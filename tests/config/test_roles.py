"""Who may do what, and where; users and their keys."""

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from config.clinic_setup import add_user
from config.models import ApiToken, Clinic, User
from config.roles import MATRIX, may
from tests import make

pytestmark = pytest.mark.django_db


def actions_of(role):
    return {action for action, roles in MATRIX.items() if role in roles}


def test_a_manager_may_do_all_that_reception_and_clinicians_may():
    assert actions_of("reception") | actions_of("clinician") <= actions_of("manager")


def test_an_auditor_looks_and_changes_nothing():
    assert actions_of("auditor") == {
        "clinics.read", "devices.read", "patients.search", "patients.watch", "rentals.read", "usage.read",
        "recalls.read", "reports.read", "tasks.read", "messages.watch", "settings.read", "stock.read",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("rentals.override_capacity", {"manager"}),
        ("rentals.override_pathological", {"clinician", "manager"}),
        ("rentals.confirm_healed", {"clinician", "manager"}),
        ("rentals.pay", {"reception", "manager"}),
        ("rentals.write_off", {"manager"}),
        ("rentals.backdate", {"manager"}),
        ("rentals.reverse", {"manager"}),
        ("rentals.correct", {"manager"}),
        ("rentals.plan_imaging", {"clinician", "manager"}),
        ("rentals.invoice", {"reception", "manager"}),
        ("messages.write", {"manager"}),
        ("messages.watch", {"manager", "auditor"}),
        ("terms.write", {"manager"}),
        ("settings.write", {"manager"}),
        ("recalls.start", {"manager"}),
        ("feeds.manage", {"manager"}),
        ("devices.add", {"manager"}),
        ("devices.end", {"manager"}),
        ("stock.settle", {"manager"}),
        ("reports.read", {"manager", "auditor"}),
    ],
)
def test_what_needs_judgement_is_for_the_one_who_has_it(action, roles):
    assert {role for role in User.Role.values if may(User(role=role), action)} == roles


def test_an_action_nobody_thought_of_is_a_mistake_and_not_a_yes():
    with pytest.raises(KeyError):
        may(make.manager(), "rentals.delete")


def test_a_role_is_one_of_the_four():
    user = make.reception()
    with pytest.raises(IntegrityError, match="user_role_known"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(role="surgeon")
    with pytest.raises(ValidationError):
        add_user("somebody", role="surgeon")


def test_without_named_clinics_a_user_sees_every_clinic():
    here, elsewhere = make.clinic(), make.clinic()
    assert set(make.reception().visible_clinics()) == {here, elsewhere}
    assert list(make.reception(here).visible_clinics()) == [here]
    assert Clinic.objects.count() == 2


def test_each_new_user_gets_a_password_of_its_own_that_works():
    (one, password), (other, other_password) = (add_user(name, role="reception") for name in ("one", "other"))
    assert password != other_password
    assert one.check_password(password)
    assert not one.check_password(other_password)
    assert password not in (one.password, other.password)


def test_a_key_is_kept_as_its_hash_only_and_names_its_user():
    user = make.reception()
    key, other = (ApiToken.objects.issue(user, make.NOW) for _ in range(2))
    assert ApiToken.objects.for_key(key).user == user
    assert key != other
    assert not ApiToken.objects.filter(digest__in=[key, other]).exists()
    assert ApiToken.objects.for_key(key[:-1]) is None
    assert ApiToken.objects.for_key("") is None


def test_the_key_of_a_user_who_left_opens_nothing():
    user = make.reception()
    key = ApiToken.objects.issue(user, make.NOW)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert ApiToken.objects.for_key(key) is None


def test_the_audit_history_of_users_holds_no_password():
    names = {field.name for field in apps.get_model("config", "UserEvent")._meta.get_fields()}
    assert "username" in names
    assert not names & {"password", "last_login"}
