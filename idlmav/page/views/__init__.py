"""HoloViews and Panel views of a scene, one viewer a file; each holds panes that are built once."""
