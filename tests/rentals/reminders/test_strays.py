"""The small form of a control of T9: what was told in two mails is seen, though no row points at the first."""

from datetime import timedelta

import pytest

from drills.days import forget_the_last, strays
from rentals.ledger import pay
from rentals.reminders import outbox, plan
from tests import make

pytestmark = pytest.mark.django_db


def test_a_mail_whose_reminder_is_told_in_another_one_is_a_stray(sink):
    rental = make.rental("active")
    pay(rental, kind="hire", amount=10, method="card", at=make.NOW, actor=make.manager())
    tell(make.NOW)
    assert (len(sink.mails), strays(sink)) == (1, set())
    first = sink.mails[0]["Message-ID"]
    forget_the_last(make.NOW)
    tell(make.NOW + timedelta(minutes=5))
    assert (len(sink.mails), strays(sink)) == (2, {first})


def tell(at):
    plan.plan_reminders(at)
    outbox.send_due(at)
