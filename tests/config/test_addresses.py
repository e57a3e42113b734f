"""From where a request came: what a signature keeps."""

import pytest
from django.test import RequestFactory

from config.addresses import client_address


def asked(**meta):
    return RequestFactory().get("/", **meta)


@pytest.mark.parametrize(
    ("peer", "address"),
    [("203.0.113.7", "203.0.113.7"), ("2001:db8::1", "2001:db8::1"), ("127.0.0.1", None), ("::1", None), ("", None)],
)
def test_a_proxy_of_this_machine_is_not_taken_for_the_patient(settings, peer, address):
    settings.LOCAL, settings.CLIENT_ADDRESS_HEADER = False, ""
    assert client_address(asked(REMOTE_ADDR=peer)) == address


def test_a_local_run_has_no_proxy_in_front(settings):
    settings.LOCAL, settings.CLIENT_ADDRESS_HEADER = True, ""
    assert client_address(asked(REMOTE_ADDR="127.0.0.1")) == "127.0.0.1"


def test_a_header_is_believed_only_where_the_deployment_names_it(settings):
    settings.LOCAL, settings.CLIENT_ADDRESS_HEADER = False, ""
    told = {"REMOTE_ADDR": "198.51.100.1", "HTTP_X_REAL_IP": "203.0.113.7"}
    assert client_address(asked(**told)) == "198.51.100.1"
    settings.CLIENT_ADDRESS_HEADER = "X-Real-IP"
    assert client_address(asked(**told)) == "203.0.113.7"
    assert client_address(asked(REMOTE_ADDR="198.51.100.1", HTTP_X_REAL_IP="not an address")) is None
