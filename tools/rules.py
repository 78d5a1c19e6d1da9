"""House rules that ruff cannot express; each prints a sentence that says what to do instead."""

import ast
import pathlib
import sys

from tools.tenancy import Offence, unscoped


def commits(path: pathlib.Path, tree: ast.AST) -> list[Offence]:
    """A transaction ends where it began: in core.db, and for the schema in migrations."""
    if {"core", "migrations"} & set(path.parts):
        return []
    return [
        (path, node.lineno, "only core.db commits; take a unit of work from Database.write()")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]


def broad_excepts(path: pathlib.Path, tree: ast.AST) -> list[Offence]:
    """``except BaseException`` hides cancellation."""
    return [
        (path, node.lineno, "catch the errors you can name")
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id == "BaseException")
        )
    ]


RULES = (commits, broad_excepts, unscoped)


def offences(root: pathlib.Path) -> list[Offence]:
    """Apply every rule to every module below root."""
    found: list[Offence] = []
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for rule in RULES:
            found.extend(rule(path, tree))
    return found


def main() -> int:
    """Print what breaks a rule; anything fails the build."""
    found = offences(pathlib.Path("src"))
    for path, line, sentence in found:
        sys.stderr.write(f"{path}:{line}: {sentence}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
