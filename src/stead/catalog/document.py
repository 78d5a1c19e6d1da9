"""Reads one YAML document into plain values and remembers the line of each.

Narrower than YAML on purpose: no aliases, no tags, no repeated keys, and the words that YAML
turns into something else (yes, 1:30, 0x1f) are refused, so a manifest means what it shows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from stead.catalog.errors import PackageError, Problem

Where = tuple[str | int, ...]
_DEPTH_LIMIT: Final = 16
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
_TAGS: Final = {
    f"tag:yaml.org,2002:{name}"
    for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
}


@dataclass(frozen=True, slots=True)
class Document:
    """A document's values and the line on which each of them begins."""

    file: str
    value: object
    lines: dict[Where, int] = field(default_factory=dict)

    def problem(self, where: Where, message: str, fix: str) -> Problem:
        """Describe a fault at a place, or at the nearest place above it that is written."""
        known = where
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.file, self.lines.get(known), message, fix)


def read(file: str, data: bytes) -> Document:
    """Parse a document; raises PackageError naming the line."""
    try:
        text = data.decode("utf-8")
        _refuse_bombs(file, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(file, line, "is not UTF-8", "save it as UTF-8 text")
        raise PackageError(problem) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = error.problem or "is not YAML"
        problem = Problem(file, line, reason, "correct the YAML on or just above this line")
        raise PackageError(problem) from error
    except yaml.YAMLError as error:
        problem = Problem(file, 1, "has a character YAML does not allow", "remove it")
        raise PackageError(problem) from error
    document = Document(file, None)
    if node is None:
        return document
    return Document(file, _value(document, node, ()), document.lines)


def _refuse_bombs(file: str, text: str) -> None:
    """Walk the flat stream of events first: no recursion, nothing expanded."""
    depth = 0
    for event in _events(text):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            problem = Problem(file, line, "uses an alias", "write the value out again")
            raise PackageError(problem)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH_LIMIT:
            problem = Problem(file, line, "is nested too deeply", "flatten it")
            raise PackageError(problem)


def _events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
    return events


def _value(document: Document, node: yaml.Node, where: Where) -> object:
    document.lines.setdefault(where, node.start_mark.line + 1)
    if node.tag not in _TAGS:
        raise PackageError(document.problem(where, f"has the tag {node.tag}", "remove the tag"))
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, where)
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, item, (*where, at)) for at, item in enumerate(node.value)]
    return _scalar(document, node, where)


def _mapping(document: Document, node: yaml.MappingNode, where: Where) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        here = (*where, name)
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            raise PackageError(
                Problem(document.file, line, "has a key that is no word", "name it")
            )
        if name in found:
            problem = Problem(document.file, line, f"says {name} twice", "keep one of them")
            raise PackageError(problem)
        document.lines[here] = line
        found[name] = _value(document, item, here)
    return found


def _scalar(document: Document, node: yaml.Node, where: Where) -> object:
    text = str(node.value)
    kind = str(node.tag).rpartition(":")[2]
    if kind in ("str", "timestamp"):
        return text
    if kind == "null":
        return None
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "int" and _WHOLE.fullmatch(text):
        return int(text)
    if kind == "float" and _DECIMAL.fullmatch(text):
        return float(text)
    fix = "put it in quotes, or write true, false or a plain decimal number"
    raise PackageError(document.problem(where, f"{text[:40]} can be read in two ways", fix))
