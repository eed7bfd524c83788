"""
The dashboard: its views in Panel and HoloViews, and the JavaScript in ``assets`` that links them in the browser.

The views are functions that return empty panes, which JavaScript fills: a saved page has no kernel, so whatever reacts
to a click has to run in the browser anyway. The controller there does what ``@depends``, streams and ``DynamicMap`` do
in other HoloViz apps; Python holds the state (`idlmav.state.ViewState`) and makes the scenes.
"""
