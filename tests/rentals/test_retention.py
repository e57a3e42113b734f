from datetime import timedelta

import pytest
from django.utils import timezone

from rentals.agreement import current_agreement, sign_by_link
from rentals.links import make_link, make_portal_link
from rentals.models import PatientLink, PortalSession, StoredAnswer
from rentals.portal_sessions import end_session, open_session
from rentals.retention import LINKS_KEPT, forget_links, forget_stored_answers
from tests import make

pytestmark = pytest.mark.django_db


def test_stored_answers_are_forgotten_after_two_days_and_not_before():
    now = timezone.now()
    user = make.user("reception")
    for key, age in [("old", timedelta(days=2, seconds=1)), ("young", timedelta(days=2))]:
        StoredAnswer.objects.create(user=user, method="POST", path="/", key=key, body_digest="", created_at=now - age)
    assert forget_stored_answers(now) == 1
    assert [answer.key for answer in StoredAnswer.objects.all()] == ["young"]


class TestLinks:
    SECOND = timedelta(seconds=1)

    def visit(self, rental, at=make.NOW):
        """A new link, and a visit by it."""
        key = open_session(make_portal_link(rental, at=at), rental.patient.date_of_birth, at=at)
        assert key
        return PortalSession.objects.latest("pk")

    def test_they_are_deleted_long_after_they_expired_and_their_visits_before(self):
        rental = make.rental()
        link = self.visit(rental).link
        closed = make.NOW + timedelta(hours=2) + LINKS_KEPT
        assert (forget_links(closed), PortalSession.objects.count()) == (0, 1)
        assert (forget_links(closed + self.SECOND), PortalSession.objects.count()) == (0, 0)
        expired = link.expires_at + LINKS_KEPT
        assert (forget_links(expired), forget_links(expired + self.SECOND)) == (0, 1)
        assert not PatientLink.objects.exists()

    def test_a_revoked_link_and_one_to_an_offer_go_too(self):
        rental = make.rental()
        make_link(rental, expires_at=make.NOW, at=make.NOW)
        make_portal_link(rental, at=make.NOW)
        PatientLink.objects.filter(purpose="portal").update(revoked_at=make.NOW)
        make_portal_link(rental, at=make.NOW)
        assert forget_links(make.NOW + LINKS_KEPT + self.SECOND) == 2
        assert PatientLink.objects.get().revoked_at is None

    def test_a_visit_during_which_was_signed_stays_with_its_link_for_ever(self):
        rental = make.rental("reserved")
        before, signing = self.visit(rental), self.visit(rental, make.NOW + timedelta(hours=3))
        at = make.NOW + timedelta(hours=4)
        paper = current_agreement(rental, at=at)
        sign_by_link(rental, paper=paper, name="Ada Example", method="typed", at=at)
        end_session(signing, at=at)
        forget_links(make.NOW + timedelta(days=4000))
        assert (PortalSession.objects.get(), PatientLink.objects.get()) == (signing, signing.link)
        assert before.link_id != signing.link_id
