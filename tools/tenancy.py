"""The house rule that keeps projects apart: what touches a tenant's table says whose rows.

A function does so by taking ``project_id`` or ``project_ids`` and using it, or by the mark
``platform_wide`` with a reason. What is looked at: queries, changes and deletions, reading a
row by its id, statements and other names of tables that a module keeps.
"""

import ast
import pathlib
from collections.abc import Iterator

Offence = tuple[pathlib.Path, int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef

_EVERYBODYS = (
    "asks for rows of every project: take project_id or project_ids (from authz.where_allowed),"
    " or mark it with core.db.platform_wide and the reason"
)
_UNUSED = "takes {} and does not use it, so its rows are everybody's"
_SCOPES = frozenset({"project_id", "project_ids"})
# What makes a statement about the tables among its arguments, or reads a row of one.
_STATEMENTS = frozenset({"select", "update", "delete", "select_from", "join", "outerjoin"})
_READING = frozenset({"get", "get_one", "query", "refresh"})
# What a function returns that others go on from.
_UNFINISHED = frozenset({"Select", "Update", "Delete", "CompoundSelect", "Subquery", "CTE"})
# What gives a table another name.
_RENAMING = frozenset({"aliased", "alias", "cast", "tablesample"})


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


TENANT = tenant_tables(pathlib.Path("src"))


def unscoped(path: pathlib.Path, tree: ast.AST) -> list[Offence]:
    """A query over a tenant's table says whose rows, or that it means everybody's and why."""
    if {"core", "migrations"} & set(path.parts):
        return []
    tables = _renamed(tree, TENANT | _imported(tree))
    kept = _kept_statements(tree, tables)
    return [
        (path, node.lineno, f"{node.name} {wrong}")
        for node in _outermost(tree)
        if (wrong := _wrong(node, tables, kept))
    ]


def _wrong(function: Function, tables: frozenset[str], kept: frozenset[str]) -> str:
    known = _renamed(function, tables)
    inside = {name for part in function.body for name in _names(part)}
    if not (inside & kept or any(_touches(node, known) for node in ast.walk(function))):
        return ""
    if _is_marked(function):
        return ""
    arguments = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)} & _SCOPES
    if not arguments:
        return _EVERYBODYS
    unused = arguments - inside
    return _UNUSED.format(" and ".join(sorted(unused))) if unused else ""


def _touches(node: ast.AST, tables: frozenset[str]) -> bool:
    """Tell whether this is a statement over one of these tables, or reads a row of one."""
    if not isinstance(node, ast.Call):
        return False
    called = _called(node)
    if called in _STATEMENTS:
        return any(_mentions(argument) & tables for argument in node.args)
    return called in _READING and any(_is_table(argument, tables) for argument in node.args)


def _imported(tree: ast.AST) -> frozenset[str]:
    """Return what tenants' tables are called here after they were imported by another name."""
    return frozenset(
        one.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for one in node.names
        if one.asname and one.name in TENANT
    )


def _renamed(tree: ast.AST, tables: frozenset[str]) -> frozenset[str]:
    """Return these names and what else this code, apart from functions in it, calls them."""
    while True:
        more = {
            target
            for node in _own(tree)
            for target, value in _given(node)
            if _is_table(value, tables)
        }
        if more <= tables:
            return tables
        tables |= more


def _kept_statements(tree: ast.AST, tables: frozenset[str]) -> frozenset[str]:
    """Return the names of statements over these tables that others here go on from."""
    made_once = {
        target
        for node in _own(tree)
        for target, value in _given(node)
        if any(_touches(part, tables) for part in ast.walk(value))
    }
    begun = {
        node.name
        for node in _outermost(tree)
        if node.returns is not None
        and _mentions(node.returns) & _UNFINISHED
        and any(_touches(part, tables) for part in ast.walk(node))
    }
    return frozenset(made_once | begun)


def _is_table(value: ast.expr, tables: frozenset[str]) -> bool:
    if isinstance(value, ast.Name):
        return value.id in tables
    if isinstance(value, ast.Attribute):
        return value.attr in TENANT or (
            value.attr == "__table__" and _is_table(value.value, tables)
        )
    if isinstance(value, ast.Call) and _called(value) in _RENAMING:
        holder = [value.func.value] if isinstance(value.func, ast.Attribute) else []
        return any(_is_table(one, tables) for one in (*holder, *value.args))
    return False


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return the names that an assignment gives, each with its value."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        targets = [node.target]
    else:
        return
    if node.value is not None:
        yield from ((one.id, node.value) for one in targets if isinstance(one, ast.Name))


def _own(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through code, leaving out the functions in it."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, Function):
            yield node
            yield from _own(node)


def _outermost(tree: ast.AST) -> Iterator[Function]:
    """Return functions and methods; what is inside one is a part of it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node
        else:
            yield from _outermost(node)


def _is_marked(function: Function) -> bool:
    return any(
        isinstance(mark, ast.Call) and _called(mark) == "platform_wide" and mark.args
        for mark in function.decorator_list
    )


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def _names(tree: ast.AST) -> set[str]:
    """Return the names that this code reads."""
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _mentions(tree: ast.AST) -> set[str]:
    """Return the names that this code reads, also those that it reads from a module."""
    return _names(tree) | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
