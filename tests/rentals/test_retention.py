from datetime import timedelta

import pytest
from django.utils import timezone

from rentals.models import StoredAnswer
from rentals.retention import forget_stored_answers
from tests import make

pytestmark = pytest.mark.django_db


def test_stored_answers_are_forgotten_after_two_days_and_not_before():
    now = timezone.now()
    user = make.user("reception")
    for key, age in [("old", timedelta(days=2, seconds=1)), ("young", timedelta(days=2))]:
        StoredAnswer.objects.create(user=user, method="POST", path="/", key=key, body_digest="", created_at=now - age)
    assert forget_stored_answers(now) == 1
    assert [answer.key for answer in StoredAnswer.objects.all()] == ["young"]
