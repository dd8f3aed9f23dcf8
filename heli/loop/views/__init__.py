"""Pages of the loop, by who uses them: parse, one step or query, render."""
