"""
From a captured graph to the network that is laid out: sizes, edges and nested groups.

`labels` writes the texts of boxes and frames and estimates their sizes. `groups` decides which nodes share a frame: those
of a module call, split where data leave and re-enter it. `repeats` finds runs of blocks that are built alike and `naming`
gives these groups ids and titles. `network` puts them together; nothing after it knows models. `small_ops` chooses the
ops that may be merged into their neighbour, and `stacks` merges them: a stack is laid out as a single box.
"""
