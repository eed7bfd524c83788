"""Tables of modules: the text that `print(graph)` shows and the frame, against goldens, invariants and other counts."""

from __future__ import annotations

import pandas as pd
import pytest
from pictures import FOLDER, gallery_graph, graph_of

from idlmav.gallery.saved import saved_models
from idlmav.graph import Call, Edge, Graph, ModuleInfo, Node, ParameterInfo
from idlmav.graph.frame import module_columns
from idlmav.graph.text import flops_text
from idlmav.metrics.totals import complete

GALLERY = [model.name for model in saved_models()]
EVERY = sorted({*GALLERY, *[file.stem for file in FOLDER.glob("*/*.json")]})


def any_graph(name: str) -> Graph:
    return complete(gallery_graph(name) if name in GALLERY else graph_of(name))


UNFINISHED = """\
Module          Class           Output shape   Params   Share     FLOPs  Notes
─────────────────────────────────────────────────────────────────────────────────────
WorkInProgress  WorkInProgress  (1, 10)        87,092  100.0%  ≥ 11.4 M  failed
  features      Sequential      (1, 64, 4, 4)  19,488   22.4%    11.4 M  10 inside
  fc1           Linear          (1, 128)       65,664   75.4%         ?  failed
  act           ReLU            (1, 128)                           ~128  not run
  fc2           Linear          (1, 10)         1,290    1.5%    2.56 k  not run
  auxiliary     Linear                            650    0.7%            never called
─────────────────────────────────────────────────────────────────────────────────────
Inputs        x: (1, 3, 32, 32) float32
Parameters    87,092 (87,092 trainable, 0 frozen)
Weights       341 KiB
Activations   421 KiB
FLOPs         ≥ 11.2 MFLOPs counted + 197 k estimated, 1 op unknown (1 multiply-add = 2 FLOPs)
Never called  auxiliary
Failed        fc1: RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x1024 and 512x128) (PLACE)"""


def test_a_failing_model() -> None:
    graph = any_graph("unfinished")
    text = graph.summary(depth=1)
    assert text.replace(str(graph.errors[0].source), "PLACE") == UNFINISHED
    assert str(graph).splitlines()[0].startswith("Module")
    assert len(str(graph).splitlines()) == len(text.splitlines()) + 10


def test_shared_weights_repeated_calls_and_levels() -> None:
    gpt = any_graph("gpt").summary()
    assert [line.split()[0] for line in gpt.splitlines() if line.endswith("shared")] == ["wte", "lm_head"]
    assert "shared by several modules, counted once" in gpt
    resnet = any_graph("resnet20").summary()
    assert [line.strip().split()[0] for line in resnet.splitlines() if line.endswith("2 calls")] == ["relu"] * 9
    assert any_graph("resnet20").summary(0).splitlines()[2].endswith("inside")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("width", [100, 80])
def test_the_table_fits(name: str, width: int) -> None:
    graph = any_graph(name)
    header, rule, *rows = graph.summary(width=width).splitlines()
    table = rows[: rows.index(rule)]
    assert len(table) == len(graph.modules)
    columns = [len(header[: header.index(title)]) for title in ("Class", "Output shape", "Notes")]
    for line in (header, rule, *table):
        assert len(line) <= width
        assert all(line[column - 1 : column] in (" ", "", "─") for column in columns)
    assert flops_text(graph.totals) in rows[-1] + " ".join(rows)


@pytest.mark.parametrize("name", EVERY)
def test_levels_below_the_depth_are_left_out(name: str) -> None:
    graph = any_graph(name)
    levels = module_columns(graph)["depth"]
    for depth in range(max(levels) + 2):
        text = graph.summary(depth)
        rule = text.splitlines()[1]
        assert text.splitlines()[2:].index(rule) == sum(level <= depth for level in levels)
    assert graph.summary(max(levels)) == graph.summary()


@pytest.mark.parametrize("depth", [-1, 1.5, "all", True])
def test_a_depth_that_is_no_number_of_levels_is_refused(depth: object) -> None:
    with pytest.raises(ValueError, match="depth: expected a number of levels"):
        Graph(name="M").summary(depth)  # type: ignore[arg-type]


def test_deep_and_long_names_are_cut() -> None:
    paths = ["", *[".".join(["block"] * depth) for depth in range(1, 60)]]
    modules = [ModuleInfo(path=path, class_name="VeryLongNameOfAClass" * 3) for path in paths]
    lines = Graph(name="Deep", modules=tuple(modules)).summary(width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[3].startswith("  block ")
    assert all("block " in line for line in lines[3:62])
    assert lines[50].lstrip().startswith("…block")
    assert "VeryLong" in lines[50]


def test_names_cannot_break_the_table() -> None:
    modules = (ModuleInfo(path="", class_name="\x1b[31mRed"), ModuleInfo(path="a\nb", class_name="Block"))
    text = Graph(name="M", modules=modules, inputs="x\ny").summary()
    assert "\x1b" not in text
    assert len(text.splitlines()) == len(Graph(name="M", modules=modules[:1], inputs="x").summary().splitlines()) + 1


def test_an_empty_graph() -> None:
    graph = Graph(name="Nothing")
    assert graph.summary().splitlines()[-1] == "FLOPs         0 FLOPs counted (1 multiply-add = 2 FLOPs)"
    assert len(graph.modules_frame()) == 0
    assert repr(graph) == "<Graph of Nothing: 0 nodes, 0 modules>"


def test_repr_stays_short() -> None:
    assert repr(any_graph("gpt")) == "<Graph of GPT: 122 nodes, 66 modules>"


def test_the_text_needs_no_pandas(run_python) -> None:
    code = """
        from idlmav.gallery.saved import saved_models
        text = str(saved_models()[0].graph())
        print("pandas" in sys.modules, "numpy" in sys.modules, len(text) > 1000)
        """
    assert run_python(code).split() == ["False", "False", "True"]


# ------------------------------------------------------------------------------------------------ the frame


def test_the_frame_has_the_documented_columns() -> None:
    frame = any_graph("gpt").modules_frame()
    rows = [line.split() for line in str(Graph.modules_frame.__doc__).splitlines() if line.strip().startswith("``")]
    schema = {row[0].strip("`"): row[1] for row in rows}
    assert list(frame.columns) == list(schema)
    assert frame.index.name == "path"
    for column, kind in schema.items():
        if kind == "str":
            assert pd.api.types.is_string_dtype(frame[column].dtype), column
        else:
            assert frame[column].dtype == kind, column


@pytest.mark.parametrize("name", EVERY)
def test_rows_add_up_to_the_totals(name: str) -> None:
    graph = any_graph(name)
    frame, totals = graph.modules_frame(), graph.totals
    assert list(frame.index) == [module.path for module in graph.modules], "saved graphs are in the order of the tree"
    assert frame["own_param_count"].sum() == totals.param_count
    whole = frame.iloc[0]
    for column in (
        "param_count",
        "trainable_count",
        "weight_bytes",
        "activation_bytes",
        "flops_estimated",
        "flops_unknown",
    ):
        assert whole[column] == getattr(totals, column), column
    assert whole["flops"] == totals.flops_known
    parts = frame["flops_counted"] + frame["flops_estimated"] + frame["flops_measured"]
    assert (frame["flops"] == parts).all()
    assert frame["param_share"].between(0, 1).all()
    assert frame["flops_share"].between(0, 1).all()
    for path, row in frame.iterrows():
        inside = [other for other in frame.index if path == "" or other == path or other.startswith(f"{path}.")]
        # What is shared with a module outside counts in both, and is the own of the first.
        assert frame.loc[inside, "own_param_count"].sum() <= row["param_count"]


def test_counts_agree_with_torchs() -> None:
    torch = pytest.importorskip("torch")
    from idlmav.capture import capture
    from idlmav.gallery.models import MODELS

    for name in ("gpt", "resnet20", "lstm", "unfinished"):
        model, inputs = MODELS[name].make()
        shapes = {}

        def note(path, output, shapes=shapes):
            tensors = torch.utils._pytree.tree_leaves(output)
            shapes.setdefault(path, ", ".join(str(tuple(tensor.shape)) for tensor in tensors))

        frame = complete(capture(model, inputs)).modules_frame()
        assert dict(model.named_modules()).keys() == set(frame.index)
        for path, module in model.named_modules():
            row = frame.loc[path]
            assert row["param_count"] == sum(p.numel() for p in module.parameters())
            assert row["class_name"] == type(module).__name__
            held = [*module.parameters(), *module.buffers()]
            assert row["weight_bytes"] == sum(tensor.nbytes for tensor in held)
            module.register_forward_hook(lambda m, i, output, path=path, note=note: note(path, output))
        if name != "unfinished":
            with torch.no_grad():
                model(*inputs)
            found = frame["output_shape"]
            assert {path: found[path] for path in shapes} == shapes


def made(*nodes: Node, edges: tuple[tuple[str, str], ...] = (), calls: tuple[Call, ...] = ()) -> Graph:
    paths = dict.fromkeys(["", *[call.path for call in calls]])
    modules = tuple(ModuleInfo(path=path, class_name="M") for path in paths)
    return Graph(name="M", nodes=nodes, edges=tuple(Edge(*edge) for edge in edges), calls=calls, modules=modules)


def op(id: str, call: int, *shapes: tuple[int | None, ...], status: str = "ran") -> Node:
    return Node(id=id, op=id, operation=f"{id}()", call=call, shapes=shapes, status=status)  # type: ignore[arg-type]


def test_output_shapes_are_those_of_the_tensors_that_leave_the_first_call() -> None:
    calls = (Call(""), Call("a", 1, 0), Call("a", 2, 0), Call("b", 1, 0))
    graph = made(
        op("first", 1, (1,)), op("second", 1, (2,)), op("third", 1, (3, None)), op("again", 2, (4,)), op("unread", 3, (5,)),
        edges=(("first", "second"), ("second", "again"), ("first", "again"), ("third", "again")), calls=calls,
    )  # fmt: skip
    assert module_columns(graph)["output_shape"] == ["(5,)", "(1,), (2,), (3, ?)", "(5,)"]


def test_a_module_is_below_the_nearest_that_is_listed() -> None:
    modules = [ModuleInfo(path=path, class_name="M") for path in ("", "b", "a", "b.x.y", "a.z")]
    frame = Graph(name="M", modules=tuple(modules)).modules_frame()
    assert list(frame.index) == ["", "b", "b.x.y", "a", "a.z"]
    assert list(frame["depth"]) == [0, 1, 3, 1, 2]


def test_status() -> None:
    graph = any_graph("unfinished")
    status = graph.modules_frame()["status"]
    assert status[["", "features", "fc1", "act", "fc2", "auxiliary"]].tolist() == [
        "failed", "ran", "failed", "not_run", "not_run", "never called",
    ]  # fmt: skip


def test_a_lazy_parameter_has_no_count_yet() -> None:
    lazy = ParameterInfo(name="w", shape=None, dtype="float32", itemsize=4)
    graph = complete(Graph(name="M", modules=(ModuleInfo(path="", class_name="M", params=("w",)),), parameters=(lazy,)))
    assert graph.summary().splitlines()[2].split() == ["M", "M", "?"]
    assert "1 of unknown size" in graph.summary()
