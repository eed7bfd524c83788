"""Shapes of the results of ops, by rules or by torch's own kernels on the meta device."""
