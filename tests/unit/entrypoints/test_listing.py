"""Verbs that list: all pages, or as many rows as asked for, in three forms."""

import json
from collections.abc import Callable

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from stead.entrypoints import account_commands, listing
from stead.entrypoints.client import Client
from stead.entrypoints.config import Login

ROWS = [{"id": str(n), "name": f"t{n}", "scopes": ["read"]} for n in range(5)]


class Api:
    """A list of tokens in pages of two."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        self.asked.append(asked)
        start = int(asked.get("cursor", "0"))
        size = min(2, int(asked["limit"]))
        url = request.url.copy_merge_params({"cursor": str(start + size)})
        more = start + size < len(ROWS)
        link = {"Link": f'<{url.path}?{url.query.decode()}>; rel="next"'} if more else {}
        return httpx.Response(200, json=ROWS[start : start + size], headers=link)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    served = Api()
    client = Client(Login("http://stead.test", "stt_x", ""))
    client._http = httpx.Client(
        transport=httpx.MockTransport(served.answer), base_url="http://stead.test"
    )
    monkeypatch.setattr(listing, "client", lambda: client)
    return served


def run(*words: str) -> str:
    done = CliRunner().invoke(account_commands.token, ["list", *words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_everything_is_listed_over_all_pages(api: Api, form: str, read: Callable[[str], object]):
    assert read(run("--output", form)) == ROWS
    assert len(api.asked) == 3


def test_the_older_option_for_json_still_works(api: Api):
    assert json.loads(run("--json")) == ROWS
    assert api.asked


def test_a_limit_asks_for_no_more_than_it_shows(api: Api):
    assert json.loads(run("--json", "--limit", "1")) == ROWS[:1]
    assert [one["limit"] for one in api.asked] == ["1"]


def test_order_and_filters_reach_every_page(api: Api):
    run("--sort", "-name", "--filter", "name=a=b", "--limit", "0")
    assert {(one["sort"], one["name"]) for one in api.asked} == {("-name", "a=b")}


def test_a_table_has_the_verbs_columns(api: Api):
    head, *rows = run().splitlines()
    assert head.split()[:3] == ["ID", "NAME", "PREFIX"]
    assert len(rows) == 5
    assert api.asked


def test_a_filter_without_a_value_is_a_mistake(api: Api):
    done = CliRunner().invoke(account_commands.token, ["list", "--filter", "name"])
    assert done.exit_code != 0
    assert api.asked == []


def test_a_list_can_be_watched(api: Api, monkeypatch: pytest.MonkeyPatch):
    def twice(look: Callable[[], str]) -> None:
        assert look() == look()

    monkeypatch.setattr(listing, "watch", twice)
    assert run("--watch", "--output", "json") == ""
    assert len(api.asked) == 6
