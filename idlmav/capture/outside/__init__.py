"""Everything around the ops: module calls, containers, and what has to be left as found."""
