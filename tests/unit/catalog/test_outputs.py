from tests.unit.catalog.builders import asked, manifest

from stead.catalog.loader import BUILT_IN, load
from stead.catalog.outputs import Output, render_outputs
from stead.kit.secrets import Secret


def rendered(
    template: str,
    values: dict[str, str] | None = None,
    secrets: dict[str, str] | None = None,
    host: str = "10.0.0.2",
):
    made = manifest(
        asked("database"),
        asked("password", "password"),
        outputs=[{"name": "one", "label": "One", "value": template}],
    )
    hidden = {name: Secret(value) for name, value in (secrets or {}).items()}
    return render_outputs(made, values or {}, hidden, host, 5432, "https://x.example/")


def test_an_output_that_tells_a_secret_is_a_secret():
    (output,) = rendered("{password}", secrets={"password": "hunter2"})
    assert output == Output("one", "One", Secret("hunter2"), sensitive=True)
    assert "hunter2" not in repr(output)


def test_an_output_without_secrets_is_plain_text():
    (output,) = rendered("{url} on {host}:{port}", secrets={"password": "x"})
    assert output.value == "https://x.example/ on 10.0.0.2:5432"
    assert not output.sensitive


def test_answers_inside_a_url_are_encoded():
    (output,) = rendered(
        "db://:{password}@{host}:{port}/{database}",
        {"database": "a/b"},
        {"password": "p@ss:w/rd%{host}"},
        host="fd00::1",
    )
    assert isinstance(output.value, Secret)
    assert output.value.reveal() == "db://:p%40ss%3Aw%2Frd%25%7Bhost%7D@[fd00::1]:5432/a%2Fb"


def test_an_output_about_something_unanswered_is_left_out():
    assert rendered("{database}") == []
    assert rendered("{database}", {"database": ""}) == []


def test_the_shipped_databases_give_urls():
    made = load([BUILT_IN]).packages["redis"].manifest
    found = render_outputs(made, {}, {"password": Secret("s")}, "r.example", 6379, "")
    assert isinstance(found[0].value, Secret)
    assert found[0].value.reveal() == "redis://:s@r.example:6379/0"
