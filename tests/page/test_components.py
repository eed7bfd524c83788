"""The browser-side components as Bokeh models."""

from __future__ import annotations

from pictures import picture_of

from idlmav.page.views.detail import Detail


def test_browsers_run_the_modules_as_they_are():
    controller = picture_of("unet").draw_interactive_graph().objects[1]
    keys = set()
    for component in (controller, Detail()):
        model = component.get_root()
        assert model.bundle not in (None, "url"), "it would be compiled as TypeScript"
        assert model.esm == component._esm
        keys.add(model.bundle)
    assert len(keys) == 2, "modules are kept by this"
