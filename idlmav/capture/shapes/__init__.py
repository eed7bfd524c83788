"""What an op returns: shapes by rules, or by torch's own kernels on the meta device."""
