"""The form that deploys: what it shows, what it means, and the same as a command."""

import shlex

import pytest
from tests.unit.catalog.builders import asked, manifest

from stead.catalog.errors import InvalidInputsError
from stead.deployments import forms
from stead.deployments.errors import InvalidRequestError
from stead.deployments.rules import Allowed
from stead.instances.public import Size

PLACE = forms.Place("apps.example.org", 443)
TITLE = asked("title", default="Hello")
SECRET = asked("secret", "password", generate=True)
COUNT = asked("count", "integer", default=3)


def test_the_command_names_only_what_was_changed():
    given = {"name": "site", "size": "small", "input.title": "Hello", "input.count": "4"}
    form = forms.filled(manifest(TITLE, COUNT), PLACE, given)
    assert shlex.split(form.command) == [
        "stead", "deploy", "demo", "--name", "site", "--set", "count=4",
    ]  # fmt: skip


def test_a_size_that_was_chosen_is_in_the_command():
    form = forms.filled(manifest(TITLE), PLACE, {"name": "site", "size": "large"})
    assert "--size large" in form.command


def test_whoever_wants_to_look_at_a_failure_says_so():
    given = {"name": "site", "keep": "true"}
    form = forms.filled(manifest(TITLE), PLACE, given)
    assert (form.keep, shlex.split(form.command)[-1]) == (True, "--keep")
    assert forms.asked(manifest(TITLE), given).keep
    for other in ({}, {"keep": "false"}):
        assert not forms.filled(manifest(TITLE), PLACE, other).keep
        assert not forms.asked(manifest(TITLE), other).keep


def test_a_secret_is_neither_shown_again_nor_in_the_command():
    form = forms.filled(manifest(SECRET), PLACE, {"input.secret": "hunter2"})
    assert "hunter2" not in repr(form)


def test_problems_are_found_at_their_fields_and_the_rest_stands_on_top():
    error = InvalidInputsError({"title": "Too long", "nobody": "Unknown"})
    form = forms.filled(manifest(TITLE), PLACE, {"name": "Bad Name"}, error)
    assert form.fields[0].problem == "Too long"
    assert form.problems == {"nobody": "Unknown", "name": forms.NAME_RULE}


def test_sizes_that_are_too_small_cannot_be_chosen():
    large = manifest(TITLE, resource_requirements={"min_ram_mb": 1024})
    form = forms.filled(large, PLACE, {})
    assert [(one.size.value, one.fits, one.chosen) for one in form.sizes] == [
        ("small", False, False),
        ("medium", True, True),
        ("large", True, False),
    ]


def test_sizes_that_are_not_allowed_cannot_be_chosen():
    place = forms.Place("apps.example.org", 443, allowed=Allowed(Size.MEDIUM))
    form = forms.filled(manifest(TITLE), place, {"size": "large"})
    assert [(one.size.value, one.may, one.chosen) for one in form.sizes] == [
        ("small", True, False),
        ("medium", True, False),
        ("large", False, False),
    ]


def test_addresses_are_announced_as_they_will_be():
    services = [
        {"name": "web", "protocol": "http", "port": 80},
        {"name": "admin", "protocol": "http", "port": 81},
        {"name": "db", "protocol": "tcp", "port": 82},
    ]
    found = forms.filled(manifest(services=services), forms.Place("a.org", 8443), {}).ways
    assert [way.before + "NAME" + way.after for way in found] == [
        "https://NAME.a.org:8443/",
        "https://NAME-admin.a.org:8443/",
        "NAME.a.org, on a port of its own",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        ("string", "", ""),
        ("integer", "", None),
        ("string", "a\r\nb", "a\nb"),
        ("integer", "4", "4"),
    ],
)
def test_an_empty_field_is_an_answer_only_where_it_can_be_one(
    kind: str, text: str, meant: str | None
):
    wanted = forms.asked(manifest(asked("value", kind)), {"input.value": text})
    assert wanted.inputs.get("value") == meant


def test_a_form_that_no_browser_sends_is_refused_with_the_field():
    with pytest.raises(InvalidRequestError) as caught:
        forms.asked(manifest(TITLE), {"size": "gigantic"})
    assert "size" in caught.value.fields


def test_the_key_is_the_same_only_for_the_same_answers():
    first = {"key": "web_1", "name": "a"}
    assert forms.idempotency_key(first) == forms.idempotency_key(dict(reversed(first.items())))
    assert forms.idempotency_key(first) != forms.idempotency_key({**first, "name": "b"})
    assert forms.idempotency_key({"name": "a"}) is None
