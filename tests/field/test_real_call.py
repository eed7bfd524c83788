"""Values and sizes that data decide, where they cost too much to compute one by one: one real call tells all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from capture.compare import differences
from capture.state import changes, generators, state
from torch import Tensor, nn

from idlmav.capture import capture
from idlmav.capture.data import replay
from idlmav.capture.reruns import real_call
from idlmav.capture.run import Run
from idlmav.graph import Graph


@pytest.fixture(autouse=True)
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each value cost too much to be computed alone, as behind a large backbone."""
    monkeypatch.setattr(replay, "FLOPS_AT_MOST", 10)


@torch.library.custom_op("idlmav_field::nms", mutates_args=())
def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Suppress boxes as torchvision's operator does, at its cost: each box that is kept meets all others."""
    order, kept = scores.argsort(descending=True), []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    while order.numel():
        first, order = order[0], order[1:]
        kept.append(first)
        sides = torch.minimum(boxes[first, 2:], boxes[order, 2:]) - torch.maximum(boxes[first, :2], boxes[order, :2])
        common = sides.clamp(min=0).prod(1)
        order = order[common / (areas[first] + areas[order] - common) <= threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.long)


class Net(nn.Module):
    """Layers, and a function that uses them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.boxes, self.scores = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 3, 1)
        self.head, self.last = nn.Linear(4, 8), nn.Linear(8, 8)
        self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))
        self.embedding = nn.Embedding(20, 8)
        self.function = function

    def features(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.stem(x)))

    def predicted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes and scores of one image."""
        y = self.features(x)
        corners = self.boxes(y).flatten(2)[0].T.sigmoid() * 8
        return torch.cat([corners[:, :2], corners[:, :2] + corners[:, 2:]], 1), self.scores(y).flatten(2)[0].T.sigmoid()

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def proposals(m: Net, x: Tensor) -> Any:
    """Faster R-CNN: the best boxes, those that are large enough, what is left of them after nms, a head for each."""
    boxes, scores = m.predicted(x)
    best, index = scores[:, 0].topk(min(50, len(boxes)))
    boxes = boxes[index]
    large = torch.where((boxes[:, 2:] - boxes[:, :2]).min(1)[0] > 1.0)[0]
    boxes, best = boxes[large], best[large]
    return m.last(m.head(boxes[nms(boxes, best, 0.5)][:20]))


def nms_per_class(m: Net, x: Tensor) -> list[Tensor]:
    """YOLO: a threshold, then nms for each class."""
    boxes, scores = m.predicted(x)
    found = []
    for number in range(3):
        mask = scores[:, number] > scores[:, number].median()
        kept = nms(boxes[mask], scores[mask, number], 0.3)
        found.append(torch.cat([boxes[mask][kept], scores[mask, number][kept, None]], 1))
    return found


def masks_per_class(m: Net, x: Tensor) -> dict[str, Tensor]:
    """SSD: boolean masks, nothing is done for a class without boxes."""
    boxes, scores = m.predicted(x)
    result = {}
    for number in range(3):
        mask = scores.argmax(1) == number
        if mask.any():
            result[str(number)] = m.head(boxes[mask]).max(0)[0]
    return result


def box_by_box(m: Net, x: Tensor) -> list[Tensor]:
    """A crop of the image for each box, whose corners are read as numbers."""
    boxes, scores = m.predicted(x)
    crops = []
    for left, top, right, bottom in boxes[nms(boxes, scores[:, 0], 0.2)].long().tolist():
        crops.append(F.adaptive_avg_pool2d(x[:, :, top : bottom + 1, left : right + 1], 2))
    return crops


def sampled(m: Net, x: Tensor) -> Tensor:
    """Faster R-CNN in training: some of the positive boxes, chosen at random."""
    boxes, scores = m.predicted(x)
    positive = torch.where(scores[:, 0] * torch.rand(len(scores)) > 0.25)[0]
    chosen = positive[torch.randperm(positive.numel())[:7]]
    number = int(torch.empty(1).uniform_(1, 5).item())
    return m.head(boxes[chosen]).repeat(number, 1)


def in_numpy(m: Net, x: Tensor) -> Tensor:
    """Postprocessing outside of torch."""
    boxes, scores = m.predicted(x)
    array = scores.detach().numpy()
    kept = array.max(1) > array.mean()
    return m.head(boxes[torch.from_numpy(kept)])


def routed(m: Net, x: Tensor) -> Tensor:
    """A mixture of experts: only those that are chosen run."""
    y = m.features(x).flatten(2)[0].T
    best = y[:, :4].argmax(1)
    out = torch.zeros_like(y)
    for number in best.unique():
        rows = (best == number).nonzero().squeeze(1)
        out[rows] = m.experts[number](y[rows])
    return out


def beams(m: Net, x: Tensor) -> Tensor:
    """A search that ends when all beams are done."""
    y = m.features(x).mean((2, 3)).repeat(3, 1) * torch.tensor([[1.0], [2.0], [3.0]])
    done = torch.zeros(3, dtype=torch.bool)
    total = y.sum(1)
    while not done.all():
        y = m.last(y) * 0.5
        total = total + y.abs().sum(1) + 1.0
        done = done | (total > 6.0)
    return y


def generated(m: Net, x: Tensor) -> list[int]:
    """Tokens, until one ends the text."""
    token, found = torch.tensor([1]), []
    state = m.features(x).mean((2, 3))
    for _ in range(12):
        state = torch.tanh(m.last(state + m.embedding(token)))
        token = (state.abs() * 100).long().sum(1) % 20
        found.append(token.item())
        if found[-1] < 4:
            break
    return found


def queries(m: Net, x: Tensor) -> Tensor:
    """Deformable DETR: a number of queries that scores decide, then layers on them."""
    boxes, scores = m.predicted(x)
    count = (scores.max(1)[0] > scores.mean()).sum()
    index = scores.max(1)[0].topk(int(count))[1]
    return m.head(boxes.gather(0, index[:, None].expand(-1, 4)))


def prompted(m: Net, x: Tensor) -> list[Tensor]:
    """Segment Anything: a loop over the points that were found."""
    y = m.features(x)
    points = (y[0, 0] > y[0, 0].mean()).nonzero()
    return [m.last(y[0, :, row, column]) for row, column in points[::9]]


def refined(m: Net, x: Tensor) -> Tensor:
    """Depth that the input decides: early exit of a cascade."""
    y = m.features(x).mean((2, 3))
    for expert in m.experts:
        y = expert(y)
        if y.norm() < 0.9:
            return y
    return m.last(y)


def counted(m: Net, x: Tensor) -> Tensor:
    """Tensors whose sizes are computed, of several kinds."""
    y = m.features(x).flatten()
    n = (y > y.mean()).sum()
    steps = torch.arange(n)
    return torch.zeros(n, 2) + steps[:, None] + y[:n].repeat_interleave(torch.ones(int(n), dtype=torch.long))[:, None]


def padded(m: Net, x: Tensor) -> Tensor:
    """Sequences of different lengths, which are split and padded again."""
    y = m.features(x).flatten(2)[0].T
    lengths = [int(v) for v in (y[:3].abs().sum(1) % 3 + 1)]
    return m.last(nn.utils.rnn.pad_sequence(list(y[: sum(lengths)].split(lengths)), batch_first=True))


def scattered(m: Net, x: Tensor) -> Tensor:
    """Writes at positions that values decide."""
    y = m.features(x).flatten(2)[0].T.clone()
    mask = y[:, 0] > y[:, 0].mean()
    y[mask] = m.last(y[mask])
    y.masked_fill_(torch.isnan(y), 0.0)
    return y[~mask].unique(dim=0)


def pasted(m: Net, x: Tensor) -> Tensor:
    """Mask R-CNN: each mask is written into the image at the place of its box, whose corners are tensors."""
    boxes, scores = m.predicted(x)
    canvas = torch.zeros(16, 16)
    for left, top, right, bottom in boxes[nms(boxes, scores[:, 0], 0.2)].long():
        wide, high = int(right - left + 1), int(bottom - top + 1)
        mask = F.interpolate(x[:, :1, :4, :4], size=(high, wide))[0, 0]
        canvas[top : bottom + 1, left : right + 1] = mask[: bottom - top + 1, : right - left + 1]
    return canvas


KINDS = [
    proposals, nms_per_class, masks_per_class, box_by_box, sampled, in_numpy, routed, beams, generated, queries, prompted,
    refined, counted, padded, scattered, pasted,
]  # fmt: skip


def image() -> Tensor:
    return torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(3))


def notes(graph: Graph) -> set[str]:
    return {note for node in graph.nodes for note in node.notes}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("function", KINDS)
def test_ops_are_those_of_a_real_run(function: Callable[..., Any], training: bool) -> None:
    torch.manual_seed(1)
    model, x = Net(function).train(training), image()
    before, random = state(model), generators()
    found, graph = differences(model, (x,), {})
    assert found == []
    assert not notes(graph) & {"guess", "zeros"}
    assert torch.equal(x, image())
    torch.manual_seed(1)
    Net(function)
    assert generators() == random
    capture(model, (x,))
    assert changes(before, state(model)) == []
    assert generators() == random


@pytest.fixture
def real_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the classes of all runs of a capture."""
    seen: list[str] = []
    plain = Run.forward

    def forward(self: Run, args: Any, kwargs: Any) -> Run:
        seen.append(type(self).__name__)
        return plain(self, args, kwargs)

    monkeypatch.setattr(Run, "forward", forward)
    return seen


def test_one_real_call_answers_all_questions(real_runs: list[str]) -> None:
    capture(Net(nms_per_class), (image(),))
    assert real_runs == ["Run", "RealRun", "Run"]


def test_a_model_without_questions_runs_once(real_runs: list[str]) -> None:
    capture(Net(lambda m, x: m.features(x)), (image(),))
    assert real_runs == ["Run"]


def test_values_that_cost_little_need_no_real_call(real_runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FLOPS_AT_MOST", 10**9)
    capture(Net(masks_per_class), (image(),))
    assert real_runs == ["Run"]


@pytest.mark.parametrize("limit", ["FLOPS_AT_MOST", "BYTES_AT_MOST"])
def test_a_real_call_that_costs_too_much_is_not_made(
    limit: str, real_runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_call, limit, 10)
    graph = capture(Net(masks_per_class), (image(),))
    assert "RealRun" not in real_runs
    assert graph.errors == ()
    assert "guess" in notes(graph)


@torch.library.custom_op("idlmav_field::slow", mutates_args=())
def slow(x: Tensor, asleep: bool) -> Tensor:
    """An op without FLOPs that takes a twentieth of a second, of the CPU unless it sleeps."""
    until = time.thread_time() + 0.05
    if asleep:
        time.sleep(0.05)
    while not asleep and time.thread_time() < until:
        pass
    return x + 1


@slow.register_fake
def _(x: Tensor, asleep: bool) -> Tensor:
    return torch.empty_like(x)


@pytest.mark.parametrize("asleep", [True, False])
def test_a_real_call_that_takes_too_long_ends(asleep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(m: Net, x: Tensor) -> Tensor:
        y = m.features(x)
        early = y[y > 0]
        for _ in range(200):
            y = slow(y, asleep)
        return m.last(torch.cat([early, y[y > 1e9]])[:8])

    monkeypatch.setattr(real_call, "SECONDS_AT_MOST" if asleep else "SECONDS_OF_PYTHON", 0.3)
    model = Net(waits).train()
    before = state(model)
    started = time.perf_counter()
    graph = capture(model, (image(),))
    assert time.perf_counter() - started < 3.0
    assert graph.errors == ()
    early, late = (node for node in graph.nodes if node.op == "getitem" and node.shapes[0] != (8,))
    assert ("guess" in early.notes, "guess" in late.notes) == (False, True)  # it is used as far as it went
    assert changes(before, state(model)) == []


@pytest.mark.parametrize("function", [proposals, nms_per_class, masks_per_class, box_by_box, prompted, routed, beams])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_without_values_sizes_are_small(function: Callable[..., Any], training: bool) -> None:
    model, x = Net(function).train(training).to("meta"), torch.empty(1, 3, 640, 640, device="meta")
    started = time.perf_counter()
    graph = capture(model, (x,))
    assert time.perf_counter() - started < 2.0
    assert graph.errors == ()
    assert len(graph.nodes) < 200
    assert "guess" in notes(graph)


def test_an_op_without_a_meta_kernel_compares_few_boxes() -> None:
    def plain(m: Net, x: Tensor) -> Tensor:
        boxes, scores = m.predicted(x)
        return boxes[nms(boxes, scores[:, 0], 0.5)]

    model = Net(plain).to("meta")
    started = time.perf_counter()
    graph = capture(model, (torch.empty(1, 3, 1024, 1024, device="meta"),))  # 65,536 boxes
    assert time.perf_counter() - started < 1.0
    assert graph.node_by_id["output"].shapes == ((1, 4),)


def test_where_small_sizes_raise_the_largest_are_tried() -> None:
    def rows(m: Net, x: Tensor) -> Tensor:
        y = m.features(x).flatten(2).transpose(1, 2)
        return m.last(y[y[..., 0] >= 0].view(7, -1, 8))

    graph = capture(Net(rows).to("meta"), (torch.empty(7, 3, 32, 32, device="meta"),))
    assert graph.errors == ()
    assert graph.node_by_id["last"].shapes == ((7, 64, 8),)


def test_the_true_error_is_found_on_the_true_path() -> None:
    def raises(m: Net, x: Tensor) -> Tensor:
        boxes, scores = m.predicted(x)
        kept = boxes[scores[:, 0] > scores[:, 0].min()]
        return m.last(m.head(kept).view(-1, 7)) if len(kept) == len(boxes) - 1 else kept

    graph = capture(Net(raises), (image(),))
    assert [failure.kind for failure in graph.errors] == ["RuntimeError"]
    shapes = [node.shapes for node in graph.nodes if node.op == "getitem"]
    assert ((79, 4),) in shapes


# ---- the model and the process are left as found


def writes_buffers(m: Net, x: Tensor) -> Tensor:
    m.norm.running_mean.add_(1.0)
    return m.features(x)


def writes_weights(m: Net, x: Tensor) -> Tensor:
    with torch.no_grad():
        m.head.weight.clamp_(-0.01, 0.01)
        m.last.weight.data.mul_(2.0)
        m.stem.bias.data = torch.zeros(8)
    return m.features(x)


def writes_attributes(m: Net, x: Tensor) -> Tensor:
    m.plain.add_(1)
    m.seen.append(x)
    m.cache["last"] = x
    m.other = x
    return m.features(x)


def writes_constants(m: Net, x: Tensor) -> Tensor:
    TABLE.add_(1.0)
    TABLE[1:].zero_()
    return m.features(x) + TABLE.sum()


def writes_embedding(m: Net, x: Tensor) -> Tensor:
    rows = F.embedding(torch.arange(20), m.embedding.weight, max_norm=0.1)
    return m.features(x) + rows.sum()


def writes_inputs(m: Net, x: Tensor) -> Tensor:
    y = m.features(x)
    x.zero_()
    return y


@torch.library.custom_op("idlmav_field::add_to_second", mutates_args=("y",))
def add_to_second(x: Tensor, y: Tensor) -> Tensor:
    """An op that writes into its second operand."""
    y.add_(1.0)
    return x * 2


def writes_by_a_custom_op(m: Net, x: Tensor) -> Tensor:
    return add_to_second(m.features(x), TABLE)


TABLE = torch.arange(4.0)
WRITING = [
    writes_buffers, writes_weights, writes_attributes, writes_constants, writes_embedding, writes_inputs,
    writes_by_a_custom_op,
]  # fmt: skip


@pytest.mark.parametrize("function", WRITING)
def test_what_a_real_call_writes_is_put_back(function: Callable[..., Any], real_runs: list[str]) -> None:
    def asks(m: Net, x: Tensor) -> Any:
        y = function(m, x)
        return y[y > 0]

    model, x = Net(asks).train(), image()
    model.plain, model.seen, model.cache = torch.zeros(3), [], {}
    before, table = state(model), TABLE.clone()
    graph = capture(model, (x,))
    assert "RealRun" in real_runs
    assert graph.errors == ()
    assert "guess" not in notes(graph)
    assert changes(before, state(model)) == []
    assert torch.equal(TABLE, table)
    assert torch.equal(x, image())
    assert (model.plain.tolist(), model.seen, model.cache, hasattr(model, "other")) == ([0, 0, 0], [], {}, False)


def test_hooks_see_the_real_call_and_change_its_path() -> None:
    model = Net(masks_per_class)
    model.scores.register_forward_hook(
        lambda module, args, output: output * 0 + torch.tensor([0.0, 9, 0])[:, None, None]
    )
    found, graph = differences(model, (image(),), {})
    assert found == []
    assert sum(node.path == "head" for node in graph.nodes if node.kind == "op") == 1


def test_iterators_and_keyword_arguments_reach_the_real_call() -> None:
    def several(m: Net, images: Any, *, scale: Tensor) -> list[Tensor]:
        return [y[y > scale] for y in (m.features(x) for x in images)]

    class Keywords(Net):
        def forward(self, images: Any, *, scale: Tensor) -> Any:
            return several(self, images, scale=scale)

    graph = capture(Keywords(proposals), (iter([image(), image() * 2]),), {"scale": torch.tensor(0.1)})
    real = Keywords(proposals)
    assert graph.errors == ()
    assert "guess" not in notes(graph)
    assert len(real([image(), image() * 2], scale=torch.tensor(0.1))) == 2
