"""What settings accept, as JSON and as texts, and what they say about everything else."""

import pytest

from stead.core.platform_settings import (
    Choice,
    Limit,
    Names,
    Networks,
    Number,
    Setting,
    Subdomain,
    UnacceptableError,
    collect,
)
from stead.core.platform_settings.kinds import Kind

NUMBER = Number(5, 60, "minutes")


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        (NUMBER, 5, 5),
        (NUMBER, " 60 ", 60),
        (Limit(), "none", None),
        (Limit(), "", None),
        (Limit(), None, None),
        (Limit(), 0, 0),
        (Choice(("a", "b")), " b ", "b"),
        (Networks(), "10.0.0.0/8, ::/32\n192.0.2.1", ["10.0.0.0/8", "::/32", "192.0.2.1/32"]),
        (Networks(), ["10.0.0.0/8", "10.0.0.0/8"], ["10.0.0.0/8"]),
        (Networks(), "", []),
        (Names(), "redis,wordpress", ["redis", "wordpress"]),
        (Subdomain(frozenset({"console"})), " Lab.apps ", "lab.apps"),
    ],
)
def test_a_value_is_read_and_stored(kind: Kind[object], given: object, stored: object):
    assert Setting("a.b", None, kind, "", "").accept(given) == stored


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (NUMBER, 4),
        (NUMBER, 61),
        (NUMBER, "many"),
        (NUMBER, ""),
        (NUMBER, True),
        (NUMBER, 5.5),
        (NUMBER, None),
        (NUMBER, [5]),
        (NUMBER, "9" * 5000),
        (NUMBER, "٣٠"),
        (Limit(), -1),
        (Choice(("a", "b")), "c"),
        (Choice(("a", "b")), 1),
        (Networks(), "10.0.0.1/8"),
        (Networks(), "nonsense\x00"),
        (Networks(), 5),
        (Networks(), [5]),
        (Networks(), ["10.0.0.0/8"] * 101),
        (Names(), "no name!"),
        (Names(), "../etc"),
        *(
            (Subdomain(frozenset({"console"})), given)
            for given in ("", ".", "apps.", "a..b", "-a", "a_b", "é", "x" * 64, 5, None, "a b")
        ),
        (Subdomain(frozenset({"console"})), "console"),
        (Subdomain(frozenset({"console"})), "tenants.CONSOLE"),
        (Subdomain(frozenset({"console"})), ".".join(["ab"] * 40)),
    ],
)
def test_anything_else_is_refused_with_a_sentence(kind: Kind[object], given: object):
    with pytest.raises(UnacceptableError) as refused:
        Setting("a.b", None, kind, "", "").accept(given)
    assert 5 < len(str(refused.value)) < 200


def test_a_name_is_declared_once():
    one = Setting("a.b", 5, NUMBER, "", "")
    with pytest.raises(ValueError, match=r"a\.b"):
        collect((one, one))
