"""Searches in Python and in the page have the same language and results."""

from __future__ import annotations

from typing import Any

import pytest
from assets.node import run_js
from assets.test_search import CONDITIONS, PROBLEMS, REGULAR
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import gallery_graph

from idlmav import MAV
from idlmav.scene.build import Scene
from idlmav.search.find import find_ids, search
from idlmav.search.query import QueryError
from idlmav.still.compute import shown_compute

WORDS = [
    "conv", "CONV2", "layer1", "layer1.0.conv1", "nn.Conv2d", "Conv2d", "conv2d", "cat()", "add()", "relu(", "(add)",
    "x", "input", "BasicBlock", "basicblock", "BLOCK", "'conv1'", '"conv1"', "'a & b'", '"layer2.0', "'", "''", '""',
    "'x\"", "nothing-like-it", "1", ".", "*", "layer*", "é", "\u017f", "3 x", "3×", "(1, 64)", "\\\\", "a\\b", "#", "~",
    "=", "==", ">", "<", "!=", "a=", "=a", "conv conv", "\ttab", "not run", "encoder", "head", "decoder.1", "norm",
    "batch_norm", "Linear", "linear", "mlp", "block",
]  # fmt: skip
JOINED = [
    "conv & 1", "conv&1", "conv | relu", "conv|relu|add", "!conv", "! conv", "!!conv", "!(conv | relu)", "(conv)",
    "((conv))", "()", "( )", "conv & ()", "(conv & 1) | (relu & 2)", "conv & (1 | 2) & !layer3", "conv & & 1",
    "& conv", "conv &", "conv |", "| conv", "conv & |", "& | &", "!", "!!", "! &", "conv & !", "(", ")", "((", "))",
    ")(", "(conv", "conv)", "(conv))", "((conv)", "(conv &", "(!)", "cat() & add()", "add() | (conv)", "add( | conv",
    "(cat()) | x", "!cat()", "a(b|c)d", "f(x & y) | conv", "conv ) | x", "BasicBlock & layer2",
    "BasicBlock & params>1", "BasicBlock | params>1", "layer1 & !BasicBlock", "'conv & 1' | relu",
    "x | 'unclosed & conv", "x & \"a ) b\"", "a'b & c'd", "\u00a0conv\u00a0", "\ufeffconv\u2003&\u30001",
    "conv\u00851", "\x1cconv",
]  # fmt: skip
NUMBERS = [
    "params>0", "params > 0", "PARAMS>0", "params>=2304", "params==2304", "params=2304", "params!=2304",
    "params<2304", "params<=2304", "weights>1k", "parameters>1K", "param_count>2.304k", "params>2,304",
    "params>2_303", "params>.5k", "params>1.", "params>-1", "params>- 1", "params>1e3", "params>1E3", "params>1e+3",
    "params>1e-3", "params>1e", "params>1e400", "params<1e400", "params>0x10", "params>1ki", "params>1kib",
    "params>1kb", "params<1b", "params<1 B", "params<0.001 b", "params>1 k", "params>1 k i", "params>1m", "params>1M",
    "params>1G", "params>1T", "params>1kflops", "flops>1Mflops", "flops>1 MFLOPs", "macs>1 MMACs", "macs>0.5M",
    "macs==0", "flops==0", "flops!=0", "flops>=0", "flops<0", "flops>1e6", "flops<1e6", "FLOPS > 1 m", "bytes>=16KiB",
    "bytes>=16k", "bytes>65536b", "memory>64KiB", "activations<=65536", "activation_bytes!=65536", "bytes>1b",
    "bytes<1 kb", "params>'1'", "params>\"1k\"", "params>/1/", "params>", "params>=", "params", "params>>1",
    "params=>1", "params==", "params~1", "params!1", "params<>1", "params>1&params<3k", "params>1 & op==conv2d",
    "params>1 | flops>1M", "!params>1", "params>many", "params>1x", "flop>1", "pramas>1", "nofield>1", "_x>1", "é>1",
    "constructor>1", "__proto__==1", "toString~x", "class==BasicBlock & params>5k", "class==basicblock & flops>1M",
    "class==BasicBlock & macs>1M", "class==BasicBlock & bytes>1k", "class==basicblock & params<9k",
    "path~layer & params>1",
]  # fmt: skip
TEXTS = [
    "op==conv2d", "op=conv2d", "op = Conv2D", "op==nn.Conv2d", "op==Conv2d", "operation==add()", "op==add",
    "op!=conv2d", "op~conv", "op~CONV", "op>conv", "op<=conv", "op==", "op~", "op!=", "op", "op==conv*", "op==*2d",
    "op==*", "op==c*v*d", "op==conv?d", "op==*.*", "op=='conv2d'", 'op=="conv2d"', "op=='conv2d", "op==/conv/",
    "op~/CONV/i", "op!=/conv/", "op~/conv", "op==/", "op==//", "op==nothing", "category==Convolution",
    "category==convolution", "category~conv", "category!=Convolution", "category=='Non-linear activations'",
    "category==Non-linear*", "class==Conv2d", "class==nn.Conv2d", "class==BasicBlock", "class!=BasicBlock",
    "class~block", "class==*", "class==input", "class==", "class~/^B/", "class!=/^B/", "path==layer1",
    "path==layer1.0", "path~layer1", "path==layer1.*", "path!=layer1", "module==layer2.0.conv1",
    "path~/^layer[12]\\.0/", "path==(model)", "path~''", "path==''", "name==layer1.0.conv1", "id==layer1",
    "id!=layer1", "id~layer1 & class~block", "id==layer1.0.relu:2", "dtype==float32", "dtype==torch.float32",
    "type==float32", "dtype!=float32", "dtype~float", "dtype==int64", "shape==(1, 16, 32, 32)", "shape==1x16x32x32",
    "shape==[1,16,32,32]", "shape==1×16×32×32", "shape==*x32x32", "shape~32,32", "shape~32x32", "shape~(1, 16",
    "shape!=(1, 16, 32, 32)", "shape==()", "shape~/^1,/", "shape==1,16,32,32,", "shape==(1,)",
    "shape==( 1 , 16 , 32 , 32 , )", "status==ran", "status==not run", "status==not_run", "status==failed",
    "status!=ran", "status==never called", "status~not", "args~stride", "args~", "args==x", "args!=x",
    "source~models", "source~.py:", "source==*.py:*", "source~/:\\d+$/", "Op==Conv2d & Class==Conv2d",
    "op==conv2d|op==add", "op==add & (path~layer1 | path~layer2)", "op==cat(x, 1)",
    "shape==(1, 16, 32, 32) & op==conv2d", "op == 'a & b' | conv1",
]  # fmt: skip
# Regular expressions that Python and JavaScript read alike.
EXPRESSIONS = [
    "/conv/", "/CONV/", "/CONV/i", "/conv/ i", "/conv/g", "/conv/ii", "/conv/ig", "/conv/ & x", "/conv", "/conv[",
    "/conv(", "/conv\\", "/conv\\/", "/", "//", "///", "/ /", "/i", "/(/i", "/)/", "/[/", "/]/", "/{/", "/}/", "/a{/",
    "/1{1}/", "/1{2,1}/", "/*/", "/+/", "/?/", "/a**/", "/v+?/", "/v{1,2}?/", "/^/", "/$/", "/^$/", "/^conv1$/",
    "/\\b1/", "/\\Bv/", "/\\d/", "/\\d+$/", "/\\D\\d\\D/", "/\\w+/", "/\\W/", "/\\s/", "/\\S\\s/", "/[\\d.]+$/",
    "/[\\w.]+/", "/[^\\w.]/", "/[\\W\\D]/", "/[a-z]/", "/[A-Z]/", "/[a-z]+\\d/i", "/[z-a]/", "/[-a]/", "/[a-]/",
    "/[[]/", "/[a&&b]/", "/[a||b]/", "/[--1]/", "/[\\]]/", "/[\\b]/", "/[\\-]/", "/[^a-z0-9._]/", "/(a|b)/",
    "/(?:conv|relu)1/", "/(?=conv)/", "/conv(?=1)/", "/conv(?!1)/", "/(?<=conv)1/", "/(?<!conv)1/",
    "/(?/", "/(?<n/", "/(\\d)\\.\\1/", "/(.)\\1/", "/\\x63onv/", "/\\u0063onv/", "/\\./", "/\\-/", "/\\//", "/\\0/",
    "/./", "/.{20}/", "/conv|/", "/|/", "/a|*/", "/()/", "/(a/ | b", "/a & b/", "/a|b/ & !/c/", "'/conv/'",
    "path~/(\\d)\\.\\1/", "path==/^layer/i", "/é/i", "/É/i", "/K/i", "op~/[/", "op~/(/", "!/conv/", "!/(/",
    "/conv/ conv", "a/b/c", "/layer1.0/.conv1", "/a/i | /b/I", "/~~/", "/#/", "/ conv/", "/conv /", "/\\t/", "/$./",
]  # fmt: skip
CORPUS = list(
    dict.fromkeys(["", " ", "&", *WORDS, *JOINED, *NUMBERS, *TEXTS, *EXPRESSIONS, *CONDITIONS, *REGULAR, *PROBLEMS])
)
RUN = """
    const { search } = await load("search/find");
    const { applyCompute } = await load("detail/compute");
    const { scene, queries, compute: [compute_unit, estimates] } = input;
    applyCompute(scene, {compute_unit, estimates});
    const { nodes: {ids}, groups: {ids: groupIds} } = scene.geometry;
    return queries.map((query) => {
      const { nodes, groups, unreached, problem } = search(scene, query);
      if (problem) return "problem";
      return nodes && [ids.map((_, i) => nodes(i)), groupIds.map((_, i) => groups(i)), scene.unreached.ids.map((_, i) => unreached(i))];
    });
"""
SHOWN = [("flops", "shown"), ("macs", "hidden")]


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: MAV(gallery_graph(name)).scene() for name in ("resnet20", "unfinished", "gpt")}


def in_the_page(scene: Scene, queries: list[str], compute: tuple[str, str] = SHOWN[0]) -> list[Any]:
    return run_js(RUN, {"scene": scene, "queries": queries, "compute": compute})


def in_python(scene: Scene, queries: list[str], compute: tuple[str, str] = SHOWN[0]) -> list[Any]:
    shown = shown_compute(scene, *compute)
    return [_answer(shown, query) for query in queries]


def _answer(scene: Scene, query: str) -> Any:
    try:
        found = search(scene, query)
    except QueryError:
        return "problem"
    return found and [found.nodes, found.groups, found.unreached]


def differing(scene: Scene, queries: list[str], compute: tuple[str, str] = SHOWN[0]) -> list[str]:
    answers = zip(queries, in_the_page(scene, queries, compute), in_python(scene, queries, compute), strict=True)
    return [query for query, page, ours in answers if page != ours]


@pytest.mark.parametrize("compute", SHOWN, ids="-".join)
@pytest.mark.parametrize("name", ["resnet20", "unfinished", "gpt"])
def test_python_finds_what_the_page_finds(scenes, name, compute):
    assert differing(scenes[name], CORPUS, compute) == []


def test_the_queries_have_many_different_results(scenes):
    assert len(CORPUS) > 400
    answers = in_python(scenes["resnet20"], CORPUS) + in_python(scenes["unfinished"], CORPUS)
    assert sum(answer == "problem" for answer in answers) > 100
    found = [answer for answer in answers if isinstance(answer, list) and any(answer[0]) and not all(answer[0])]
    assert len({str(nodes) for nodes, _, _ in found}) > 100
    assert len({str(groups) for _, groups, _ in found if any(groups)}) > 10


PIECES = [
    "conv", "1", "layer1.0", " ", " & ", "|", "!", "(", ")", "&&", "params", "flops", "macs", "op", "class", "shape",
    "path", ">", "<=", "==", "!=", "~", "=", "1k", "2.3e3", "1KiB", "-1", ",", "\\", "'", '"', "*", "[", "]", ".", "-",
    "x", "é", "×32", "(1, ", "\u00a0", "conv2d", "BasicBlock", "status", "not_run", "/conv/", "/V\\d/i", "/[0-9]$",
]  # fmt: skip
ATOMS = [
    "c",
    "conv",
    "1",
    ".",
    "\\d",
    "\\w",
    "\\W",
    "\\.",
    "[a-z]",
    "[^v.]",
    "(?:on|l)",
    "(a|y)",
    "(?=1)",
    "\\b",
    "^",
    "$",
]
REPEATS = ["", "", "+", "*?", "?", "{1,2}"]
EXPRESSION = st.builds(
    "/{}/{}".format,
    st.lists(
        st.one_of(
            st.sampled_from(ATOMS), st.builds("{}{}".format, st.sampled_from(ATOMS[:-4]), st.sampled_from(REPEATS))
        ),
        min_size=1,
        max_size=6,
    ).map("".join),
    st.sampled_from(["", "i"]),
)
MADE_UP = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=9).map("".join),
    st.lists(EXPRESSION, max_size=2).map(" & op~".join),
    st.text(st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_characters="/"), max_size=12),
    st.text("conv12(). &|!\\[]{}?*+^$'\"=<>~", max_size=16),
)


@settings(max_examples=25)
@given(queries=st.lists(MADE_UP, min_size=60, max_size=120))
def test_python_understands_what_the_page_understands(scenes, queries):
    assert differing(scenes["unfinished"], queries) == []


@pytest.mark.parametrize("query", PROBLEMS)
def test_an_error_names_the_problem_as_the_page_does_and_its_place(scenes, query):
    problem, place = PROBLEMS[query]
    with pytest.raises(ValueError, match=rf"query, character {place}: ") as error:
        find_ids(scenes["resnet20"], query)
    assert isinstance(error.value, QueryError)
    assert problem.casefold() in str(error.value).casefold()


@pytest.mark.parametrize("query", ["/(?<=con|x)v/", "/1{99999999999}/", "/\\2(.)/", "/(?<n>conv)\\d/"])
def test_an_expression_that_python_does_not_know_is_an_error(scenes, query):
    with pytest.raises(QueryError, match="query, character 1: not a regular expression: "):
        search(scenes["resnet20"], query)


@pytest.mark.parametrize("sign", ["(", "!", "(!", "/("])
def test_deep_nesting_is_an_error_of_the_query(scenes, sign):
    start = "/" + "(" * 5000 if sign == "/(" else sign * 5000
    query = f"{start}conv{')' * start.count('(')}"
    with pytest.raises(QueryError, match=r"nested too deeply|not a regular expression"):
        search(scenes["resnet20"], query)
    assert find_ids(scenes["resnet20"], f"{'(' * 40}conv{')' * 40}") == find_ids(scenes["resnet20"], "conv")


STEPS = """
    const { Geometry } = await load("graph/geometry");
    const { findMatches } = await load("search/matches");
    const geometry = new Geometry(input.scene);
    return input.queries.map((query) => findMatches(geometry, {}, {query, highlighted: [], value_range: null}).steps);
"""


@pytest.mark.parametrize("name", ["resnet20", "unfinished", "gpt"])
def test_ids_are_in_the_order_in_which_the_page_steps_through_them(scenes, name):
    queries = ["conv", "BasicBlock", "layer1", "class==*", "status==never called", "h.0 | mlp", "!layer", "", "nothing"]
    page = run_js(STEPS, {"scene": scenes[name], "queries": queries})
    assert [find_ids(scenes[name], query) for query in queries] == [steps or [] for steps in page]
