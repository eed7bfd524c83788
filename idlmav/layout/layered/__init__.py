"""
The layered layout of one level (Sugiyama, Tagawa and Toda 1981): ranks, order, coordinates and routes.

`level` runs the steps for one level: `regions` divides it into chains and blocks, and for every block `ranks` assigns the
ranks and finds the main path, `order` sorts the items of each rank, `alignment` chooses the arcs that are straight,
`ports` the places where edges leave and enter boxes, `across` the x, `routes` the horizontal segments and `along` the y.
`crossings` compares the candidates of `order` by their routes. `memo` remembers the layouts of equal regions. `block` and
`geometry` are the values that the steps share, `contour` the lower border of the things placed so far.
"""
