"""A forward that starts threads: what runs in them is not seen by a function mode, so the picture names the reason."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from idlmav import MAV
from idlmav.capture import capture


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)


class Submits(Two):
    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.submit(self.a, x), pool.submit(self.b, x)
            return first.result() + second.result()


class Maps(Two):
    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda layer: layer(x), [self.a, self.b]))


class Worker(threading.Thread):
    def __init__(self, function: object) -> None:
        super().__init__()
        self.function, self.value = function, None

    def run(self) -> None:
        self.value = self.function()


class OwnThread(Two):
    def forward(self, x: Tensor) -> Tensor:
        worker = Worker(lambda: x.shape[0])  # touches no weights, so nothing fails
        worker.start()
        worker.join()
        return self.a(x) * worker.value


class Waits(Two):
    def forward(self, x: Tensor) -> Tensor:
        timer = threading.Timer(0.0, lambda: None)
        timer.start()
        timer.join()
        return self.b(self.a(x))


NOTE = "forward starts threads"


@pytest.mark.parametrize("kind", [Submits, Maps, OwnThread, Waits])
def test_the_picture_says_that_threads_are_not_followed(kind: type[Two]) -> None:
    model, x = kind(), torch.randn(2, 4)
    expected = model(x)
    mav = MAV(model, x)
    assert NOTE in mav.graph.info["notes"]
    assert any(NOTE in note for note in mav.scene()["notes"])
    assert torch.equal(model(x), expected)


@pytest.mark.parametrize("kind", [OwnThread, Waits])
def test_ops_of_the_main_thread_are_drawn(kind: type[Two]) -> None:
    graph = capture(kind(), (torch.randn(2, 4),))
    assert not graph.errors
    assert "a" in graph.node_by_id


def test_a_model_without_threads_has_no_note() -> None:
    assert "notes" not in capture(nn.Sequential(nn.Linear(4, 4)), (torch.randn(2, 4),)).info


def test_threads_of_others_are_no_matter() -> None:
    class Meanwhile(Two):
        def forward(self, x: Tensor) -> Tensor:
            go.set()
            done.wait(timeout=60)
            return self.a(x)

    go, done = threading.Event(), threading.Event()

    def starts_another() -> None:
        go.wait(timeout=60)
        another = threading.Thread(target=done.set)
        another.start()
        another.join()

    other = threading.Thread(target=starts_another)
    other.start()
    graph = capture(Meanwhile(), (torch.randn(2, 4),))
    other.join()
    assert done.is_set()
    assert "notes" not in graph.info


def test_starting_threads_is_put_back() -> None:
    original = threading.Thread.start
    capture(Submits(), (torch.randn(2, 4),))
    assert threading.Thread.start is original
