"""Models to look at: a few that the package brings along, and torchvision's."""
