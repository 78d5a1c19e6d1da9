from tests.unit.catalog.builders import asked, manifest

from stead.catalog.form import fields, json_schema


def field(
    one: dict[str, object],
    values: dict[str, object] | None = None,
    problems: dict[str, str] | None = None,
):
    return fields(manifest(one), values or {}, problems or {})[0]


def test_a_field_shows_the_default_until_something_was_given():
    one = asked("count", "integer", default=3, required=True, validation={"min": 1, "max": 9})
    shown = field(one)
    assert (shown.kind, shown.value, shown.required) == ("number", "3", True)
    assert (shown.min, shown.max) == (1, 9)
    assert field(one, {"count": "nonsense"}, {"count": "No."}).value == "nonsense"
    assert field(one, {}, {"count": "No."}).problem == "No."


def test_a_secret_is_never_filled_in_again():
    shown = field(asked("key_one", "password"), {"key_one": "hunter2"})
    assert (shown.kind, shown.value) == ("password", "")
    assert field(asked("note", sensitive=True), {"note": "hush"}).value == ""


def test_a_password_that_we_can_make_is_not_demanded_of_people():
    shown = field(asked("key_one", "password", required=True, generate=True))
    assert shown.generate
    assert not shown.required


def test_a_choice_offers_its_values_and_a_port_its_range():
    choice = asked(kind="select", validation={"allowed_values": ["a", "b"]})
    assert field(choice).options == ("a", "b")
    port = field(asked("listen", "port", validation={"min": 1024}))
    assert (port.min, port.max) == (1024, 65535)


def test_visibility_is_told_in_the_words_of_the_form():
    made = manifest(
        asked("tls", "boolean", default=True),
        asked("domain", visible_if={"input": "tls", "equals": True}),
    )
    switch, domain = fields(made, {}, {})
    assert (switch.kind, switch.value) == ("checkbox", "true")
    assert domain.visible_if == ("tls", "true")


def test_the_schema_says_what_the_api_demands():
    made = manifest(
        asked("tls", "boolean", default=False),
        asked("domain", required=True, visible_if={"input": "tls", "equals": True}),
        asked("count", "integer", required=True, validation={"min": 1}),
        asked("key_one", "password", required=True, generate=True, validation={"min_length": 8}),
        asked("colour", "select", default="a", validation={"allowed_values": ["a"]}),
    )
    schema = json_schema(made)
    assert schema["required"] == ["count"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["count"] == {"type": "integer", "title": "Label", "minimum": 1}
    assert schema["properties"]["key_one"]["writeOnly"] is True
    assert schema["properties"]["key_one"]["minLength"] == 8
    assert schema["properties"]["colour"]["enum"] == ["a"]
    assert schema["allOf"] == [
        {
            "if": {"properties": {"tls": {"const": True}}, "required": ["tls"]},
            "then": {"required": ["domain"]},
        }
    ]
