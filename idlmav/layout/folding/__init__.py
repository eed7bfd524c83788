"""
Folding: groups of a layout shrink to one box without moving anything past anything else.

`choices` decides which groups to fold. `borders` finds where edges meet the frames of groups. `cut_groups` finds folded
groups with nothing beside them and aligns the bands between them. `axis_map` computes the shortest monotone map of one
axis (compaction of constraint graphs, Hsueh and Pederson 1979). `fold` puts these together and returns a layout.
`columns` writes a layout as columns of numbers for the twin of this package in the browser, ``page/assets/fold``.
"""
