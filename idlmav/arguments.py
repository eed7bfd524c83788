"""Arguments of `idlmav.MAV`: keywords that follow from the view state, and the split into the arguments of ``forward``."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, cleandoc, formatannotation, isfunction, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from idlmav.errors import WrongTypeError, did_you_mean

if TYPE_CHECKING:
    from idlmav.state import ViewOptions

    class PictureOptions(ViewOptions, total=False):
        """Options of `idlmav.load`, for type checkers."""

        palette: str | Sequence[str]
        avoid_palette_idxs: Collection[int]
        fixed_color_map: Mapping[str, int] | None

    class PanelOptions(TypedDict, total=False):
        """Options of `idlmav.MAV.save`, for type checkers."""

        add_overview: bool
        add_slider: bool
        add_table: bool
        height_px: int


__all__ = [
    "NO_INPUT", "Option", "check_choice", "check_graph_alone", "check_model", "check_picture_name",
    "check_selected", "keyword_options", "split_arguments", "start_values", "takes", "value_options",
]  # fmt: skip

T = TypeVar("T")


class _NoInput:
    def __repr__(self) -> str:
        return "<no input>"


NO_INPUT: Final = _NoInput()
"""Stands for inputs that were left out: None is an input."""

# ------------------------------------------------------------------------------------------------ keywords


class _Plain(str):
    """An annotation that signatures show without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword that a function takes through its ``**keywords``, and its entry of numpydoc's Parameters section."""

    parameter: Parameter
    doc: str


def _values(state: Any) -> dict[str, Any]:
    """Return the parameters of a class of Param by name, but for its own name."""
    return {name: state.param[name] for name in state.param if name != "name"}


def value_options(state: Any, types: Mapping[str, Any], defaults: Mapping[str, object]) -> list[Option]:
    """
    Return an option for each value of a view state (`idlmav.state.ViewState`).

    `types` are annotations of values that are not choices, by default the type of the default; `defaults` are those that
    differ from the defaults of the state.
    """
    found = []
    for name, parameter in _values(state).items():
        default = defaults.get(name, parameter.default)
        choices = ", ".join(map(repr, getattr(parameter, "objects", ())))
        hint = types.get(name, type(default))
        text = f"Literal[{choices}]" if choices else getattr(hint, "__forward_arg__", None) or formatannotation(hint)
        body = textwrap.indent(textwrap.fill(cleandoc(parameter.doc or ""), 112), "    ")
        doc = f"{name} : {f'{{{choices}}}' if choices else text}, default {default!r}\n{body}"
        found.append(Option(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=_Plain(text)), doc))
    return found


def keyword_options(function: Callable[..., Any], *, without: Iterable[str] = ()) -> list[Option]:
    """Return the keyword-only parameters of a function as options, with the entries of its docstring."""
    entries = _entries(cleandoc(function.__doc__ or ""))
    return [
        Option(parameter, next((entry for names, entry in entries if name in names), name))
        for name, parameter in signature(function).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY and name not in without
    ]


def takes(*options: Option) -> Callable[[T], T]:
    """
    Return a decorator that refuses unknown keywords with a suggestion, and shows all known ones.

    The options are what the ``**keywords`` of a function stand for; they join its signature and its docstring. Of a class
    the constructor and the docstring are completed, and the public methods refuse unknown keywords, too.
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, type):
            target.__init__ = _refusing(target.__init__, target.__name__, options)  # type: ignore[misc]
            for name, method in list(vars(target).items()):
                if isfunction(method) and not name.startswith("_") and not hasattr(method, "__signature__"):
                    setattr(target, name, _refusing(method, name, ()))
        decorated = target if isinstance(target, type) else _refusing(target, target.__name__, options)
        decorated.__doc__ = _completed(target.__doc__, options)
        return decorated

    return decorate


_AS_SIZES = (
    " Write sizes={'x': (1, 3, 224, 224)} with the name of forward's argument, or pass torch.zeros(1, 3, 224, 224)."
)
_AS_INPUTS = " Pass the inputs after the model: MAV(model, x), MAV(model, (x, y)) or MAV(model, {'x': x})."
_OF_OTHERS: Final[dict[str, str]] = {
    **dict.fromkeys(("input_size", "input_sizes", "input_shape", "input_shapes", "shape", "size"), _AS_SIZES),
    **dict.fromkeys(
        (
            "input_data", "input", "x", "args", "data", "batch", "dummy_input", "dummy_inputs", "example_input",
            "example_inputs", "example_input_array", "sample_input", "sample_inputs", "model_args", "input_args",
        ),
        _AS_INPUTS,
    ),
}  # fmt: skip
"""Options of torchinfo, torchsummary, torchview, thop, fvcore and others, with what to write here."""


def _refusing(function: Callable[..., Any], name: str, options: Iterable[Option]) -> Callable[..., Any]:
    written = signature(function)
    parameters = [each for each in written.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    parameters += [option.parameter for option in options]
    known = [each.name for each in parameters if each.name != "self"]

    @wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        for keyword in given:
            if keyword not in known:
                hint = _OF_OTHERS.get(keyword, "") if name == "MAV" else ""
                raise TypeError(
                    f"{name}() has no option {keyword!r}.{hint or did_you_mean(keyword, known)} "
                    f"Known options: {', '.join(known)}."
                )
        return function(*args, **given)

    plain = [each.replace(annotation=_shown(each.annotation)) for each in parameters]
    call.__signature__ = Signature(plain, return_annotation=_shown(written.return_annotation))  # type: ignore[attr-defined]
    return call


def _shown(annotation: Any) -> Any:
    return _Plain(annotation) if isinstance(annotation, str) else annotation


_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=\n\n\S[^\n]*\n---|\Z)", re.MULTILINE | re.DOTALL)


def _entries(doc: str) -> list[tuple[list[str], str]]:
    """Return the names and the text of each entry of the Parameters section."""
    section = _SECTION.search(doc)
    texts = re.split(r"\n(?=\S)", section[1].rstrip()) if section else []
    return [([name.strip() for name in text.partition(" :")[0].split(",")], text) for text in texts]


def _completed(doc: str | None, options: Iterable[Option]) -> str | None:
    """Return a docstring that has an entry for each option."""
    if doc is None:  # as under python -OO
        return None
    doc = cleandoc(doc)
    written = {name for names, _ in _entries(doc) for name in names}
    more = dict.fromkeys(option.doc for option in options if option.parameter.name not in written)
    return _SECTION.sub(lambda section: "\n".join([section[0].rstrip(), *more]), doc, count=1)


# -------------------------------------------------------------------------------------------------- checks


def check_choice(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is not one of an option's choices."""
    choices = list(known)
    if value not in choices:
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}.{hint}")


def start_values(state: Callable[..., T], given: Mapping[str, Any]) -> T:
    """
    Return a view state with these values by name, of which ``None`` stands for an empty text.

    Raises
    ------
    TypeError, ValueError
        If a value is not allowed; the message begins with its name.
    """
    values = dict(given)
    for name, value in given.items():
        parameter = _values(state)[name]
        if choices := getattr(parameter, "objects", None):
            check_choice(name, value, choices)
        if value is None and isinstance(parameter.default, str) and not choices:
            values[name] = ""
    try:
        return state(**values)
    except (TypeError, ValueError) as error:
        # Param's messages begin with "String parameter 'ViewState.query'".
        raise type(error)(re.sub(r"^\w+ parameter '(?:\w+\.)?(\w+)' ", r"\1: it ", str(error))) from error


def check_selected(name: str, known: Collection[str], groups: Callable[[], Iterable[str]]) -> None:
    """Refuse a selection that is not in the picture; the groups take a while to find, so they are asked for late."""
    if name and name not in known and name not in (others := list(groups())):
        raise ValueError(f"selected: there is no op, module or group {name!r}.{did_you_mean(name, [*known, *others])}")


def check_graph_alone(**given: object) -> None:
    """Refuse arguments of the capture beside a graph, which is captured already."""
    names = [name for name, value in given.items() if value is not None and value is not NO_INPUT]
    if names:
        raise TypeError(
            f"MAV: a Graph is already captured, so it takes no {' and no '.join(names)}. "
            "Leave that out, or pass the model instead of its graph."
        )


def check_model(model: object) -> None:
    """Refuse an object that is not a model, without importing torch."""
    if isinstance(model, type):
        raise TypeError(f"MAV: model must be an instance, got the class {model.__name__}. Write {model.__name__}(...).")
    if not _is_module(model):
        raise TypeError(
            f"MAV: model must be a torch.nn.Module or an idlmav.Graph, got {type(model).__name__}.{_way_out(model)}"
        )


def _way_out(given: Any) -> str:
    """Return a sentence on how to get from what was given to a model."""
    kind = type(given)
    package = str(kind.__module__).partition(".")[0]
    if isinstance(given, str | Path) or hasattr(kind, "__fspath__"):
        if str(given).endswith((".pt", ".pth", ".bin", ".ckpt", ".safetensors")):
            return " Build the model, load these weights into it, and pass the model."
        if hasattr(kind, "__fspath__") or str(given).endswith(".json"):
            return " Open a saved graph with idlmav.load()."
        return f" Build the model that is called {str(given)[:40]!r} and pass it."
    if isinstance(given, Mapping):
        return " Weights alone have no forward: build the model, call its load_state_dict(), and pass the model."
    if package in ("keras", "tensorflow", "tf_keras", "jax", "flax", "sklearn"):
        return f" Models of {package} are not supported, only those of PyTorch."
    if kind.__name__ == "ExportedProgram":
        return " Write MAV(program.module(), x)."
    if isinstance(given, list | tuple) and given and all(map(_is_module, given)):
        return " Write MAV(torch.nn.Sequential(*layers), x)."
    if package == "torch" and kind.__name__ in ("Tensor", "Parameter"):
        return " The model comes first: MAV(model, x)."
    inside = [name for name, value in getattr(given, "__dict__", {}).items() if _is_module(value)]
    if inside:
        return f" Pass the module inside it: .{inside[0]}."
    if callable(given):
        return " Put what it computes into the forward of a torch.nn.Module."
    return ""


def _is_module(model: object) -> bool:
    """Return whether an object is a module of torch, without importing torch: who has a module has torch."""
    return "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module)


def check_picture_name(path: Path, options: Iterable[str]) -> bool:
    """Return whether a file is a still picture; refuse other names than those of pictures, and options of a still."""
    kind = path.suffix.lower()
    if kind in (".svg", ".png"):
        if options := list(options):
            raise TypeError(f"save: a still picture has no options, got {', '.join(options)}. Set them in mav.state.")
        return True
    if kind not in (".html", ".htm"):
        raise ValueError(
            f"save: expected a name that ends in .html, .svg or .png, got {path.name!r}. "
            "Save a graph with save_graph()."
        )
    return False


# -------------------------------------------------------------------------------------------------- inputs


def split_arguments(model: Any, inputs: Any, more: Mapping[str, Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split the user's inputs into positional and keyword arguments of ``forward``."""
    if more is not None and not isinstance(more, Mapping):
        raise TypeError(f"MAV: input_kwargs must be a dict of names to values, got {type(more).__name__}.")
    nameless = [name for name in more or {} if not isinstance(name, str)]
    if nameless:
        raise TypeError(f"MAV: input_kwargs must be a dict of names to values, got the key {nameless[0]!r}.")
    kwargs = dict(more or {})
    if inputs is NO_INPUT:
        return (), kwargs
    if type(inputs).__module__ == "numpy":
        raise TypeError(
            "MAV: inputs must be tensors or other arguments of forward, got a NumPy array. Write torch.as_tensor(x)."
        )
    _check_forward_takes(model, inputs, kwargs)
    if type(inputs) is tuple:
        return inputs, kwargs
    if isinstance(inputs, Mapping) and _takes_keywords(model, inputs):
        twice = sorted(set(inputs) & set(kwargs))
        if twice:
            raise TypeError(f"MAV: {twice[0]!r} is given by inputs and by input_kwargs; give it once.")
        return (), {**inputs, **kwargs}
    return (inputs,), kwargs


def _check_forward_takes(model: Any, inputs: Any, kwargs: Mapping[str, Any]) -> None:
    """Refuse a list in place of a tuple, and sizes in place of inputs, where forward cannot mean them."""
    if type(inputs) not in (tuple, list) or (len(inputs) < 2 and not any(map(_is_size, inputs))):
        return
    parameters = _parameters(model)
    if parameters is None or any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        return
    places = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in places if p.default is Parameter.empty and p.name not in kwargs]
    taken = f"forward({', '.join(p.name for p in places)})"
    sizes = [inputs] if _is_size(inputs) else [size for size in inputs if _is_size(size)]
    only_tensors = bool(places) and all("Tensor" in str(p.annotation) for p in places[: len(sizes)])
    is_list = type(inputs) is list
    too_few = is_list and len(needed) > 1
    too_many = not is_list and len(inputs) > len(places)
    if len(sizes) == len(inputs) or _is_size(inputs):
        if too_few or too_many or only_tensors:
            named = ", ".join(f"{p.name!r}: {tuple(size)}" for p, size in zip(places, sizes, strict=False))
            raise WrongTypeError(
                f"MAV: {taken} takes tensors, got sizes. Write MAV(model, sizes={{{named}}}), "
                f"or pass tensors such as torch.zeros{tuple(sizes[0])}."
            )
    elif too_few:
        raise WrongTypeError(
            f"MAV: {taken} takes {len(needed)} inputs, got one list of {len(inputs)}. "
            f"Write a tuple: MAV(model, ({', '.join(needed)}))."
        )


def _parameters(model: Any) -> list[Parameter] | None:
    """Return the parameters of ``forward``; ``None`` if it has no signature, as a function in C."""
    try:
        return list(signature(model.forward).parameters.values())
    except Exception:  # noqa: BLE001 - a model may answer oddly
        return None


def _is_size(value: Any) -> bool:
    """Return whether a value can be the size of a tensor."""
    return isinstance(value, tuple | list) and len(value) > 1 and all(type(size) is int for size in value)


def _takes_keywords(model: Any, names: Mapping[Any, Any]) -> bool:
    """Return whether ``forward`` has keywords of these names; else the dict itself is its argument."""
    if not all(isinstance(name, str) for name in names):
        return False
    parameters = _parameters(model)
    if parameters is None or any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        return True
    keywords = {p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    # One name that fits shows that keywords are meant; a misspelt one is then the model's own error.
    return not names or any(name in keywords for name in names)
