"""The keys that do something by themselves, switched off and on by the reader (WCAG 2.1.4)."""

import pytest
from django.test import Client

from tests import make

pytestmark = pytest.mark.django_db
KEYS = ('data-key="b"', 'data-key="/"', "<kbd")


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make.reception(make.clinic()))
    return client


def keys_of(client: Client, address: str = "/") -> list[str]:
    page = client.get(address).content.decode()
    return [key for key in KEYS if key in page]


def test_no_page_names_a_key_once_they_are_off_until_they_are_on_again(client: Client):
    assert keys_of(client) == list(KEYS)
    answer = client.post("/shortcuts/", {"shortcuts": "off", "next": "/tasks/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/tasks/")
    assert [keys_of(client, address) for address in ("/", "/tasks/", "/search/")] == [[], [], []]
    client.post("/shortcuts/", {"shortcuts": "on", "next": "/"})
    assert keys_of(client) == list(KEYS)


@pytest.mark.parametrize("where", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""])
def test_the_choice_leads_nowhere_else(client: Client, where: str):
    assert client.post("/shortcuts/", {"shortcuts": "off", "next": where}).headers["Location"] == "/"


def test_looking_at_the_address_changes_nothing(client: Client):
    assert client.get("/shortcuts/").status_code == 405
    assert "shortcuts" not in client.cookies
