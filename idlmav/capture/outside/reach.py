"""
Find what the code of a model can name beside the model: global variables, closures, defaults, class attributes.

A function names a global variable in its code (``co_names``), and through it other functions and classes, which are
entered as well. Code of the standard library, of torch and of the large libraries beside it is not.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from operator import is_, itemgetter
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from idlmav.capture.python_private import LruCache, assigned_attributes, assigned_globals
from idlmav.capture.record.classify import module_name

__all__ = ["HEAP_TYPE", "Namespace", "Reach", "is_foreign", "reach_of"]

_FOREIGN = frozenset({
    *sys.stdlib_module_names, "IPython", "PIL", "_pytest", "accelerate", "bokeh", "coverage", "cv2", "datasets", "functorch", "holoviews", "hypothesis",
    "huggingface_hub", "idlmav", "ipykernel", "jax", "joblib", "matplotlib", "networkx", "numba", "numpy", "packaging",
    "pandas", "panel", "param", "plotly", "pluggy", "psutil", "pydantic", "pytest", "requests", "rich", "safetensors", "scipy",
    "sklearn", "sympy", "tokenizers", "torch", "torchgen", "tqdm", "triton", "typing_extensions", "urllib3", "yaml",
}) - {"builtins"}  # fmt: skip
"""Packages whose code keeps nothing of a model, or too much to look at: `Snapshot` does not look into their state."""
_FUNCTIONS = (FunctionType, LruCache, partial, property, staticmethod, classmethod, cached_property, MethodType)
_CODE = (type, ModuleType, *_FUNCTIONS)
_MISSING: Any = object()
_UNNAMED = frozenset(
    [
        f"__{name}__"
        for name in [
            "init",
            "new",
            "init_subclass",
            "class_getitem",
            "reduce",
            "reduce_ex",
            "getstate",
            "setstate",
            "repr",
            "str",
            "dir",
            "copy",
            "deepcopy",
            "del",
        ]
    ]
)
"""Special methods that no forward pass runs unless it names them, or their class."""
_NUMBERS = frozenset({int, float, bool, str, type(None), type(_MISSING)})
_CONTAINERS = (dict, list, set, deque)
_KEPT = 8


def is_foreign(module: object) -> bool:
    """Return whether a Python module, given by name, belongs to a package whose code is not looked at."""
    return isinstance(module, str) and module.partition(".")[0] in _FOREIGN


def is_code(value: Any) -> bool:
    """Return whether a value is a function, a class or a module, which `Reach` enters instead of `Snapshot`."""
    return isinstance(value, _CODE)


def is_code_class(kind: type) -> bool:
    """Return the same for the class of a value."""
    return issubclass(kind, _CODE)


class Namespace:
    """
    The variables of a Python module, or attributes of a class, that functions name, with the values that they had last.

    Parameters
    ----------
    owner : dict or type
        The variables, or the class.
    names : iterable of str
        Those to watch.
    whole : bool
        Whether others that are added count as well.
    """

    def __init__(self, owner: Any, names: Iterable[str] = (), *, whole: bool = False) -> None:
        self.owner = owner
        self.variables: Mapping[str, Any] = vars(owner) if isinstance(owner, type) else owner
        self.size = len(self.variables)
        self.whole = whole
        self.names = dict.fromkeys(names)
        self._read: Callable[[Any], Any] | None = None
        self._last: tuple[Any, ...] = ()
        self._objects: list[tuple[str, Any]] = []

    def values(self) -> tuple[Any, ...]:
        """Return the values of all names."""
        if self._read is None:
            self._read = itemgetter(*self.names) if len(self.names) > 1 else self._one_by_one
        try:
            found: tuple[Any, ...] = self._read(self.variables)
        except KeyError:  # a variable is not there yet, or was deleted
            found = self._one_by_one(self.variables)
        return found

    def _one_by_one(self, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([variables.get(name, _MISSING) for name in self.names])

    def add(self, name: str) -> None:
        """Name one more variable."""
        self.names[name] = None
        self._read = None

    def objects(self, values: tuple[Any, ...]) -> tuple[list[tuple[str, Any]], list[Any]]:
        """Return the variables that hold neither code nor numbers, and code that was not there before."""
        if len(values) == len(self._last) and all(map(is_, values, self._last)):
            return self._objects, []
        before = dict(zip(self.names, self._last, strict=False))
        found = [(name, value) for name, value in zip(self.names, values, strict=True) if type(value) not in _NUMBERS]
        code = [value for name, value in found if is_code(value) and before.get(name) is not value]
        self._last = values
        self._objects = [(name, value) for name, value in found if not is_code(value)]
        return self._objects, [value for value in code if not isinstance(value, ModuleType)]

    def put(self, name: str, value: Any) -> None:
        """Give one variable a value."""
        if isinstance(self.owner, type):
            type.__setattr__(self.owner, name, value)
        else:
            self.owner[name] = value

    def restore(self, before: tuple[Any, ...]) -> None:
        """Give the variables the values that they had."""
        now = self.values()
        if not all(map(is_, now, before)):
            for name, value, found in zip(self.names, before, now, strict=False):
                if value is not found:
                    self._delete(name) if value is _MISSING else self.put(name, value)
        if self.whole and len(self.variables) != self.size:
            for name in [name for name in self.variables if name not in self.names]:
                self._delete(name)

    def _delete(self, name: str) -> None:
        if isinstance(self.owner, type):
            type.__delattr__(self.owner, name)
        else:
            del self.owner[name]


class Reach:
    """
    Namespaces, classes and functions that some functions and classes can name.

    Attributes
    ----------
    spaces : dict of int to Namespace
        By ``id`` of a Python module's variables, or of a class.
    watched : list of FunctionType
        Functions whose own attributes, closures and defaults may change.
    caches : dict of int to object
        Caches of `functools`.
    """

    def __init__(self, outer: Reach | None = None) -> None:
        self.outer = outer
        self.spaces: dict[int, Namespace] = {}
        self._classes: dict[int, type] = {}
        self._installed: list[type] = []
        self.watched: list[FunctionType] = []
        self.caches: dict[int, Any] = {}
        self._functions: dict[int, FunctionType] = {}
        self._called: set[str] = {"forward"}
        self._assigned: set[str] = set()
        self._methods: dict[str, list[Any]] = {}

    def is_current(self) -> bool:
        """Return whether no Python module has got more variables, which functions may have named in vain."""
        return all(space.size == len(space.variables) for space in self.spaces.values())

    def knows(self, value: Any) -> bool:
        """Return whether a function or class has been entered."""
        return id(value) in self._functions or id(value) in self._classes

    def include(self, values: Iterable[Any]) -> list[Any]:
        """Enter functions and classes; return the objects beside them that belong to these: ``self`` of a method."""
        objects: list[Any] = []
        waiting, before = list(values), len(self._functions) + len(self._installed)
        while waiting:
            value = waiting.pop()
            if self.outer is not None and isinstance(value, (type, FunctionType)) and _lasts(value):
                objects += self.outer.include([value])
            elif isinstance(value, type):
                self._enter_class(value, waiting)
            elif isinstance(value, FunctionType):
                self._enter_function(value, waiting)
            elif isinstance(value, LruCache):
                self.caches[id(value)] = value
                waiting.append(value.__wrapped__)  # type: ignore[attr-defined]
            else:
                for part in parts_of_code(value):
                    (waiting if is_code(part) else objects).append(part)
        if len(self._functions) + len(self._installed) > before:
            self._watch_installed()
        return objects

    def _enter_class(self, kind: type, waiting: list[Any]) -> None:
        for base in kind.__mro__:
            if id(base) in self._classes or is_foreign(module_name(base)) or not base.__flags__ & HEAP_TYPE:
                continue
            self._classes[id(base)] = base
            users = not is_installed(base)
            if users:
                self.spaces[id(base)] = Namespace(base, vars(base), whole=True)
            else:
                self._installed.append(base)
            for name, value in list(vars(base).items()):
                if is_code(value):
                    # Of the methods in a library, most build, save or load a model: those that no function names wait.
                    special = name.startswith("__") and name not in _UNNAMED
                    runs = special or name in self._called or (users and name != "__init__")
                    (waiting if runs else self._methods.setdefault(name, [])).append(value)

    def _watch_installed(self) -> None:
        """Watch the attributes of classes in libraries that functions assign, and the containers that they name."""
        for kind in self._installed:
            names = [
                name
                for name, value in vars(kind).items()
                if name in self._assigned or (name in self._called and isinstance(value, _CONTAINERS))
            ]
            if names:
                space = self.spaces.setdefault(id(kind), Namespace(kind))
                for name in names:
                    space.add(name)

    def _enter_function(self, function: FunctionType, waiting: list[Any]) -> None:
        if id(function) in self._functions:
            return
        self._functions[id(function)] = function
        kept = [*map(content_of, function.__closure__ or ()), *(function.__defaults__ or ())]
        if not is_installed(function) or any(type(value) not in _NUMBERS and not is_code(value) for value in kept):
            self.watched.append(function)
        waiting += [value for cell in function.__closure__ or () if is_code(value := content_of(cell))]
        variables = function.__globals__
        if is_foreign(variables.get("__name__")):
            return
        names, stored, assigned = _names_in(function.__code__)
        self._assigned |= assigned
        for name in names - self._called & self._methods.keys():
            waiting += self._methods.pop(name)
        self._called |= names
        space = self._space(variables)
        for name in stored - variables.keys():
            space.add(name)
        for name in names & variables.keys():
            self._see(space, name, waiting)
            module = variables[name]
            if isinstance(module, ModuleType) and not is_foreign(module.__name__):
                inner = self._space(vars(module))
                for part in names & vars(module).keys():
                    self._see(inner, part, waiting)

    def _space(self, variables: dict[str, Any]) -> Namespace:
        reach = self if self.outer is None else self.outer
        return reach.spaces.setdefault(id(variables), Namespace(variables))

    def _see(self, space: Namespace, name: str, waiting: list[Any]) -> None:
        if name not in space.names:
            space.add(name)
            value = space.variables[name]
            if is_code(value) and not isinstance(value, ModuleType):
                waiting.append(value)
                if isinstance(value, type):  # objects of it may be made
                    bases = [vars(base) for base in value.__mro__ if not is_foreign(module_name(base))]
                    waiting += [
                        base[made] for base in bases for made in ("__init__", "__new__") if is_code(base.get(made))
                    ]


def parts_of_code(value: Any) -> list[Any]:
    """Return what a wrapper of functions, such as a method, consists of."""
    if isinstance(value, property):
        return [part for part in (value.fget, value.fset) if part is not None]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    if isinstance(value, cached_property):
        return [value.func]
    return [value.func, value.args, value.keywords] if isinstance(value, partial) else []


def is_installed(value: Any) -> bool:
    """Return whether a function or class belongs to an installed library."""
    if isinstance(value, FunctionType):
        return "-packages" in value.__code__.co_filename
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    return "-packages" in (getattr(module, "__file__", None) or "")


HEAP_TYPE = 1 << 9
"""Flag of classes that a ``class`` statement has made."""


def content_of(cell: Any) -> Any:
    """Return what a cell of a closure holds; ``None`` if it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _names_in(code: CodeType) -> tuple[set[str], set[str], set[str]]:
    """Return, of a function and those inside it, all names, the globals and the attributes that it assigns."""
    names, stored, assigned = set(code.co_names), assigned_globals(code), assigned_attributes(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            further = _names_in(constant)
            names |= further[0]
            stored |= further[1]
            assigned |= further[2]
    return names, stored, assigned


def _lasts(value: Any) -> bool:
    """Return whether a function or class lies in a Python module, in contrast to one that a function has made."""
    name = getattr(value, "__qualname__", "<locals>")
    return "<locals>" not in name and getattr(value, "__module__", None) in sys.modules


_reaches: OrderedDict[frozenset[type], Reach] = OrderedDict()


def reach_of(kinds: Iterable[type]) -> Reach:
    """Return what classes in Python modules can name; it is kept for the classes of the last models."""
    lasting = frozenset([kind for kind in kinds if not is_foreign(module_name(kind)) and _lasts(kind)])
    known = _reaches.get(lasting)
    if known is None or not known.is_current():
        known = _reaches[lasting] = Reach()
        known.include(lasting)
        while len(_reaches) > _KEPT:
            _reaches.popitem(last=False)
    return known
