"""What the layout gets: boxes with their sizes, edges and nested groups."""
