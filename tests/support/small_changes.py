"""Small changes of a module that a good test notices: another comparison, number or operator, no call.

What no test can notice, or should, is left out by rule:

- annotations, and what is worked out inside words (an f-string, what a log is told);
- switches that only guard against a mistake of ours: ``strict=``, ``frozen=``, ``slots=``, ``daemon=``;
- how much is read, kept or done at a time, and how long is waited between two looks: numbers written
  ``1 << n``, those of a constant named so (``_CHUNK``, ``_LOOK_SECONDS``), what ``sleep`` and ``wait`` take;
- versions of analyses, which the hashes of their outputs keep (``tests/test_versions.py``);
- what would reach beyond the test: arguments of ``kill`` and ``killpg``.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_COMPARED: Final = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: Final = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip
_GUARDS: Final = {"strict", "frozen", "slots", "kw_only", "daemon", "stacklevel"}
_TOLD: Final = {"tell", "note", "debug", "info", "warning"}
_WAITED: Final = {"sleep", "wait", "lru_cache", "kill", "killpg"}
_LEFT_OUT: Final = re.compile(r"CHUNK|PIECE|BUFFER|PORTION|TOGETHER|LOOK|POLL|PAUSE|QUEUED|AT_ONCE|VERSION$")


class Change(NamedTuple):
    """A changed module: the line, what was there and is there now, and the whole text."""

    line: int
    change: str
    text: str


def changes(source: str, count: int, chance: random.Random) -> list[Change]:
    r"""Draw some of the changes of a module, each alone.

    Examples
    --------
    >>> import random
    >>> [found.change for found in changes("def f(a):\n    return a < 3", 9, random.Random(1))]
    ['a < 3 -> a <= 3', '3 -> 4']
    """
    number = len(_places(ast.parse(source)))
    return [_changed(source, at) for at in sorted(chance.sample(range(number), min(count, number)))]


def _changed(source: str, at: int) -> Change:
    tree = ast.parse(source)
    node = _places(tree)[at]
    before = ast.unparse(node)
    _change(node)
    return Change(node.lineno, f"{before} -> {ast.unparse(node)}", ast.unparse(tree))


def _places(tree: ast.Module) -> list[ast.expr | ast.Expr]:
    """List what can be changed."""
    left_out = {id(part) for root in _left_out(tree) for part in ast.walk(root)}
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.expr | ast.Expr) and id(node) not in left_out and _is_changeable(node)
    ]


def _left_out(tree: ast.Module) -> Iterator[ast.AST]:
    """Give the parts of a module that stay as they are."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr() | ast.BinOp(op=ast.LShift(), left=ast.Constant()):
                yield node
            case ast.keyword(arg=name) if name in _GUARDS:
                yield node
            case ast.Call() | ast.Expr(value=ast.Call()):
                yield from _left_out_of_call(node)
            case ast.arg(annotation=ast.expr() as note) | ast.FunctionDef(returns=ast.expr() as note):
                yield note
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _LEFT_OUT.search(name):
                yield value
            case ast.AnnAssign(target=target, annotation=note, value=value):
                yield note
                if value is not None and _LEFT_OUT.search(ast.unparse(target)):
                    yield value


def _left_out_of_call(node: ast.Call | ast.Expr) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Call() as call) | (ast.Call() as call) if _name(call) in _TOLD:
            yield node
        case ast.Call(args=arguments, keywords=keywords) if _name(node) in _WAITED:
            yield from (*arguments, *keywords)


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _is_changeable(node: ast.expr | ast.Expr) -> bool:
    match node:
        case ast.Compare(ops=[operator]):
            return type(operator) in _COMPARED
        case ast.BinOp(op=operator):
            return type(operator) in _COMPUTED
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Expr(value=ast.Call()):
            return True
        case ast.Constant(value=value):
            return isinstance(value, bool | int | float)
    return False


def _change(node: ast.expr | ast.Expr) -> None:
    match node:
        case ast.Compare(ops=[operator]):
            node.ops = [_COMPARED[type(operator)]()]
        case ast.BinOp(op=operator):
            node.op = _COMPUTED[type(operator)]()
        case ast.BoolOp(op=operator):
            node.op = ast.Or() if isinstance(operator, ast.And) else ast.And()
        case ast.UnaryOp():
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Expr():
            node.value = ast.Constant(...)
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.Constant(value=float(value)):
            node.value = 2 * value or 1.0
