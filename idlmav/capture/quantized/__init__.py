"""Layers and tensors that store other numbers than they stand for: quantized, packed, wrapped."""
