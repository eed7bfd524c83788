"""The layered layout of one level (Sugiyama): ranks, order, coordinates, routes."""
