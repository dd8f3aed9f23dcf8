"""What holds everywhere: found by looking at the whole program, not at one page of it."""
