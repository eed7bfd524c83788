"""The geometry in the browser: rounded corners, look-ups, and boxes that grow while everything else keeps its order."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import pytest
from assets.node import run_js
from layout import networks as net
from pictures import picture_of

from idlmav import MAV
from idlmav.layout import Direction, columns
from idlmav.layout.engine import lay_out_network

DIRECTIONS = ["down", "right", "up", "left"]

# ------------------------------------------------------------------------------------------------ round corners

ROUND = 'const { roundCorners } = await load("graph/geometry"); return input.map(([xs, ys]) => roundCorners(xs, ys));'


def staircase(seed: int) -> tuple[list[float], list[float]]:
    random = Random(seed)
    xs, ys = [0.0], [0.0]
    for turn in range(random.randint(1, 9)):
        step = random.choice([0.0, 0.4, 3.0, 11.0, 50.0]) * random.choice([-1, 1])
        xs.append(xs[-1] + (step if turn % 2 else 0.0))
        ys.append(ys[-1] + (0.0 if turn % 2 else step))
    return xs, ys


def test_rounding_keeps_ends_and_stays_near_the_route():
    routes = [staircase(seed) for seed in range(150)]
    rounded = 0
    for (xs, ys), found in zip(routes, run_js(ROUND, routes), strict=True):
        points = list(zip(found["xs"], found["ys"], strict=True))
        assert points[0] == (xs[0], ys[0])
        assert points[-1] == (xs[-1], ys[-1])
        assert all(math.isfinite(value) for point in points for value in point)
        corners = list(itertools.pairwise(zip(xs, ys, strict=True)))
        # A corner of 6 px radius is cut by at most (2 - sqrt 2) / 2 of it, here with a quadratic curve.
        assert all(min(distance(point, *segment) for segment in corners) <= 6 * 0.36 for point in points)
        assert max(points)[0] <= max(xs) + 1e-9
        assert min(points)[0] >= min(xs) - 1e-9
        rounded += len(points) > len(xs)
    assert rounded > 80


def distance(point: tuple[float, float], start: tuple[float, float], end: tuple[float, float]) -> float:
    (px, py), (x0, y0), (x1, y1) = point, start, end
    length = (x1 - x0) ** 2 + (y1 - y0) ** 2
    share = min(1.0, max(0.0, ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length)) if length else 0.0
    return math.hypot(px - x0 - share * (x1 - x0), py - y0 - share * (y1 - y0))


def test_a_straight_route_stays_two_points():
    assert run_js(ROUND, [[[5, 5], [0, 90]]]) == [{"xs": [5, 5], "ys": [0, 90]}]


def test_a_corner_becomes_an_arc_between_its_legs():
    ((found),) = run_js(ROUND, [[[0, 20, 20], [0, 0, 20]]])
    assert (14, 0) in zip(found["xs"], found["ys"], strict=True)
    assert (20, 6) in zip(found["xs"], found["ys"], strict=True)
    assert found["xs"] == sorted(found["xs"])
    assert found["ys"] == sorted(found["ys"])


# ------------------------------------------------------------------------------------------------------ stretch

STRETCH = """
    const { makeFolder } = await load("fold/fold");
    const { stretch } = await load("graph/sizing");
    return input.map(({data, state, extra}) => {
      const before = makeFolder(data)(Uint8Array.from(state));
      return {before, after: stretch(before, Float64Array.from(extra), data.direction)};
    });
"""


def jobs(direction: Direction) -> list[dict[str, Any]]:
    found = []
    for seed, network in enumerate(
        [net.residual(6), net.u_shape(4), net.dense(7), *map(net.random_network, range(40))]
    ):
        layout = lay_out_network(network, direction=direction)
        random = Random(seed)
        extra = [random.choice([0, 0, 1, 7, 40, 110]) for _ in layout.boxes]
        for share in (0.0, 0.3):
            state = [int(random.random() < share) for _ in layout.groups]
            found.append({"data": columns(layout), "state": state, "extra": extra})
    return found


def boxes(geometry: dict[str, Any]) -> dict[tuple[str, int], tuple[float, float, float, float]]:
    """Return left, top, right, bottom of every visible box."""
    found = {}
    for kind, shown in (("nodes", "visible"), ("groups", "state")):
        table = geometry[kind]
        for i, flag in enumerate(table[shown]):
            if flag == (1 if kind == "nodes" else 2):
                x, y, w, h = (table[name][i] for name in "xywh")
                found[kind, i] = x, y, x + w, y + h
    return found


@pytest.fixture(scope="module", params=DIRECTIONS)
def stretched(request) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    given = jobs(request.param)
    return request.param, given, run_js(STRETCH, given)


def test_boxes_grow_along_the_flow_by_the_px_requested(stretched):
    direction, given, results = stretched
    length, across = ("w", "h") if direction in ("left", "right") else ("h", "w")
    for job, result in zip(given, results, strict=True):
        before, after = result["before"]["nodes"], result["after"]["nodes"]
        for i, visible in enumerate(before["visible"]):
            if visible:
                assert after[length][i] == pytest.approx(before[length][i] + job["extra"][i])
                assert after[across][i] == before[across][i]


def test_the_order_of_boxes_stays(stretched):
    direction, _, results = stretched
    start = 0 if direction in ("left", "right") else 1
    for result in results:
        before, after = boxes(result["before"]), boxes(result["after"])
        assert before.keys() == after.keys()
        for a, b in itertools.combinations(before, 2):
            if before[a][start + 2] <= before[b][start]:
                assert after[a][start + 2] <= after[b][start] + 1e-6, "what lay before still does, whole"
            assert after[a][1 - start] == before[a][1 - start], "nothing moves across the flow"


def test_no_boxes_overlap(stretched):
    _, _, results = stretched
    compared = 0
    for result in results:
        assert not overlaps(boxes(result["before"]))
        assert not overlaps(boxes(result["after"]))
        compared += len(boxes(result["after"]))
    assert compared > 1000


def overlaps(found: dict[Any, tuple[float, float, float, float]]) -> list[tuple[Any, Any]]:
    return [
        (a, b)
        for (a, (ax0, ay0, ax1, ay1)), (b, (bx0, by0, bx1, by1)) in itertools.combinations(found.items(), 2)
        if min(ax1, bx1) - max(ax0, bx0) > 1e-6 and min(ay1, by1) - max(ay0, by0) > 1e-6
    ]


def test_edges_still_end_on_the_borders_of_their_boxes(stretched):
    direction, _, results = stretched
    axis = 0 if direction in ("left", "right") else 1
    count = 0
    for result in results:
        after, before = boxes(result["after"]), boxes(result["before"])
        for edge, old in zip(result["after"]["edges"], result["before"]["edges"], strict=True):
            for end, at in (("source", 0), ("target", -1)):
                key = ("groups" if edge[end]["group"] else "nodes", edge[end]["index"])
                box, was = after[key], before[key]
                point, point_before = (edge["xs"][at], edge["ys"][at]), (old["xs"][at], old["ys"][at])
                side = [side for side in (axis, axis + 2) if point_before[axis] == pytest.approx(was[side], abs=0.06)]
                assert side, "before, too"
                assert min(abs(point[axis] - box[s]) for s in side) < 0.06
                assert box[1 - axis] - 0.06 <= point[1 - axis] <= box[3 - axis] + 0.06
                count += 1
    assert count > 1000


def test_routes_stay_orthogonal_and_off_the_boxes(stretched):
    _, _, results = stretched
    for result in results:
        found = boxes(result["after"])
        for edge in result["after"]["edges"]:
            ends = {("groups" if edge[end]["group"] else "nodes", edge[end]["index"]) for end in ("source", "target")}
            for (x0, y0), (x1, y1) in itertools.pairwise(zip(edge["xs"], edge["ys"], strict=True)):
                assert abs(x1 - x0) < 1e-6 or abs(y1 - y0) < 1e-6
                for key, (left, top, right, bottom) in found.items():
                    crosses = (
                        min(x0, x1) < right - 0.1
                        and max(x0, x1) > left + 0.1
                        and min(y0, y1) < bottom - 0.1
                        and max(y0, y1) > top + 0.1
                    )
                    assert not crosses or key in ends


def test_frames_keep_their_contents(stretched):
    _, given, results = stretched
    for job, result in zip(given, results, strict=True):
        groups, parents = result["after"]["groups"], job["data"]["groups"]["parent"]
        inside = dict(boxes(result["after"]))
        for (kind, i), (x0, y0, x1, y1) in inside.items():
            group = job["data"]["nodes"]["group"][i] if kind == "nodes" else parents[i]
            if group < 0:
                continue
            x, y, w, h = (groups[name][group] for name in "xywh")
            assert groups["state"][group] == 1
            assert x <= x0 + 1e-6
            assert y <= y0 + 1e-6
            assert x + w >= x1 - 1e-6
            assert y + h >= y1 - 1e-6


@pytest.mark.parametrize(("grows", "by"), [([3], 40), ([1, 2, 3, 4, 5], 40), (range(1, 10), 40), ([0, 5], 80)])
def test_boxes_side_by_side_share_their_growth(grows, by):
    """One box feeds nine and these feed the last: the layout grows along its longest path only."""
    layout = lay_out_network(net.network([(0, i) for i in range(1, 10)] + [(i, 10) for i in range(1, 10)]))
    extra = [40 if i in grows else 0 for i in range(11)]
    ((result),) = run_js(STRETCH, [{"data": columns(layout), "state": [0] * len(layout.groups), "extra": extra}])
    assert result["after"]["height"] - result["before"]["height"] == pytest.approx(by)
    assert result["after"]["width"] == result["before"]["width"]


def test_a_growth_of_0_px_changes_nothing():
    job = jobs("down")[0] | {"extra": [0] * len(jobs("down")[0]["extra"])}
    ((result),) = run_js(STRETCH, [job])
    assert result["after"] == result["before"]


@pytest.mark.parametrize(("value", "at"), [(0, 0), (1, 0), (1.5, 1), (2, 1), (3, 3), (9, 5)])
def test_rank_of(value, at):
    assert run_js('return (await load("fold/axis_map")).rankOf([1, 2, 2, 3, 5], input);', value) == at


# ----------------------------------------------------------------------------------------------------- look-ups

LOOK_UP = """
    const { Geometry } = await load("graph/geometry");
    const { collectVisible, hit: hitAt } = await load("graph/visible");
    const geometry = new Geometry(input.scene);
    geometry.update(input.folded, "none");
    const visible = collectVisible(geometry, {left: 0, right: geometry.width, top: 0, bottom: geometry.height, scale: 1});
    return input.names.map((name) => {
      const id = geometry.resolve(name);
      if (id === "") return {id};
      const place = geometry.shownAs(id);
      const {x, y, w, h} = geometry.rect(place);
      const hit = hitAt(geometry, visible, x + w / 2, y + 1);
      return {id, group: geometry.isGroup(id), shown: geometry.idOf(place), hit: hit && geometry.idOf(hit),
        ancestors: geometry.ancestors(id).map((group) => geometry.groupIds[group])};
    });
"""


def look_up(mav: MAV, names: list[str], folded: list[str]) -> list[dict[str, Any]]:
    return run_js(LOOK_UP, {"scene": mav.scene(), "names": names, "folded": folded})


@pytest.fixture(scope="module")
def mav() -> MAV:
    return picture_of("transformer")


def test_every_name_finds_its_box(mav):
    names = [node.id for node in mav.graph.nodes] + list(mav.layout.groups)
    for name, found in zip(names, look_up(mav, names, []), strict=True):
        assert found["id"] == found["shown"] == found["hit"] == name
        assert found["group"] == (name in mav.layout.groups and name not in mav.graph.node_by_id)


def test_a_folded_node_is_shown_by_the_outermost_folded_group(mav):
    inner = next(group for group in mav.layout.groups.values() if group.parent)
    inside = next(node for node, group in mav.layout.group_of.items() if group == inner.id)
    for folded in ([inner.id], [inner.parent], [inner.parent, inner.id]):
        (found,) = look_up(mav, [inside], folded)
        assert found["shown"] == found["hit"] == folded[0]
        assert found["ancestors"][:2] == [inner.id, inner.parent]


def test_a_module_path_finds_its_first_op(mav):
    paths = {node.path for node in mav.graph.nodes if node.kind == "op" and node.path} - set(mav.layout.groups)
    # A path that is also the id of an op means that op.
    first = {
        path: path if path in mav.graph.node_by_id else next(node.id for node in mav.graph.nodes if node.path == path)
        for path in paths
    }
    assert first
    assert [found["id"] for found in look_up(mav, list(first), [])] == list(first.values())


@pytest.mark.parametrize("name", ["", "nosuch", "__proto__", "constructor"])
def test_an_unknown_name_finds_nothing(mav, name):
    assert look_up(mav, [name], []) == [{"id": ""}]


def test_unknown_folds_are_ignored(mav):
    assert look_up(mav, [mav.graph.nodes[0].id], ["nosuch"]) == look_up(mav, [mav.graph.nodes[0].id], [])


BOUNDS = """
    const { makeFolder } = await load("fold/fold");
    return input.map(({data, state}) => {
      const { edges, edgesIn, width, height } = makeFolder(data)(Uint8Array.from(state));
      const boxes = edges.map(({xs, ys}) => [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
      const windows = [0, 0.2, 0.5, 0.9].map((at) => [at * width, at * height, (at + 0.3) * width, (at + 0.1) * height]);
      return {boxes, found: [...windows, ...boxes].map((window) => [window, edgesIn(...window)])};
    });
"""


def test_the_edges_in_a_window_are_those_whose_boxes_meet_it():
    seen = 0
    for job in run_js(BOUNDS, jobs("down")):
        for (left, top, right, bottom), found in job["found"]:
            wanted = [
                number
                for number, (x0, y0, x1, y1) in enumerate(job["boxes"])
                if x0 <= right and x1 >= left and y0 <= bottom and y1 >= top
            ]
            assert found == wanted
            seen += len(found)
    assert seen > 1000
