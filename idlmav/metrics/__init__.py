"""Numbers of a captured graph: what is known about each op, and parameters, bytes and FLOPs summed over modules."""
