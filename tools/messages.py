"""Collects the messages of the console into locales/stead.pot.

``--check`` tells whether that file says what the code says.
"""

import ast
import pathlib
import sys
from collections.abc import Iterator

from jinja2 import Environment

from stead.ui.assets import Assets
from stead.ui.languages import MESSAGES
from stead.ui.marking import PlainTexts

SOURCE = pathlib.Path("src/stead")
# Which of their arguments are texts.
SAYERS = {
    "say": (0,),
    "Said": (0,),
    "Badge": (0,),
    "Step": (1,),
    "Setting": (3, 4),
    "trouble": (0,),
    "Problem": (0,),
    "Number": (2,),
}
HEAD = """# Every text of the console. Made by "make messages"; translate it as LANGUAGE/stead.po.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


def of_templates() -> Iterator[str]:
    """Find what the templates say, marked as they are when pages are rendered."""
    jinja = Environment(autoescape=True, extensions=("jinja2.ext.i18n", PlainTexts))
    for path in sorted(SOURCE.glob("*/templates/**/*.html")):
        for _, _, found in jinja.extract_translations(path.read_text(encoding="utf-8")):
            yield from [found] if isinstance(found, str) else [one for one in found if one]


def of_code() -> Iterator[str]:
    """Find literals that are given to what takes texts."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if _talks_to_a_terminal(tree):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                taken = [node.args[at] for at in SAYERS.get(name, ()) if at < len(node.args)]
                for given in taken:
                    if isinstance(given, ast.Constant) and isinstance(given.value, str):
                        yield given.value


def _talks_to_a_terminal(tree: ast.Module) -> bool:
    """Tell whether ``say`` is the command line's here, whose words are not translated."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module in {"stead.entrypoints.terminal", "stead.entrypoints.local"}
        for node in tree.body
    )


def collected() -> str:
    """Return what the template of the catalogs has to say."""
    found = {one for one in (*of_templates(), *of_code(), *Assets().words) if one.strip()}
    return HEAD + "".join(f'\nmsgid {_quoted(one)}\nmsgstr ""\n' for one in sorted(found))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main() -> int:
    """Write, or check; return what to exit with."""
    now = collected()
    if "--check" in sys.argv:
        if MESSAGES.exists() and MESSAGES.read_text(encoding="utf-8") == now:
            return 0
        sys.stderr.write(f"{MESSAGES} does not say what the code says: run make messages\n")
        return 1
    MESSAGES.parent.mkdir(exist_ok=True)
    MESSAGES.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
