"""What a translation may not do."""

import pytest
from babel.messages.catalog import Message
from tools import messages, translations


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("%(name)s löschen", []),
        ("%(nom)s löschen", ["has other placeholders"]),
        ("löschen", ["has other placeholders"]),
        ("<b>%(name)s</b>", ["brings markup"]),
        ('%(name)s" onload="x', ["brings markup"]),
    ],
)
def test_a_translation_keeps_placeholders_and_brings_no_markup(said: str, why: list[str]):
    assert translations.offences(Message("Remove %(name)s", said)) == why


def test_messages_come_from_templates_code_and_scripts():
    text = messages.collected()
    for one in ("Nothing runs here yet", "Taken back", "Reconnecting…"):
        assert f'msgid "{one}"' in text
    assert "Nothing more is sent there" not in text, "what the command line says is not translated"
