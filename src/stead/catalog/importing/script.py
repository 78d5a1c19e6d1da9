"""Turns the text of an install script into one that asks nobody; it is never run or sourced.

Bodies of here-documents are left as they are. What cannot be decided from the text alone is
noted with its line, for a person.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_HEREDOC: Final = re.compile(r"<<-?\s*(?:\\?(\w+)|'(\w+)'|\"(\w+)\")")
_PROMPT: Final = re.compile(
    r"^(?P<indent>\s*)read(?P<flags>(?:\s+-[a-zA-Z]+)*?)\s+(?:-[a-zA-Z]*p)\s*"
    r"(?P<quote>[\"'])(?P<text>.*?)(?P=quote)\s+(?P<variable>[A-Za-z_]\w*)\s*$"
)
_READS: Final = re.compile(r"(^|[;&|]\s*|\bthen\s+|\bdo\s+)read\b")
_CHOICE: Final = re.compile(r"[<(\[]\s*([yY])\s*/\s*([nN])\s*[>)\]]")
_COLOUR: Final = re.compile(r"\$\{?(?:TAB\d*|CL|GN|YW|BL|RD|BGN|CM|CROSS|INFO)\}?")
# What prepares the container, or speaks to a terminal: not there, or the platform's own work.
_FRAME: Final = re.compile(
    r"^\s*(?:color|verb_ip6|catch_errors|setting_up_container|network_check|update_os|motd_ssh|"
    r"customize|cleanup_lxc|install_core_deps|header_info.*)\s*$"
)
_LIBRARY: Final = re.compile(r"^\s*(?:source|\.)\s+.*(?:FUNCTIONS_FILE_PATH|\.func\b|/dev/stdin)")
_CALL: Final = re.compile(r"^\s*(?:\w+=\S*\s+)*(?:\$STD\s+)?(?P<name>[a-z_]\w*)\b(?P<more>.*)$")
_HELPER: Final = re.compile(
    r"(?:fetch_and_deploy|check_for|get_latest|setup|import|create|generate|get|ensure|manage|"
    r"prepare|verify|safe)_\w+"
)
_DEFINED: Final = re.compile(r"^\s*(?:function\s+)?([a-z_]\w*)\s*\(\)")
_RISKS: Final = (
    (r"(?:curl|wget)\b[^|]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b", "runs what a server sends"),
    (r"(?:ba)?sh\s+(?:-c\s+\"?\$\(|<\()\s*(?:curl|wget)", "runs what a server sends"),
    (r"gpg --dearmor|apt-key|sources\.list\.d|signed-by", "trusts another source of packages"),
    (r"\b(?:curl|wget)\b", "downloads something: compare a checksum or a signature"),
    (r"releases/latest|:latest\b", "takes whatever is the latest: name a version"),
    (r"\bpip3? install\b|\bnpm (?:install|i)\b|\byarn\b|\bpnpm\b", "installs without hashes"),
    (r"\bgit clone\b", "takes whatever a branch holds: name a commit"),
    (r"\b(?:whiptail|dialog)\b|^\s*select\s", "opens a dialogue that nobody can answer"),
    (r"\bexpect\b", "answers a dialogue, perhaps with a fixed password"),
    (r"/etc/(?:ssh|passwd|shadow|sudoers)\b|\bchpasswd\b|\bpasswd\b", "changes who may sign in"),
    (r"\bmodprobe\b|/dev/(?:dri|kvm|net/tun|fuse)", "needs a device of the host"),
    (r"\breboot\b|\bshutdown\b", "restarts the container"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt that became an input, answered as the author suggests."""

    name: str
    text: str
    line: int
    kind: str
    default: bool | str | None


@dataclass(slots=True)
class Rewritten:
    """The new script, its questions, and what a person has to decide."""

    lines: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)


def rewrite(text: str) -> Rewritten:
    """Return a script that asks nobody."""
    made = Rewritten()
    source = text.splitlines()
    known = {found[1] for line in source if (found := _DEFINED.match(line))}
    for number, line, literal in _marked(source[1:] if text.startswith("#!") else source):
        at = number + (1 if text.startswith("#!") else 0)
        if literal or line.lstrip().startswith("#"):
            made.lines.append(line)
            continue
        made.lines.append(_line(made, at, line))
        _note(made, at, line, known)
    return made


def _marked(lines: list[str]) -> Iterator[tuple[int, str, bool]]:
    """Yield number and text of each line, and whether it is the body of a here-document."""
    waiting: list[str] = []
    for number, line in enumerate(lines, 1):
        if waiting:
            if line.strip() == waiting[0]:
                waiting.pop(0)
            yield number, line, True
            continue
        code = "" if line.lstrip().startswith("#") else line.replace("<<<", "")
        waiting = [next(filter(None, found)) for found in _HEREDOC.findall(code)]
        yield number, line, False


def _line(made: Rewritten, at: int, line: str) -> str:
    if _FRAME.match(line) or _LIBRARY.match(line):
        return ""
    found = _PROMPT.match(line)
    return _answer(made, at, found) if found else line


def _answer(made: Rewritten, at: int, found: re.Match[str]) -> str:
    """Return the line that answers a prompt from an input."""
    text = " ".join(_COLOUR.sub("", found["text"]).replace("\\n", " ").split()).strip(" :")
    choice = _CHOICE.search(text)
    label = _CHOICE.sub("", text).strip(" :?") or found["variable"]
    name = _free_name(label, {one.name for one in made.questions})
    variable = name.upper()
    if choice:
        default = choice[1] == "Y" and choice[2] == "n"
        made.questions.append(Question(name, label, at, "boolean", default))
        word = f'"$([ "${variable}" = true ] && echo y || echo n)"'
        return f"{found['indent']}{found['variable']}={word}"
    secret = "s" in found["flags"] or re.search(r"(?i)password|token|secret", label)
    kind = "password" if secret else "string"
    made.questions.append(Question(name, label, at, kind, None))
    return f'{found["indent"]}{found["variable"]}="${variable}"'


def _free_name(label: str, taken: set[str]) -> str:
    words = re.findall(r"[a-z0-9]+", label.lower())
    plain = [word for word in words if word not in {"would", "you", "like", "to", "the", "a"}]
    # The prefix keeps it apart from what shells and programs read from their surroundings.
    stem = "ask_" + "_".join(plain or ["value"])[:30].strip("_")
    numbered = (f"{stem}_{at}" for at in range(2, 100))
    return stem if stem not in taken else next(name for name in numbered if name not in taken)


def _note(made: Rewritten, at: int, line: str, known: set[str]) -> None:
    if _LIBRARY.match(line) or _FRAME.match(line):
        return
    if _READS.search(line) and not _PROMPT.match(line) and "while" not in line:
        made.notes.append((at, "reads an answer from somebody in a way that was not understood"))
    call = _CALL.match(line)
    if call and _HELPER.fullmatch(call["name"]) and call["name"] not in known:
        is_plain = not call["more"].startswith(("=", "(", "+"))
        if is_plain:
            made.notes.append((at, f"calls {call['name']}, which comes from their library"))
    for pattern, what in _RISKS:
        if re.search(pattern, line):
            made.notes.append((at, what))
            break
