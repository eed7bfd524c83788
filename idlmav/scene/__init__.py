"""The scene: graph, layout and colours as plain columns that every renderer reads."""
