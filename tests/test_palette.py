"""Colours: named palettes, fixed and avoided colours, stable colours of operations, readable texts."""

from __future__ import annotations

import json
from itertools import combinations, pairwise

import numpy as np
import pytest
from pictures import picture_of

from idlmav import MAV
from idlmav.metrics.catalogue import categories, category
from idlmav.scene.palette import DEFAULT_PALETTE, GRADIENT, Palette, contrast, ink, known_palettes, sequence

PLOTLY = [
    *("Plotly", "D3", "G10", "T10", "Alphabet", "Dark24", "Light24", "Set1", "Set2", "Set3"),
    *("Pastel", "Pastel1", "Pastel2", "Dark2", "Bold", "Safe", "Vivid", "Prism", "Antique"),
]
VIVID = sequence("Vivid")


@pytest.mark.parametrize("name", PLOTLY)
def test_the_sequences_of_plotly_express_are_known_in_any_case(name):
    colors = sequence(name)
    assert colors == sequence(name.upper()) == sequence(name.lower())
    assert len(colors) >= 8
    assert all(len(color) == 7 and int(color[1:], 16) >= 0 for color in colors)
    assert name in known_palettes()


@pytest.mark.parametrize(
    ("name", "count", "index", "color"),
    # As printed on plotly.com/python/discrete-color: the last of each.
    [
        ("Vivid", 11, 10, "#a5aa99"),
        ("Plotly", 10, 9, "#fecb52"),
        ("D3", 10, 9, "#17becf"),
        ("Safe", 11, 10, "#888888"),
        ("Alphabet", 26, 25, "#fa0087"),
        ("Dark24", 24, 23, "#af0038"),
        ("Light24", 24, 23, "#e48f72"),
        ("Set3", 12, 11, "#ffed6f"),
    ],
)
def test_an_index_means_the_same_colour_as_in_plotly(name, count, index, color):
    assert len(sequence(name)) == count
    assert sequence(name)[index] == color


def test_hex_colours_are_a_palette():
    assert sequence(["#1F77B4", "#ff7f0e"]) == ("#1f77b4", "#ff7f0e")
    mav = picture_of("relu", palette=["#12345F", "#1f77b4"], fixed_color_map={"nn.ReLU": 0})
    assert node_colors(mav)["nn.ReLU"] == {"#12345f"}


@pytest.mark.parametrize("wrong", [["red"], ["#1234"], [], [3], ["#1f77b4", "#12345g"]])
def test_anything_else_than_hex_colours_is_refused(wrong):
    with pytest.raises(ValueError, match="palette: a list of hex colours"):
        sequence(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("vivd", "'Vivid'"), ("Plotl", "'Plotly'"), ("Categry20", "'Category20'"), ("glasbey_lite", "'glasbey_light'")],
)
def test_an_unknown_palette_lists_the_known_ones_and_the_nearest(wrong, hint):
    with pytest.raises(ValueError, match=f"palette: {wrong!r} is not known. Did you mean {hint}") as error:
        picture_of("relu", palette=wrong)
    assert all(name in str(error.value) for name in PLOTLY)


def test_an_unknown_palette_like_nothing_else_gets_no_hint():
    with pytest.raises(ValueError, match=r"palette: 'qqqqqq' is not known\. Known names"):
        picture_of("relu", palette="qqqqqq")


@pytest.mark.parametrize("name", ["Category20", "Category20_7", "glasbey_light", "Viridis256", "viridis", "Colorblind"])
def test_names_of_bokeh_and_holoviews_are_known(name):
    scene = picture_of("unet", palette=name).scene()
    plain = picture_of("unet").scene()
    colors = scene["colors"]["operation"]["colors"]
    assert all(len(color) == 7 and int(color[1:], 16) >= 0 for color in colors)
    assert colors != plain["colors"]["operation"]["colors"]


def test_a_palette_of_bokeh_has_the_colours_of_bokeh():
    from bokeh.palettes import Category20

    mav = picture_of("conv", palette="Category20", fixed_color_map={"Convolution": 19})
    assert node_colors(mav)["nn.Conv2d"] == {Category20[20][19].lower()}


# ------------------------------------------------------------------------------------------- the user's choice


def node_colors(mav: MAV, choice: str = "operation") -> dict[str, set[str]]:
    """Fill colours of all nodes of each operation, as a renderer looks them up."""
    scene = mav.scene()
    coding = scene["colors"][choice]
    found: dict[str, set[str]] = {}
    for operation, k in zip(scene["nodes"]["operation"], coding["of"], strict=True):
        found.setdefault(operation, set()).add(coding["colors"][k])
    return found


@pytest.fixture(scope="module")
def documented() -> MAV:
    """The third example of the founding document."""
    return picture_of(
        "resnet18",
        palette="Vivid",
        avoid_palette_idxs={10},
        fixed_color_map={"Convolution": 7, "add()": 0, "nn.MaxPool2d": 5},
    )


def test_the_documented_colours_come_out_as_asked(documented):
    colors = node_colors(documented)
    assert colors["nn.Conv2d"] == {VIVID[7]}
    assert colors["add()"] == {VIVID[0]}
    assert colors["nn.MaxPool2d"] == {VIVID[5]}
    assert VIVID[10] not in set().union(*colors.values())
    fixed = {"nn.Conv2d", "add()", "nn.MaxPool2d"}
    others = set().union(*(found for name, found in colors.items() if name not in fixed))
    assert not others & {VIVID[7], VIVID[0], VIVID[5]}, "what is fixed for one is not given to another"


def test_the_documented_colours_are_those_of_the_legend(documented):
    coding = documented.scene()["colors"]["operation"]
    legend = dict(zip(coding["names"], coding["colors"], strict=True))
    assert {name: {color} for name, color in legend.items()} == node_colors(documented)
    assert legend["nn.Conv2d"] == VIVID[7]
    assert [coding["of"].count(coding["names"].index(name)) for name in ("nn.Conv2d", "add()", "nn.MaxPool2d")] == [
        20,
        8,
        1,
    ]


def test_categories_follow_the_map_too(documented):
    colors = node_colors(documented, "category")
    assert colors["nn.Conv2d"] == {VIVID[7]}
    assert VIVID[10] not in set().union(*colors.values())


def test_the_colour_of_an_operation_overrides_that_of_its_category():
    palette = Palette(colors=VIVID, fixed={"Convolution": 1, "nn.Conv2d": 2})
    assert palette.operation("nn.Conv2d", "conv2d") == VIVID[2]
    assert palette.operation("nn.Conv1d", "conv1d") == VIVID[1]
    assert palette.operation("conv2d()", "conv2d") == VIVID[1]
    assert palette.category("Convolution") == VIVID[1]


def test_inputs_and_outputs_can_be_coloured_too():
    palette = Palette(colors=VIVID, fixed={"input": 3})
    assert palette.operation("input", "input") == VIVID[3]
    assert palette.operation("output", "output") not in VIVID


@pytest.mark.parametrize("index", [-1, 11, 2.0, "7", None, True])
def test_an_index_that_the_palette_does_not_have_is_refused(index):
    with pytest.raises(ValueError, match=r"fixed_color_map\['add\(\)'\]: the palette has the indices 0 to 10, got"):
        picture_of("relu", palette="Vivid", fixed_color_map={"add()": index})
    with pytest.raises(ValueError, match="avoid_palette_idxs: the palette has the indices 0 to 10, got"):
        picture_of("relu", palette="Vivid", avoid_palette_idxs=[index])


def test_a_colour_cannot_be_avoided_and_asked_for():
    with pytest.raises(ValueError, match=r"fixed_color_map\['add\(\)'\]: colour 3 is also in avoid_palette_idxs"):
        picture_of("relu", avoid_palette_idxs={3}, fixed_color_map={"add()": 3})


def test_one_colour_has_to_be_left():
    with pytest.raises(ValueError, match="all 11 colours of the palette are avoided"):
        picture_of("relu", palette="Vivid", avoid_palette_idxs=range(11))
    only = picture_of("relu", palette="Vivid", avoid_palette_idxs=range(1, 11))
    assert node_colors(only)["nn.ReLU"] == {VIVID[0]}


@pytest.mark.parametrize("avoid", [{0}, {0, 1, 2}, set(range(10)), set(range(1, 11))])
def test_no_avoided_colour_is_ever_used(avoid):
    palette = Palette(colors=VIVID, avoid=avoid)
    names = [f"op{i}" for i in range(300)]
    used = {palette.operation(f"{name}()", name) for name in names} | {palette.name(name) for name in names}
    used |= {palette.category(name) for name in categories() if name != "Input and output"}
    assert used == {color for i, color in enumerate(VIVID) if i not in avoid}


# --------------------------------------------------------------------------------- the same colour everywhere


@pytest.mark.parametrize("palette", [DEFAULT_PALETTE, "Vivid", "Dark24"])
def test_an_operation_has_one_colour_in_every_model(palette):
    first = node_colors(picture_of("unet", palette=palette))
    second = node_colors(picture_of("other_order", palette=palette))
    common = first.keys() & second.keys()
    assert {"nn.Conv2d", "nn.BatchNorm2d", "nn.MaxPool2d", "relu()", "cat()"} <= common
    assert {name: first[name] for name in common} == {name: second[name] for name in common}
    assert all(len(colors) == 1 for colors in first.values())


def test_another_process_gives_the_same_colours(run_python, monkeypatch):
    code = """
        import json
        from idlmav.scene.palette import Palette, sequence
        palette = Palette(colors=sequence("Dark24"), avoid={3, 4}, fixed={"Convolution": 1, "add()": 2})
        print(hash("idlmav"))
        print(json.dumps([palette.operation(f"op{i}()", f"op{i}") for i in range(200)]))
    """
    palette = Palette(colors=sequence("Dark24"), avoid={3, 4}, fixed={"Convolution": 1, "add()": 2})
    here = [palette.operation(f"op{i}()", f"op{i}") for i in range(200)]
    hashes = set()
    for seed in ("1", "7"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        found, colors = run_python(code).splitlines()
        hashes.add(found)
        assert json.loads(colors) == here
    assert len(hashes) == 2, "the processes do hash texts differently"


# ---------------------------------------------------------------------------------------------- readable text


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01), "the grey that famously just fails"
    assert contrast("#0000ff", "#ffffff") == pytest.approx(8.59, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("fill", [*sequence(DEFAULT_PALETTE), *GRADIENT])
def test_text_reads_on_every_colour_of_ours(fill):
    assert contrast(ink(fill), fill) >= 4.5


@pytest.mark.parametrize("name", PLOTLY)
def test_text_takes_the_better_of_two_inks_on_the_colours_of_plotly(name):
    for fill in sequence(name):
        assert contrast(ink(fill), fill) == max(contrast(color, fill) for color in ("#10151c", "#ffffff"))
        assert contrast(ink(fill), fill) >= 4.2


def test_the_scene_brings_the_ink_of_every_colour(documented):
    scene = documented.scene()
    for coding in scene["colors"].values():
        assert coding["inks"] == [ink(color) for color in coding["colors"]]
        assert min(map(contrast, coding["inks"], coding["colors"])) >= 4.2
    assert len(scene["gradient_inks"]) == len(scene["gradient"]) == len(GRADIENT)


def test_the_gradient_falls_steadily_in_grey():
    on_black = [contrast(color, "#000000") for color in GRADIENT]
    assert on_black == sorted(on_black, reverse=True)
    assert len(set(on_black)) == len(on_black)


@pytest.mark.parametrize(("key", "hint"), [("Convolutoin", "Convolution"), ("pooling", "Pooling")])
def test_a_key_that_is_no_operation_and_no_category_is_refused(key, hint):
    with pytest.raises(ValueError, match=rf"fixed_color_map: '{key}' is neither .* Did you mean '{hint}'\?"):
        picture_of("relu", fixed_color_map={key: 1})


# ------------------------------------------------------------------------------------------- colour-blind eyes

# Severity 1.0 of Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113, in linear RGB.
EYES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none": np.eye(3),
}
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = (0.95047, 1.0, 1.08883)


def seen(color: str, eyes: str) -> np.ndarray:
    """Return the colour that such eyes see in CIE L*a*b*."""
    srgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    ratio = TO_XYZ @ np.clip(np.array(EYES[eyes]) @ linear, 0, 1) / WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_difference(colors, eyes: str) -> float:
    return min(float(np.linalg.norm(seen(a, eyes) - seen(b, eyes))) for a, b in combinations(colors, 2))


def test_a_difference_in_lab_is_measured_as_cie_does():
    assert seen("#ffffff", "none") == pytest.approx([100, 0, 0], abs=0.02)
    assert seen("#ff0000", "none") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)
    assert least_difference(["#ff0000", "#00ff00"], "none") == pytest.approx(170.6, abs=0.2)
    # The pair that these eyes confuse.
    assert least_difference(["#d7191c", "#1a9641"], "deuteranopia") < 0.5 * least_difference(
        ["#d7191c", "#1a9641"], "none"
    )


@pytest.mark.parametrize("eyes", EYES)
def test_common_categories_and_operations_are_distinguishable_for_all_eyes(eyes):
    palette = Palette()
    common = (
        "Convolution",
        "Linear",
        "Normalization",
        "Non-linear activations",
        "Arithmetic",
        "Pooling",
        "Transformer",
    )
    colors = [palette.category(name) for name in (*common, "Sparse", "Dropout", "Shape")]
    assert least_difference(colors, eyes) > 10, "2 is just noticeable side by side"
    operations = ("conv2d", "linear", "batch_norm", "relu", "add", "max_pool2d", "layer_norm", "gelu", "cat")
    assert least_difference([palette.operation(f"{op}()", op) for op in operations], eyes) > 10
    # Both are blue because they are related, but every U-Net has them side by side.
    assert least_difference([palette.operation(f"{op}()", op) for op in ("conv2d", "conv_transpose2d")], eyes) > 10


@pytest.mark.parametrize("eyes", EYES)
def test_the_gradient_is_light_to_dark_for_all_eyes(eyes):
    lightness = [seen(color, eyes)[0] for color in GRADIENT]
    assert all(a > b + 1 for a, b in pairwise(lightness))


def test_a_category_has_the_colour_of_its_commonest_operation():
    palette = Palette()
    for operation, op in (("nn.Conv2d", "conv2d"), ("nn.Linear", "linear"), ("nn.BatchNorm2d", "batch_norm")):
        assert palette.category(category(operation, op)) == palette.operation(operation, op)
