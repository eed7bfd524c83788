"""The function mode that sees every op of a forward pass."""
