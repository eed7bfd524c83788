"""Mistakes written into the source of a module's code: statements that raise, wrong unpackings, wrong arguments."""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
import random
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

__all__ = ["KINDS", "has_code", "mutate"]

_numbers = itertools.count()
_STATEMENTS = (
    "raise RuntimeError('a statement')",
    "raise NotImplementedError",
    "assert False, 'an assertion'",
    "undefined_name",
    "self.no_such_attribute",
    "[1, 2][3]",
    "{'a': 1}['b']",
    "1 // 0",
    "None + 1",
)


def has_code(module: nn.Module) -> bool:
    """Return whether a module's forward is Python code that can be rewritten, and calls other modules."""
    code = getattr(type(module).forward, "__code__", None)
    if code is None or not any(True for _ in module.children()) or "forward" in module.__dict__:
        return False
    try:
        return bool(inspect.getsourcelines(code)) and not isinstance(module, nn.modules.container.Sequential)
    except (OSError, TypeError):
        return False


def mutate(module: nn.Module, draw: random.Random, kind: str) -> bool:
    """Give one module a class whose code has a mistake of a kind; return whether there was a place for it."""
    names = _methods(type(module))
    method = draw.choice(names) if draw.random() < 0.3 else "forward"
    function = inspect.unwrap(getattr(type(module), method))
    tree = ast.parse(textwrap.dedent("".join(inspect.getsourcelines(function.__code__)[0])))
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or not KINDS[kind](definition, draw):
        return False
    definition.decorator_list, definition.returns = [], None
    for argument in (*definition.args.args, *definition.args.kwonlyargs, definition.args.vararg, definition.args.kwarg):
        if argument is not None:
            argument.annotation = None
    # The source is where `inspect` and tracebacks look for it, as if it were in a file.
    name = f"<mutated {next(_numbers)}>"
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    found = _compiled(text, name, function)
    broken: Any = type(type(module).__name__, (type(module),), {method: found, "__module__": type(module).__module__})
    module.__class__ = broken
    return True


def _compiled(text: str, name: str, function: Any) -> Any:
    """Return a function from its source that sees what the original sees, its closure included."""
    free = function.__code__.co_freevars
    source = ast.parse(text)
    if free:
        outer = ast.parse("def outer():\n" + "".join(f"    {one} = None\n" for one in free))
        outer.body[0].body.append(source.body[0])  # type: ignore[attr-defined]
        source = outer
    found = compile(source, name, "exec", dont_inherit=True)
    codes = [found]
    while codes:
        code = codes.pop(0)
        if code.co_name == function.__name__ and code.co_freevars == free:
            made = type(function)(code, function.__globals__, code.co_name, function.__defaults__, function.__closure__)
            made.__kwdefaults__ = function.__kwdefaults__
            return made
        codes += [constant for constant in code.co_consts if hasattr(constant, "co_code")]
    raise AssertionError(f"{function.__name__} is not in its own source")


def _methods(kind: type[nn.Module]) -> list[str]:
    """Return forward and the methods that it calls."""
    found = []
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(kind.forward))))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            method = inspect.getattr_static(kind, node.attr, None)
            if inspect.isfunction(method) and method.__module__ == kind.__module__:
                found.append(node.attr)
    return ["forward", *dict.fromkeys(found)]


def _blocks(definition: ast.FunctionDef) -> Iterator[list[ast.stmt]]:
    """Yield every list of statements: bodies of loops, branches, with blocks and nested functions."""
    for node in ast.walk(definition):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and not isinstance(node, ast.ClassDef):
                yield block


def _inserted(definition: ast.FunctionDef, draw: random.Random) -> bool:
    places = [(block, index) for block in _blocks(definition) for index in range(len(block))]
    block, index = draw.choice(places)
    if index == 0 and isinstance(block[0], ast.Expr) and isinstance(block[0].value, ast.Constant):
        index = 1  # after the docstring
    block.insert(index, ast.parse(draw.choice(_STATEMENTS)).body[0])
    return True


def _unpacked(definition: ast.FunctionDef, draw: random.Random) -> bool:
    """Unpack into one variable more."""
    targets = [
        node.targets[0]
        for node in ast.walk(definition)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
    ]
    if not targets:
        return False
    target = draw.choice(targets)
    assert isinstance(target, ast.Tuple)
    target.elts.append(ast.Name("one_more", ast.Store()))
    return True


def _child_calls(definition: ast.FunctionDef) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(definition)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("self.") and node.args
    ]


def _argued(definition: ast.FunctionDef, draw: random.Random) -> bool:
    """Call a child with an argument that it does not take, or without its first."""
    calls = _child_calls(definition)
    if not calls:
        return False
    call = draw.choice(calls)
    if draw.random() < 0.5 or not isinstance(call.args[0], ast.Name):
        call.keywords.append(ast.keyword("no_such_argument", ast.Constant(1)))
    else:
        del call.args[0]
    return True


def _within(definition: ast.FunctionDef, draw: random.Random) -> bool:
    """Call something undefined within an expression: an operand, an argument, a part of a comprehension."""
    found: list[tuple[Any, str, int | None]] = []
    for node in ast.walk(definition):
        if isinstance(node, (ast.Call, ast.BinOp, ast.ListComp, ast.GeneratorExp, ast.Return)):
            for name in ("args", "left", "right", "elt", "value"):
                value = getattr(node, name, None)
                if isinstance(value, list):
                    found += [(node, name, i) for i, arg in enumerate(value) if isinstance(arg, (ast.Name, ast.Call))]
                elif isinstance(value, (ast.Name, ast.Call, ast.BinOp)):
                    found.append((node, name, None))
    if not found:
        return False
    node, name, index = draw.choice(found)

    def called(value: ast.expr) -> ast.expr:
        return ast.Call(ast.Name("undefined_function", ast.Load()), [value], [])

    if index is None:
        setattr(node, name, called(getattr(node, name)))
    else:
        getattr(node, name)[index] = called(getattr(node, name)[index])
    return True


def _cast(definition: ast.FunctionDef, draw: random.Random) -> bool:
    """Make an activation a double, as NumPy does."""
    places = [
        (block, index, statement.targets[0].id)
        for block in _blocks(definition)
        for index, statement in enumerate(block)
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Call)
    ]
    if not places:
        return False
    block, index, name = draw.choice(places)
    text = f"{name} = {name}.double() if hasattr({name}, 'double') and {name}.is_floating_point() else {name}"
    block.insert(index + 1, ast.parse(text).body[0])
    return True


KINDS: dict[str, Callable[[ast.FunctionDef, random.Random], bool]] = {
    "inserted": _inserted, "unpacked": _unpacked, "argued": _argued, "within": _within,
    "cast": _cast,
}  # fmt: skip
