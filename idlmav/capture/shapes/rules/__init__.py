"""
Shape rules: what an op returns, from the shapes of its operands alone.

They exist because kernels on the meta device are slow Python for many ops, and the first of them imports the
compiler (more than a second). Each rule is tested against the kernels over a grid of arguments.
"""

from idlmav.capture.shapes.rules import attention, dense, pointwise, spatial
from idlmav.capture.shapes.rules.registry import RULES, RuleError

__all__ = ["RULES", "RuleError", "attention", "dense", "pointwise", "spatial"]
