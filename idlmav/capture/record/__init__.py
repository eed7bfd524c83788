"""Records of a run: ops, module calls, tensors and their origins."""
