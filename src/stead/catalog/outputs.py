"""Fills in what a finished deployment gives back, such as the URL of a database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from stead.catalog import rules
from stead.catalog.schemas import Manifest, OutputTemplate, Value
from stead.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Output:
    """One thing to copy; a secret stays wrapped until somebody asks to see it."""

    name: str
    label: str
    value: Secret | str
    sensitive: bool


def render_outputs(
    manifest: Manifest,
    values: Mapping[str, Value],
    secrets: Mapping[str, Secret],
    host: str,
    port: int,
    url: str,
) -> list[Output]:
    """Return the outputs in order, leaving out those that name an input without an answer.

    Inside a URL, answers are percent-encoded and an IPv6 host gets its brackets.
    """
    known = {name: _text(value) for name, value in values.items()}
    known.update({name: secret.reveal() for name, secret in secrets.items()})
    known = {name: text for name, text in known.items() if text}
    known.update(host=host, port=str(port), url=url)
    return [
        _render(template, known, secrets)
        for template in manifest.outputs
        if all(name in known for name in rules.placeholders(template.value))
    ]


def _render(
    template: OutputTemplate, known: Mapping[str, str], secrets: Mapping[str, Secret]
) -> Output:
    names = set(rules.placeholders(template.value))
    is_url = re.match(r"[a-z][a-z0-9+.-]*://", template.value) is not None

    def fill(match: re.Match[str]) -> str:
        text = known[match[1]]
        if not is_url:
            return text
        if match[1] == "host":
            return f"[{text}]" if ":" in text else text
        return quote(text, safe="")

    text = re.sub(r"\{([a-z][a-z0-9_]*)\}", fill, template.value)
    sensitive = not names.isdisjoint(secrets)
    return Output(template.name, template.label, Secret(text) if sensitive else text, sensitive)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
