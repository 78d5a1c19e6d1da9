"""Which language somebody gets, and how texts are said in it."""

import pytest

from stead.kit.words import say
from stead.ui import languages
from stead.ui.models import Badge, Tone


@pytest.mark.parametrize(
    ("accepted", "preferred", "code"),
    [
        ("", "", "en"),
        ("de, fr;q=0.9", "", "en"),
        ("en-GB, en-XA;q=0.5", "", "en"),
        ("en-xa", "", "en-XA"),
        ("en;q=0.3, en-XA;q=0.9", "", "en-XA"),
        ("en", "en-XA", "en-XA"),
        ("en-XA", "no such", "en-XA"),
        ("en;q=nonsense,,;;, " + "x" * 100_000, "", "en"),
        ("\x00, é;q=1, en-XA;q=1e9", "", "en"),
    ],
)
def test_the_language_is_what_was_chosen_or_what_is_accepted_most(
    accepted: str, preferred: str, code: str
):
    assert languages.choose(accepted, preferred).code == code


def test_the_pseudo_language_is_longer_and_keeps_what_is_filled_in():
    said = languages.pseudo("Remove %(name)s at 5 %% <b>now</b>?")
    assert said.startswith(languages.OPEN)
    assert said.endswith(languages.CLOSE)
    assert len(said) > len("Remove %(name)s at 5 %% <b>now</b>?") * 1.2
    assert "%(name)s" in said
    assert "%%" in said
    assert "<b>" in said
    assert said % {"name": "x"}


def test_a_text_is_english_everywhere_but_on_a_page():
    text = say("%(count)s days ago", count=3)
    assert f"{text}" == "3 days ago"
    with languages.speaking(languages.known()[languages.PSEUDO]):
        assert str(languages.said(text)).startswith(languages.OPEN)
        assert languages.said("3 days ago") == "3 days ago"
    assert languages.said(text) == "3 days ago"


def test_texts_within_texts_are_said_in_the_same_language():
    with languages.speaking(languages.known()[languages.PSEUDO]):
        said = str(languages.said(say("It took %(time)s.", time=say("%(count)s s", count=2))))
    assert said.count(languages.OPEN) == 2


def test_a_badge_is_said_in_the_readers_language():
    with languages.speaking(languages.known()[languages.PSEUDO]):
        assert str(languages.said(Badge("Live", Tone.GOOD, "check").label)) != "Live"


def test_every_message_can_be_filled_in():
    assert len(languages.listed()) > 500
    for message in languages.listed():
        said = languages.pseudo(message)
        assert said.count("%(") == message.count("%("), message
