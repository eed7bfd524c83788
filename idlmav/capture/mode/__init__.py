"""The function mode that records every op of a forward pass."""
