"""House rules that ruff cannot express; each prints a sentence that says what to do instead."""

import ast
import pathlib
import sys

Offence = tuple[pathlib.Path, int, str]


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


_EVERYBODYS = (
    "asks for rows of every project: take project_id or project_ids (from authz.where_allowed),"
    " or mark it with core.db.platform_wide and the reason"
)


def tenant_tables(root: pathlib.Path) -> frozenset[str]:
    """Return the models whose rows belong to a project."""
    found = set()
    for path in (*root.rglob("models.py"), *root.rglob("tables.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {
                part.target.id
                for part in getattr(node, "body", [])
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            }
            if isinstance(node, ast.ClassDef) and "project_id" in names:
                found.add(node.name)
    return frozenset(found)


def unscoped(path: pathlib.Path, tree: ast.AST) -> list[Offence]:
    """A query over a tenant's table says whose rows, or that it means everybody's and why."""
    if {"core", "migrations"} & set(path.parts):
        return []
    return [
        (
            path,
            node.lineno,
            f"{node.name} {_EVERYBODYS}",
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and _asks_for(node, TENANT)
        and not _says_whose(node)
    ]


def _asks_for(function: ast.AST, tables: frozenset[str]) -> bool:
    return any(
        isinstance(name, ast.Name) and name.id in tables
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "select"
        for argument in call.args
        for name in ast.walk(argument)
    )


def _says_whose(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
    marks = {
        mark.func.id
        for mark in function.decorator_list
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.args
    }
    return bool(arguments & {"project_id", "project_ids"}) or "platform_wide" in marks


TENANT = tenant_tables(pathlib.Path("src"))
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
