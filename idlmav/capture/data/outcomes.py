"""Outcomes of a real call: what each torch function returned there, told in order to a run on meta tensors."""

from __future__ import annotations

import copy
from types import FrameType
from typing import Any

from torch import Tensor

from idlmav.capture.record.source import users_frame
from idlmav.capture.record.values import map_tensors, tensors_in

__all__ = ["Event", "Outcomes", "place_of", "shapes_of"]

_AHEAD_AT_MOST = 200
"""So many calls of the real call are passed over to find one that the other run makes next."""


def shapes_of(value: Any) -> list[Any]:
    """Return the shapes of the tensors in a value."""
    return [tensor.shape for tensor in tensors_in(value)]


def place_of(func: Any, frame: FrameType | None) -> tuple[Any, str, int]:
    """Return what a call of a torch function is recognized by: the function, the file and the line of the model."""
    frame = users_frame(frame)
    return (func, frame.f_code.co_filename, frame.f_lineno) if frame is not None else (func, "", 0)


class Event:
    """
    One call of a torch function in a real call of the model.

    Attributes
    ----------
    place : tuple
        See `place_of`.
    operands : list
        Shapes of the tensors among its arguments.
    outcome : object
        What it returned, with meta tensors in place of tensors; ``NotImplemented`` if that is not known.
    """

    __slots__ = ("operands", "outcome", "place")

    def __init__(self, place: tuple[Any, str, int], operands: list[Any]) -> None:
        self.place = place
        self.operands = operands
        self.outcome: Any = NotImplemented


class Outcomes:
    """
    The events of a real call, as one run on meta tensors reads them.

    Calls are recognized by their place and the shapes of their operands, so a run that leaves the path of the real
    call gets no answer there.
    """

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self._next = 0
        self._now: Event | None = None

    def again(self) -> Outcomes:
        """Return the same outcomes from the first one on, for another run."""
        return Outcomes(self.events)

    def follow(self, func: Any, frame: FrameType | None) -> None:
        """Find the event of a call that begins."""
        place = place_of(func, frame)
        self._now = None
        for index in range(self._next, min(self._next + _AHEAD_AT_MOST, len(self.events))):
            if self.events[index].place == place:
                self._next, self._now = index + 1, self.events[index]
                return

    def of(self, args: Any, kwargs: Any) -> Any:
        """Return the outcome of the call that was followed last; ``NotImplemented`` if it is not known."""
        event = self._now
        if event is None or event.outcome is NotImplemented or event.operands != shapes_of((args, kwargs)):
            return NotImplemented
        outcome = copy.deepcopy(event.outcome) if not tensors_in(event.outcome) else event.outcome
        return map_tensors(Tensor.clone, outcome)

    def corrected(self, result: Any, args: Any, kwargs: Any) -> Any:
        """Return a result that was computed, or that of the real call if its sizes are others."""
        real = self.of(args, kwargs)
        return result if real is NotImplemented or shapes_of(real) == shapes_of(result) else real
