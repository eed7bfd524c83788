"""Models that are broken at random, with what is known of them intact: material for the mutation test."""

from __future__ import annotations

import copy
import random
import types
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import models
import torch
from torch import Tensor, nn

from capture import source_mutations
from idlmav.capture import capture
from idlmav.graph import Graph, Node

__all__ = ["KINDS", "MODELS", "Mutation", "Outcome", "intact_model", "judge", "mutations"]


def _torchvision(name: str, size: int = 64, **options: Any) -> models.Example:
    def build() -> nn.Module:
        import_module("torchvision_shim")
        return import_module("torchvision.models").get_model(name, weights=None, **options)

    return models.Example(build, lambda: (torch.randn(2, 3, size, size),))


def _densenet() -> nn.Module:
    import_module("torchvision_shim")
    return import_module("torchvision.models").DenseNet(8, (2, 3, 3, 2), 16)


def _bert() -> nn.Module:
    import_module("torchvision_shim")  # transformers imports torchvision
    from transformers import BertConfig, BertModel

    return BertModel(
        BertConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=37)
    )


def _gpt() -> nn.Module:
    import_module("torchvision_shim")
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=4, use_cache=False))


def _llama() -> nn.Module:
    import_module("torchvision_shim")
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(vocab_size=99, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
                    num_key_value_heads=2, use_cache=False)
    )  # fmt: skip


def _t5() -> nn.Module:
    import_module("torchvision_shim")
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(vocab_size=99, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, use_cache=False)
    )


def _timm(name: str, **options: Any) -> models.Example:
    def build() -> nn.Module:
        import_module("torchvision_shim")
        return import_module("timm").create_model(name, pretrained=False, **options)

    return models.Example(build, lambda: (torch.randn(2, 3, 64, 64),))


class Translator(nn.Module):
    """torch's own encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 32)
        self.transformer = nn.Transformer(32, 4, 2, 2, 64, batch_first=True)
        self.head = nn.Linear(32, 50)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.head(self.transformer(self.words(source), self.words(target)))


class GruTagger(nn.Module):
    """A recurrent layer between linear ones."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(60, 12)
        self.project = nn.Linear(12, 20)
        self.gru = nn.GRU(20, 24, batch_first=True)
        self.norm = nn.LayerNorm(24)
        self.head = nn.Linear(24, 7)

    def forward(self, ids: Tensor) -> Tensor:
        x = torch.relu(self.project(self.embed(ids)))
        x, state = self.gru(x)
        return self.head(self.norm(x)) + self.head(state[-1]).unsqueeze(1)


def _ids(*shape: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (torch.randint(0, 50, shape),)


MODELS: dict[str, models.Example] = {
    **{name: models.WORKING[name] for name in ("unet", "dict", "lstm", "transformer", "shared", "residual")},
    "gru": models.Example(GruTagger, _ids(2, 6)),
    "translator": models.Example(Translator, lambda: (*_ids(2, 6)(), *_ids(2, 4)())),
    "bert": models.Example(_bert, _ids(2, 8)),
    "gpt2": models.Example(_gpt, _ids(2, 8)),
    "resnet18": _torchvision("resnet18"),
    "squeezenet": _torchvision("squeezenet1_1"),
    "mobilenet": _torchvision("mobilenet_v3_small"),
    "vgg11": _torchvision("vgg11_bn", 32),
    "shufflenet": _torchvision("shufflenet_v2_x0_5"),
    "densenet": models.Example(_densenet, lambda: (torch.randn(2, 3, 64, 64),)),
    "googlenet": _torchvision("googlenet", aux_logits=False, init_weights=False),
    "llama": models.Example(_llama, _ids(2, 8)),
    "t5": models.Example(_t5, tuple, lambda: {"input_ids": _ids(2, 8)()[0], "decoder_input_ids": _ids(2, 5)()[0]}),
    "vit": _timm("vit_tiny_patch16_224", img_size=64, depth=2),
    "convnext": _timm("convnext_atto", depths=(1, 1, 2, 1)),
    "swin": _timm(
        "swin_tiny_patch4_window7_224", img_size=64, window_size=4, depths=(2, 2), embed_dim=24, num_heads=(2, 4)
    ),
    "efficientnet": _timm("test_efficientnet"),
}


@dataclass(frozen=True)
class Mutation:
    """One thing broken in one model."""

    model: str
    kind: str
    path: str
    apply: Callable[[nn.Module], None]


@dataclass(frozen=True)
class Outcome:
    """What came out of a mutation."""

    mutation: Mutation
    drawn: bool
    located: bool
    ops: int
    recovered: int
    shapes: int
    right: int
    complete: int
    errors: int
    text: str


def _fails(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("still to be written")


def _delete(path: str) -> Callable[[nn.Module], None]:
    parent, _, name = path.rpartition(".")
    return lambda model: delattr(model.get_submodule(parent), name)


def _raise(path: str) -> Callable[[nn.Module], None]:
    def apply(model: nn.Module) -> None:
        module = model.get_submodule(path)
        module.forward = types.MethodType(_fails, module)

    return apply


def _resize(path: str) -> Callable[[nn.Module], None]:
    def apply(model: nn.Module) -> None:
        module: Any = model.get_submodule(path)
        if isinstance(module, nn.Linear):
            new: Any = nn.Linear(module.in_features + 3, module.out_features, module.bias is not None)
        elif isinstance(module, nn.Conv2d):
            new = copy.copy(module)
            new._parameters = dict(module._parameters)
            new.in_channels = module.in_channels + module.groups
            shape = list(module.weight.shape)
            shape[1] += 1
            new.weight = nn.Parameter(torch.zeros(shape))
        elif isinstance(module, nn.LayerNorm):
            new = nn.LayerNorm(module.normalized_shape[0] + 2)
        elif isinstance(module, nn.BatchNorm2d):
            new = nn.BatchNorm2d(module.num_features + 4)
        else:
            new = type(module)(module.input_size + 2, module.hidden_size, module.num_layers, batch_first=True,
                               bidirectional=module.bidirectional)  # fmt: skip
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, new)

    return apply


def _retype(path: str) -> Callable[[nn.Module], None]:
    return lambda model: (model.get_submodule(path).double(), None)[1]


def _interrupt(path: str, number: int) -> Callable[[nn.Module], None]:
    """Raise where a module calls its n-th child, as a statement of its own would."""

    def apply(model: nn.Module) -> None:
        module = model.get_submodule(path)

        def hook(module: nn.Module, args: Any) -> None:
            raise ValueError(f"statement {number}")

        children = [child for child in module.children() if not isinstance(child, (nn.ModuleList, nn.ModuleDict))]
        children[number % len(children)].register_forward_pre_hook(hook)

    return apply


def _flatten(path: str) -> Callable[[nn.Module], None]:
    """Put a layer that loses dimensions into the middle of a sequence."""
    parent, _, name = path.rpartition(".")
    return lambda model: setattr(model.get_submodule(parent), name, nn.Flatten(1))


def _rewrite(path: str, kind: str, seed: float) -> Callable[[nn.Module], None]:
    def apply(model: nn.Module) -> None:
        source_mutations.mutate(model.get_submodule(path), random.Random(seed), kind)

    return apply


_SIZED = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d, nn.RNNBase)
_STEPS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Dropout, nn.Identity, nn.MaxPool2d)
_IN_PLACE: dict[str, Callable[[str], Callable[[nn.Module], None]]] = {
    "delete": _delete, "raise": _raise, "size": _resize, "type": _retype, "flatten": _flatten,
}  # fmt: skip
KINDS = (*_IN_PLACE, "hook", *source_mutations.KINDS)


@cache
def _intact(name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name].model().eval()


def intact_model(name: str) -> nn.Module:
    """Return a model of its own, the same each time."""
    return copy.deepcopy(_intact(name))


def _paths(kind: str, model: nn.Module) -> list[str]:
    """Return the paths at which a model can be broken in a way."""
    modules = [(path, module) for path, module in model.named_modules() if path or kind in source_mutations.KINDS]
    if kind == "size":
        return [path for path, module in modules if isinstance(module, _SIZED)]
    if kind == "type":
        return [path for path, module in modules if next(module.parameters(recurse=False), None) is not None]
    if kind == "hook":
        return [path for path, m in modules if [c for c in m.children() if not isinstance(c, nn.ModuleList)]] or [""]
    if kind == "flatten":
        parents = {path for path, module in modules if isinstance(module, nn.Sequential)}
        return [path for path, m in modules if isinstance(m, _STEPS) and path.rpartition(".")[0] in parents]
    if kind in source_mutations.KINDS:
        return [path for path, module in modules if source_mutations.has_code(module)]
    return [path for path, module in modules if not isinstance(module, (nn.ModuleList, nn.ModuleDict))]


def mutations(count: int, seed: int = 0) -> Iterator[Mutation]:
    """Yield mutations, the same for the same seed."""
    draw = random.Random(seed)
    names = list(MODELS)
    for number in range(count):
        name, kind = names[number % len(names)], KINDS[(number // len(names)) % len(KINDS)]
        paths = _paths(kind, _intact(name))
        if not paths:
            kind = "inserted"  # every model has statements
            paths = _paths(kind, _intact(name))
        path = draw.choice(paths)
        if kind in _IN_PLACE:
            apply = _IN_PLACE[kind](path)
        elif kind == "hook":
            apply = _interrupt(path, draw.randrange(9))
        else:
            apply = _rewrite(path, kind, draw.random())
        yield Mutation(name, kind, path, apply)


def _really(model: nn.Module, args: Any, kwargs: Any) -> tuple[Exception | None, str]:
    """Run a model for real; return what it raises, and the path of the innermost module entered then."""
    stack: list[str] = []
    place = [""]
    names = {id(module): path for path, module in model.named_modules()}
    original = nn.Module._call_impl

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        stack.append(names.get(id(self), stack[-1] if stack else ""))
        try:
            return original(self, *args, **kwargs)
        except Exception:
            place[0] = place[0] or stack[-1]
            raise
        finally:
            stack.pop()

    nn.Module._call_impl = call  # type: ignore[method-assign]
    # The fused kernel of torch's encoder layers would hide which of their layers raises.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - what it is is the question
        return error, place[0]
    finally:
        nn.Module._call_impl = original  # type: ignore[method-assign]
        torch.backends.mha.set_fastpath_enabled(True)
    return None, ""


def _below(path: str, root: str) -> bool:
    return bool(root) and (path == root or path.startswith(f"{root}."))


def _by_place(graph: Graph) -> dict[tuple[str, str], list[Node]]:
    found: dict[tuple[str, str], list[Node]] = {}
    for node in graph.nodes:
        if node.kind == "op":
            found.setdefault((node.path, node.op), []).append(node)
    return found


def judge(mutation: Mutation, intact: Graph) -> Outcome | None:
    """Capture a mutated model and compare it with the intact one; ``None`` if the mutation breaks nothing."""
    example = MODELS[mutation.model]
    model = intact_model(mutation.model)
    mutation.apply(model)
    args, kwargs = example.args(), example.kwargs()
    error, place = _really(model, args, kwargs)
    if error is None:
        return None
    graph = capture(model, args, kwargs)
    own = mutation.path if mutation.kind in ("delete", "raise", "flatten") else place if mutation.kind == "hook" else ""
    wanted, got = _by_place(intact), _by_place(graph)
    ops = recovered = shapes = right = complete = 0
    for where, nodes in wanted.items():
        if _below(where[0], own):
            continue
        ops += len(nodes)
        found = got.get(where, [])
        recovered += min(len(nodes), len(found))
        for node, other in zip(nodes, found, strict=False):
            if mutation.kind in ("type", "cast") or (where[0] == mutation.path and mutation.kind == "size"):
                continue
            shapes += 1
            fits = len(node.shapes) == len(other.shapes) and all(map(_fits, other.shapes, node.shapes))
            right += fits
            complete += fits and other.shapes == node.shapes
    first = graph.errors[0] if graph.errors else None
    located = first is not None and first.path == place and first.kind == type(error).__name__
    extra = Counter(e.kind for e in graph.errors)
    text = f"{mutation.model} {mutation.kind} {mutation.path}: real {place!r} {type(error).__name__}: {error}; {extra}, {first}"
    return Outcome(
        mutation, bool(graph.nodes), located, ops, recovered, shapes, right, complete, len(graph.errors), text
    )


def _fits(known: Any, true: Any) -> bool:
    if known is None:
        return True
    return len(known) == len(true) and all(a is None or a == b for a, b in zip(known, true, strict=True))
