import pytest
from tests.unit.catalog.builders import asked, described, manifest, text

from stead.catalog import document, lint
from stead.catalog.errors import PackageError


def problems_of(source: bytes):
    with pytest.raises(PackageError) as caught:
        lint.parse(document.read("manifest.yml", source))
    return caught.value.problems


def fault(*inputs: dict[str, object], **changes: object):
    return "\n".join(map(str, problems_of(text(described(inputs=list(inputs), **changes)))))


def test_the_smallest_manifest_is_accepted():
    assert manifest().scripts == ("install.sh",)


@pytest.mark.parametrize("source", [b"", b"- a\n", b"just words", b"1"])
def test_anything_but_a_mapping_is_refused(source: bytes):
    assert problems_of(source)


def test_every_fault_of_shape_is_told_at_once_with_line_and_fix():
    source = (
        text(described(version="1.0")).replace(b"'1.0'", b"1.0").replace(b"author", b"authority")
    )
    told = [str(problem) for problem in problems_of(source)]
    assert "manifest.yml:1: author is missing; add author" in told
    assert "manifest.yml:3: version is not text; put the value in quotes" in told
    assert "manifest.yml:6: authority is not a key of a manifest; write author" in told


def test_a_fault_inside_an_input_names_its_place():
    source = text(described(inputs=[asked(), asked("other", "colour")]))
    (problem,) = problems_of(source)
    assert "inputs.1.type" in problem.message
    assert source.decode().splitlines()[problem.line - 1].strip() == "type: colour"


@pytest.mark.parametrize("name", ["Demo", "demo_1", "-demo", "demo-", "a" * 41, "", "../etc"])
def test_an_id_is_a_name(name: str):
    assert "id" in fault(id=name)


@pytest.mark.parametrize("script", ["../x.sh", "/bin/sh", "a/b.sh", "", ".hidden", "A B"])
def test_a_script_is_a_file_of_the_package(script: str):
    assert "install_script" in fault(install_script=script)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (asked("path"), "reserved"),
        (asked("ld_preload"), "reserved"),
        (asked("shellopts"), "reserved"),
        (asked("bashopts"), "reserved"),
        (asked("uid"), "reserved"),
        (asked("port", "port"), "reserved"),
        (asked(kind="password", default="hunter2hunter2"), "default secret"),
        (asked(sensitive=True, default="hunter2"), "default secret"),
        (asked("admin_password", default="hunter2"), "sounds like a secret"),
        (asked("api_token", default="hunter2"), "sounds like a secret"),
        (asked(kind="integer", sensitive=True), "no text"),
        (asked(generate=True), "no password"),
        (asked(kind="password", generate=True, validation={"max_length": 8}), "24 letters"),
        (asked(kind="select"), "nothing to select"),
        (asked(kind="select", default="c", validation={"allowed_values": ["a"]}), "own default"),
        (asked(kind="integer", default=9, validation={"max": 8}), "own default"),
        (asked(kind="port", default=70000), "own default"),
        (asked(validation={"pattern": "[a-z]+"}), "anchored"),
        (asked(validation={"pattern": "^[a-z$"}), "cannot be used"),
        (asked(validation={"pattern": r"^(a)\1$"}), "cannot be used"),
        (asked(validation={"pattern": "^(?=a)a$"}), "cannot be used"),
        (asked(validation={"min": 1}), "not made for string"),
        (asked(kind="integer", validation={"max_length": 1}), "not made for integer"),
        (asked(kind="integer", validation={"min": 2, "max": 1}), "above its highest"),
        (asked(visible_if={"input": "later", "equals": True}), "no earlier input"),
        (asked(visible_if={"input": "value", "equals": "x"}), "no earlier input"),
    ],
)
def test_a_wrong_input_is_refused(change: dict[str, object], words: str):
    assert words in fault(change)


def test_an_input_is_declared_once():
    assert "declared twice" in fault(asked(), asked())


def test_visibility_waits_for_a_possible_value_of_something_public():
    switch = asked("tls", "boolean")
    assert "impossible" in fault(switch, asked(visible_if={"input": "tls", "equals": "maybe"}))
    secret = asked("secret_one", "password")
    assert "secret" in fault(secret, asked(visible_if={"input": "secret_one", "equals": "x"}))


def test_a_pattern_that_would_hang_a_backtracking_matcher_is_harmless():
    made = manifest(asked(validation={"pattern": "^(a+)+$"}))
    assert made.inputs[0].validation.pattern == "^(a+)+$"


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"protocol": "tcp", "port": 1, "path": "/"}, "no path"),
        ({"protocol": "http", "port": 1, "probe": {"send": "00", "expect": "x"}}, "no probe"),
        ({"protocol": "http", "port": 0}, "port"),
        ({"protocol": "http", "port": {"input": "missing"}}, "may have no port"),
        ({"protocol": "http", "port": {"input": "value"}}, "may have no port"),
        ({"protocol": "tcp", "port": 1, "probe": {"send": "0g", "expect": "x"}}, "send"),
        ({"protocol": "tcp", "port": 1, "probe": {"send": "00", "expect": "("}}, "expression"),
        ({"protocol": "http", "port": 1, "path": "no-slash"}, "path"),
    ],
)
def test_a_wrong_service_is_refused(service: dict[str, object], words: str):
    assert words in fault(asked(), services=[{"name": "web", **service}])


@pytest.mark.parametrize(
    ("template", "words"),
    [("{missing}", "no input"), ("{", "brace"), ("{host}}", "brace"), ("{Host}", "brace")],
)
def test_an_output_names_what_exists(template: str, words: str):
    assert words in fault(outputs=[{"name": "address", "label": "Address", "value": template}])


def test_the_port_of_a_service_may_come_from_an_input():
    made = manifest(
        asked("listen", "port", required=True, default=8080),
        services=[{"name": "web", "protocol": "http", "port": {"input": "listen"}}],
    )
    assert made.service_port(made.services[0], {"listen": 8081}) == 8081


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"os_requirements": {"family": ["debian"], "min_version": "twelve"}}, "min_version"),
        (
            {"os_requirements": {"family": ["debian"], "min_version": {"ubuntu": "20.04"}}},
            "family",
        ),
        ({"id": "schema"}, "word of the catalog"),
        ({"dependencies": [{"package": "demo"}]}, "names the app itself"),
        ({"dependencies": [{"package": "redis"}, {"package": "redis"}]}, "names redis twice"),
        ({"dependencies": [{"package": "redis", "version": "about 1"}]}, "version"),
        ({"metrics": {"service": "missing"}}, "serves no figures"),
        ({"data": ["/var/lib"]}, "belongs to the system"),
        ({"data": ["/var/lib/../x"]}, "data"),
        ({"data": ["/var/lib/demo"]}, "never backed up"),
        ({"backup_script": "backup.sh"}, "restore_script is missing"),
        ({"restore_script": "restore.sh"}, "backup_script is missing"),
    ],
)
def test_a_wrong_demand_is_refused(change: dict[str, object], words: str):
    assert words in fault(**change)


def test_systems_may_be_named_as_the_first_platform_did():
    both = {"family": ["ubuntu", "debian"], "min_version": "20.04"}
    assert manifest(os_requirements=both).os_requirements.lowest == {
        "ubuntu": "20.04",
        "debian": "",
    }
