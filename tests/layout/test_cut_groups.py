"""The bands of a folded picture are aligned, no wider than necessary, with frames around their content."""

from __future__ import annotations

from idlmav.layout.folding.cut_groups import FramesAround, Piece, align_bands, band_of, place_bands

NO_FRAMES = FramesAround(ends={}, parents={}, lengths={}, before=0, after=0)


def test_a_thing_that_begins_with_a_cut_group_is_before_it() -> None:
    assert [band_of([10, 30], along) for along in (0, 10, 11, 30, 31)] == [0, 0, 1, 1, 2]


def test_a_band_moves_into_line() -> None:
    pieces = [[Piece("a", 0, 0, 100)], [Piece("b", 10, 0, 100)], [Piece("c", 20, 0, 40)]]
    assert align_bands(pieces, [10, -5]) == [0, 10, 5]


def test_a_band_that_would_make_the_picture_much_wider_stays_over_the_others() -> None:
    wide, narrow = Piece("a", 0, 0, 100), Piece("b", 10, 0, 30)
    assert align_bands([[wide], [narrow]], [80]) == [0, 80], "a tenth wider is no harm"
    assert align_bands([[wide], [narrow]], [200]) == [0, 70]
    assert align_bands([[wide], [narrow]], [-200]) == [0, 0]
    assert align_bands([[narrow], [wide]], [-200]) == [0, -70]


def test_many_small_bends_do_not_add_up() -> None:
    count = 12
    shifts = align_bands([[Piece(f"n{k}", 10 * k, 0, 100)] for k in range(count)], [24] * (count - 1))
    assert max(shifts) - min(shifts) + 100 <= 112


def test_a_frame_is_put_around_its_content_in_all_bands() -> None:
    pieces = [
        [Piece("a", 0, 0, 60), Piece("inner", 12, 10, 50), Piece("cut", 20, 10, 50)],
        [Piece("cut", 20, 30, 80), Piece("b", 30, 0, 20), Piece("", 45, 5, 5)],
    ]
    frames = FramesAround(
        ends={"outer": (5, 60), "inside": (10, 40)},
        parents={"outer": "", "inside": "outer"},
        lengths={"outer": 0, "inside": 0},
        before=3,
        after=2,
    )
    places, shifts, length = place_bands(pieces, [0, 100], frames)
    first = min(0, 10 - 3 - 3)
    assert shifts == [-first, 100 - first]
    assert places["a"] == (0, 60)
    assert places["cut"] == (10, 180), "a cut group reaches over both bands"
    assert places["inside"] == (10 - 3, 180 + 2)
    assert places["outer"] == (10 - 6, 180 + 4)
    assert length == 184


def test_a_frame_has_room_for_its_title() -> None:
    frames = FramesAround(ends={"outer": (0, 60)}, parents={"outer": ""}, lengths={"outer": 90}, before=5, after=5)
    places, _, length = place_bands([[Piece("a", 10, 0, 20)], [Piece("b", 30, 0, 20)]], [0, 0], frames)
    assert places == {"a": (5, 25), "b": (5, 25), "outer": (0, 90)}
    assert length == 90


def test_a_picture_of_nothing_has_no_length() -> None:
    assert place_bands([[]], align_bands([[]], []), NO_FRAMES) == ({}, [0], 0)
