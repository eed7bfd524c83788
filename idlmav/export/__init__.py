"""Pages as files and as the output of a notebook cell."""
