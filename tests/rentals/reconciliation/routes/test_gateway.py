"""The gateway over real HTTP: whatever it does, in the end each session is there once (I7)."""

from datetime import timedelta
from itertools import permutations

import pytest

from rentals.models import UsageImport, UsageRoute
from rentals.reconciliation.routes import ROUTES, Delivery, fetching, gateway
from tests.rentals.reconciliation.routes.conftest import DEVICES, NOW, run_queued

HOUR = timedelta(hours=1)
FAULTS = ["500", "timeout", "cut", "repeat", "skip", "wrong-cursor", "expired", "nonsense"]


def source():
    return UsageRoute.objects.get(name="gateway")


def fetch_until_all_is_well(at=NOW):
    """Ask the gateway again and again, as the scheduler does, and take what came."""
    for run in range(6):
        fetching.fetch("gateway", at=at + run * HOUR)
    run_queued()


class TestFaults:
    def test_without_faults_all_pages_come_in_one_run(self, site, gateway_of):
        with gateway_of(site) as served:
            assert fetching.fetch("gateway", at=NOW) == DEVICES
            assert served.asked == DEVICES + 1
            assert (source().cursor, source().failure) == (f"page-{DEVICES}", "")
            assert source().succeeded_at >= NOW
            assert fetching.fetch("gateway", at=NOW + HOUR) == 0
        run_queued()
        assert site.has_it_all()
        assert set(UsageImport.objects.values_list("route", "uploaded_by")) == {("gateway", None)}

    @pytest.mark.parametrize("fault", FAULTS)
    def test_after_each_fault_the_end_is_that_of_a_clean_run(self, site, gateway_of, fault):
        with gateway_of(site, "ok", "ok", fault):
            fetch_until_all_is_well()
        assert site.has_it_all()
        assert source().failures == 0

    @pytest.mark.parametrize("faults", list(permutations(["repeat", "skip", "wrong-cursor"])))
    def test_faults_in_every_order_end_as_a_clean_run(self, site, gateway_of, faults):
        with gateway_of(site, *faults):
            fetch_until_all_is_well()
        assert site.has_it_all()

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            ("500", "The gateway is in trouble (HTTP 500)."),
            ("timeout", "The gateway did not answer in time."),
            ("cut", "cut off or is not JSON"),
            ("nonsense", "cut off or is not JSON"),
            ("expired", "set USAGE_GATEWAY_TOKEN"),
        ],
    )
    def test_a_failure_says_what_is_wrong_and_keeps_what_came_before(self, site, gateway_of, fault, said):
        with gateway_of(site, "ok", fault):
            fetching.fetch("gateway", at=NOW)
        assert said in source().failure
        assert (source().failures, source().cursor, source().succeeded_at) == (1, "page-1", None)
        assert UsageImport.objects.count() == 1

    def test_nobody_there_is_a_failure_too(self, site, gateway_of):
        with gateway_of(site):
            pass
        fetching.fetch("gateway", at=NOW)
        assert "could not be reached" in source().failure

    def test_a_cursor_that_the_gateway_has_forgotten_is_given_up_and_all_is_read_again(self, site, gateway_of):
        UsageRoute.objects.create(name="gateway", cursor="of-another-gateway")
        with gateway_of(site):
            fetching.fetch("gateway", at=NOW)
            assert "reads it from its beginning" in source().failure
            assert source().cursor == ""
            fetch_until_all_is_well(NOW + HOUR)
        assert site.has_it_all()

    def test_what_was_missed_comes_when_all_is_asked_for_again(self, site, gateway_of):
        UsageRoute.objects.create(name="gateway", cursor="page-3")
        with gateway_of(site):
            fetch_until_all_is_well()
            assert not site.has_it_all()
            fetching.fetch_now("gateway", at=NOW, from_the_start=True)
            fetch_until_all_is_well(NOW + 9 * HOUR)
        assert site.has_it_all()

    def test_a_last_page_that_is_handed_out_for_ever_is_queued_once(self, site, gateway_of):
        with gateway_of(site, page_size=DEVICES) as served:
            served.page = lambda number, then: {"readouts": served.pages[0], "next": ""}
            counts = [fetching.fetch("gateway", at=NOW + run * HOUR) for run in range(3)]
        assert counts == [1, 0, 0]

    @pytest.mark.parametrize(
        "said",
        [
            {"readouts": [{}]},
            {"readouts": [{}], "next": ["x"]},
            {"readouts": [{}], "next": "x" * 2000},
            {"readouts": "all", "next": "x"},
            {"readouts": ["one"], "next": "x"},
            {"next": "x"},
            [],
        ],
    )
    def test_a_page_of_another_shape_is_a_failure_and_nothing_of_it_is_taken(self, site, gateway_of, said):
        with gateway_of(site) as served:
            served.page = lambda number, then: said
            assert fetching.fetch("gateway", at=NOW) == 0
        assert "nothing of it was taken" in source().failure
        assert source().cursor == ""

    def test_a_page_that_is_too_large_is_not_read_on(self, site, gateway_of, monkeypatch):
        monkeypatch.setattr(gateway, "LARGEST_PAGE", 100)
        with gateway_of(site):
            fetching.fetch("gateway", at=NOW)
        assert "make its pages smaller" in source().failure

    def test_a_run_reads_so_many_pages_and_the_next_one_goes_on(self, site, gateway_of, monkeypatch):
        monkeypatch.setattr(gateway, "MOST_PAGES", 3)
        with gateway_of(site):
            assert [fetching.fetch("gateway", at=NOW + run * HOUR) for run in range(2)] == [3, 1]

    def test_a_redirect_is_not_followed_so_the_token_goes_nowhere_else(self, site, gateway_of):
        with gateway_of(site) as elsewhere, gateway_of(site, "redirect") as served:
            served.elsewhere = elsewhere.url
            fetching.fetch("gateway", at=NOW)
            assert (served.asked, elsewhere.asked) == (1, 0)
        assert "(HTTP 302); correct USAGE_GATEWAY_URL" in source().failure


class TestTiming:
    def test_each_failure_doubles_the_wait_up_to_an_hour(self, site, gateway_of):
        waits, at = [], NOW
        with gateway_of(site, *["500"] * 8):
            for _ in range(8):
                fetching.fetch("gateway", at=at)
                waits.append(round((source().next_try_at - at) / timedelta(minutes=1)))
                at = source().next_try_at
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]

    def test_until_then_it_is_left_alone_unless_somebody_asks(self, site, gateway_of, queue):
        with gateway_of(site, "500") as served:
            fetching.fetch("gateway", at=NOW)
            assert fetching.routes_due(NOW) == []
            assert fetching.fetch("gateway", at=NOW) == 0
            assert served.asked == 1
            fetching.fetch_now("gateway", at=NOW)
            assert fetching.fetch("gateway", at=NOW) == DEVICES
        assert source().failures == 0

    def test_what_is_not_set_up_is_never_asked(self, site, settings):
        settings.USAGE_GATEWAY_URL = settings.USAGE_INBOX = ""
        assert fetching.routes_due(NOW) == []
        assert fetching.fetch("gateway", at=NOW) == 0
        assert not UsageRoute.objects.exists()

    def test_a_run_whose_process_died_is_followed_by_another_when_its_lease_is_over(self, site, gateway_of):
        with gateway_of(site):
            assert fetching.claim("gateway", NOW)
            assert fetching.fetch("gateway", at=NOW + timedelta(minutes=4)) == 0
            assert fetching.fetch("gateway", at=NOW + fetching.LEASE) == DEVICES

    def test_a_run_that_was_overtaken_queues_nothing_more_and_moves_no_cursor(self, site, gateway_of):
        with gateway_of(site):
            assert fetching.claim("gateway", NOW)
            late = fetching.Run(ROUTES["gateway"], NOW)
            assert fetching.fetch("gateway", at=NOW + fetching.LEASE) == DEVICES
            with pytest.raises(fetching.Overtaken):
                late.queue(Delivery("late", None, "page-1"))
        assert source().cursor == f"page-{DEVICES}"
