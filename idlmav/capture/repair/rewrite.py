"""Rewrite functions so that the runtime notes statements, calls and attributes that fail, and the rest runs."""

from __future__ import annotations
import __future__

import ast
import inspect
import textwrap
import threading
from collections import ChainMap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, reduce
from types import CodeType, FrameType, FunctionType
from typing import Any

from idlmav.capture.python_private import functions_with

__all__ = ["handles", "has_source", "rewritten_code", "swapped"]

_RUNTIME = "<runtime of idlmav.capture.repair>"
"""Constant in the rewritten source; in the compiled code the runtime takes its place."""
_BARE = frozenset({"super", "locals", "vars", "globals", "eval", "exec", "dir", "isinstance", "issubclass", "hasattr"})
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_LEFT_ALONE = (
    ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass, ast.Break, ast.Continue,
    ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith,
)  # fmt: skip
_COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Match)


class _Rewriter(ast.NodeTransformer):
    """Rewrites statements, calls, attributes and names into calls of the runtime."""

    def __init__(self, local: frozenset[str]) -> None:
        self.local = local

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load) or node.id in self.local or node.id in _BARE:
            return node
        return _call("name", [ast.Constant(node.id)], [], node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in _BARE:
            return node
        function = node.func
        node = self.generic_visit(node)  # type: ignore[assignment]
        if isinstance(function, ast.Attribute):
            assert isinstance(node.func, ast.Call)  # what `visit_Attribute` has made of it
            return _call("method", [*node.func.args, *node.args], node.keywords, node)
        return _call("call", [node.func, *node.args], node.keywords, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node = self.generic_visit(node)  # type: ignore[assignment]
        if not isinstance(node.ctx, ast.Load):
            return node
        return _call("get", [node.value, ast.Constant(node.attr)], [], node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        slices = any(isinstance(part, (ast.Slice, ast.Starred)) for part in parts)
        node = self.generic_visit(node)  # type: ignore[assignment]
        if not isinstance(node.ctx, ast.Load) or slices:
            return node
        return _call("item", [node.value, node.slice], [], node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Rewrite the body; at its end, return an assumed result if a statement failed."""
        # Decorators, defaults and annotations are evaluated before anything can fail in the body.
        last, end = node.body[-1], ast.parse(f"return {_RUNTIME!r}.ended(locals())").body[0]
        node.body = self.block(node.body)
        if not any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(node)):
            node.body.append(_at(end, last))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.body = self.visit(node.body)
        return node

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements, each in a ``try``."""
        return [self.statement(statement) for statement in statements]

    def statement(self, node: ast.stmt) -> ast.stmt:
        """Return a statement inside a ``try`` that hands exceptions to the runtime."""
        if isinstance(node, _LEFT_ALONE):
            return node
        if isinstance(node, ast.FunctionDef):
            return self.visit(node)
        loads = _names(_head(node), ast.Load)
        stores = [] if isinstance(node, _COMPOUND) else _names([node], ast.Store)
        if isinstance(node, ast.Try):
            return self._handled(node)
        for name in ("body", "orelse"):
            if isinstance(getattr(node, name, None), list):
                setattr(node, name, self.block(getattr(node, name)))
        if isinstance(node, ast.Match):
            for case in node.cases:
                case.body = self.block(case.body)
        else:
            for name, value in ast.iter_fields(node):
                if isinstance(value, ast.expr):
                    setattr(node, name, self.visit(value))
        if isinstance(node, ast.Assign) and (count := _unpacked(node.targets)):
            node.value = _call("unpack", [node.value, ast.Constant(count)], [], node.value)
        if isinstance(node, ast.While):
            node.test = ast.copy_location(ast.BoolOp(ast.And(), [_call("goes_on", [], [], node), node.test]), node)
        return _in_try(node, loads, stores)

    def _handled(self, node: ast.Try) -> ast.stmt:
        """Rewrite the handlers of a ``try``, but not its body, where the model expects the error."""
        if not node.handlers:
            node.body = self.block(node.body)
        for handler in node.handlers:
            handler.body = self.block(handler.body)
        node.orelse, node.finalbody = self.block(node.orelse), self.block(node.finalbody)
        return _in_try(node, _names([node], ast.Load), _names(node.body, ast.Store))


def _unpacked(targets: list[ast.expr]) -> int:
    """Return into how many variables an assignment unpacks; 0 if it does not, or not into a fixed number."""
    target = targets[0]
    if len(targets) > 1 or not isinstance(target, (ast.Tuple, ast.List)):
        return 0
    return 0 if any(isinstance(part, ast.Starred) for part in target.elts) else len(target.elts)


def _assigned(definition: ast.FunctionDef, free: Iterable[str]) -> frozenset[str]:
    """Return the names that a function, or one inside it, assigns."""
    found = {*free}
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        else:
            bound = getattr(node, "name", None), getattr(node, "rest", None), getattr(node, "asname", None)
            found.update(name for name in bound if isinstance(name, str))
            found.update(alias.name.partition(".")[0] for alias in getattr(node, "names", []) if hasattr(alias, "name"))
    return frozenset(found)


class _PrivateNames(ast.NodeTransformer):
    """Writes private names (``self.__x``) as Python does in a class, because rewritten code is compiled outside of it."""

    def __init__(self, owner: str) -> None:
        self.prefix = f"_{owner.lstrip('_')}"

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node  # has private names of its own

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field, value in ast.iter_fields(node):
            if field in ("id", "attr", "arg", "name", "asname", "rest") and isinstance(value, str):
                setattr(node, field, self._written(value))
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                node.names = [self._written(name) for name in node.names]
        return super().generic_visit(node)

    def _written(self, name: str) -> str:
        private = name.startswith("__") and not name.endswith("__") and "." not in name
        return self.prefix + name if private else name


def _owner(code: CodeType) -> str:
    """Return the name of the class that a function is written in; empty if there is none."""
    parts = code.co_qualname.split(".")[:-1]
    while parts and parts[-1] == "<locals>":
        parts = parts[:-2]  # with the function around it
    return parts[-1] if parts else ""


def _call(name: str, args: list[ast.expr], keywords: list[ast.keyword], like: ast.AST) -> ast.Call:
    function = ast.Attribute(ast.Constant(_RUNTIME), name, ast.Load())
    made = ast.copy_location(ast.Call(function, args, keywords), like)
    return ast.fix_missing_locations(made)


def _head(node: ast.stmt) -> list[ast.AST]:
    """Return the expressions of a statement, without the statements in it."""
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, (ast.If, ast.While)):
        return [node.test]
    if isinstance(node, ast.With):
        return [item.context_expr for item in node.items]
    return [node]


def _names(nodes: Iterable[ast.AST], context: type[ast.expr_context]) -> list[str]:
    found = []
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            found.append(node.id)
        own_scope = isinstance(node, (ast.Lambda, ast.FunctionDef, ast.comprehension))
        if not (own_scope and context is ast.Store):
            found += _names(ast.iter_child_nodes(node), context)
    return list(dict.fromkeys(found))


def _at(statement: ast.stmt, like: ast.stmt) -> ast.stmt:
    """Give a statement and all its parts the line of another."""
    for part in ast.walk(statement):
        ast.copy_location(part, like)
    return statement


def _in_try(node: ast.stmt, loads: list[str], stores: list[str]) -> ast.stmt:
    stores = [""] if isinstance(node, ast.Return) else stores
    texts = [f"({''.join(f'{name!r}, ' for name in names)})" for names in (loads, stores)]
    failed = f"{_RUNTIME!r}.failed(__idlmav_error, locals(), {', '.join(texts)})"
    if isinstance(node, ast.Return):
        failed = f"return {failed}[0]"
    elif stores:
        failed = f"{''.join(f'{name}, ' for name in stores)} = {failed}"
    handler = f"except {_RUNTIME!r}.MODEL_ERRORS as __idlmav_error:\n    __idlmav_failed = True\n    {failed}\n"
    template = _at(ast.parse(f"try:\n    pass\n{handler}").body[0], node)
    assert isinstance(template, ast.Try)
    template.body = [node]
    return template


def _parsed(code: CodeType) -> tuple[ast.Module, int]:
    """Return the syntax tree of a function's source, empty if that cannot be read, and its first line."""
    try:
        lines, start = inspect.getsourcelines(code)
        return ast.parse(textwrap.dedent("".join(lines))), start
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], []), 1


def _definition(code: CodeType) -> tuple[ast.FunctionDef, int] | None:
    """Return the syntax tree of a function, and how many lines come before its source."""
    if code.co_name in ("<lambda>", "<module>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"):
        return None
    tree, start = _parsed(code)
    definition = tree.body[0] if tree.body else None
    if not isinstance(definition, ast.FunctionDef) or definition.name != code.co_name:
        return None
    return definition, start - 1


@lru_cache(maxsize=1 << 10)
def has_source(code: CodeType) -> bool:
    """Return whether the source of a function can be read."""
    return _definition(code) is not None


def rewritten_code(code: CodeType, runtime: Any) -> CodeType | None:
    """
    Return a function's code with every statement inside a ``try``; ``None`` without source.

    Lines are those of the original. The code calls an object with the functions of `idlmav.capture.repair.runtime`.
    """
    found = _definition(code)
    if found is None:
        return None
    definition, before = found
    if _owner(code).strip("_"):
        name = definition.name
        _PrivateNames(_owner(code)).visit(definition)
        definition.name = name
    definition.decorator_list, definition.returns = [], None
    definition.args.defaults = [ast.copy_location(ast.Constant(None), default) for default in definition.args.defaults]
    tree = ast.Module([_Rewriter(_assigned(definition, code.co_freevars)).visit_FunctionDef(definition)], [])
    if code.co_freevars:
        # Inside a function with variables of these names, so that the closure fits.
        outer = ast.parse(f"def outer({', '.join(code.co_freevars)}): pass").body[0]
        assert isinstance(outer, ast.FunctionDef)
        outer.body, tree.body = tree.body, [outer]
    ast.increment_lineno(ast.fix_missing_locations(tree), before)
    try:
        compiled = compile(tree, code.co_filename, "exec", flags=code.co_flags & _FUTURES, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    made = next((inner for inner in _codes_in(compiled) if inner.co_name == code.co_name), None)
    if made is None or made.co_freevars != code.co_freevars:
        return None
    return _with_runtime(made, runtime).replace(co_qualname=code.co_qualname)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)


def _with_runtime(code: CodeType, runtime: Any) -> CodeType:
    constants = [_with_runtime(one, runtime) if isinstance(one, CodeType) else one for one in code.co_consts]
    return code.replace(co_consts=tuple([runtime if one == _RUNTIME else one for one in constants]))


_lock = threading.Lock()
_swapped: dict[CodeType, tuple[int, list[FunctionType]]] = {}


@contextmanager
def swapped(original: CodeType, replacement: CodeType) -> Iterator[None]:
    """
    Let functions run other code, in all threads, until the last context is left.

    The runtime in the replacement changes nothing in threads that do not capture.
    """
    try:
        with _lock:
            users, functions = _swapped.get(original) or (0, functions_with(original))
            for function in functions if not users else ():
                function.__code__ = replacement
            _swapped[original] = users + 1, functions
        yield
    finally:
        with _lock:
            users, functions = _swapped.pop(original, (0, []))
            if users > 1:
                _swapped[original] = users - 1, functions
            for function in functions if users == 1 else ():
                function.__code__ = original


@lru_cache(maxsize=1 << 10)
def _expectations(code: CodeType) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    """Return first and last line of every ``try`` with the names of the exceptions that it handles."""
    tree, start = _parsed(code)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and node.handlers:
            kinds: list[str] = []
            for handler in node.handlers:
                kind = handler.type
                parts = kind.elts if isinstance(kind, ast.Tuple) else [kind]
                kinds += ["BaseException" if part is None else ast.unparse(part) for part in parts]
            last = node.body[-1].end_lineno or node.lineno
            found.append((node.lineno + start - 1, last + start - 1, tuple(kinds)))
    return tuple(found)


def handles(frame: FrameType, error: BaseException) -> bool:
    """Return whether a function is about to handle an exception by itself."""
    line = frame.f_lineno
    for first, last, kinds in _expectations(frame.f_code):
        if first <= line <= last:
            names = ChainMap(frame.f_locals, frame.f_globals, frame.f_builtins)
            for kind in kinds:
                if kind in ("BaseException", type(error).__name__):
                    return True
                first_name, *rest = kind.split(".")
                found = reduce(lambda owner, name: getattr(owner, name, None), rest, names.get(first_name))
                if isinstance(found, type) and isinstance(error, found):
                    return True
    return False
