"""Models for the gallery: a few that are part of the package, and some of torchvision's."""
