"""The loop as its users walk it: through pages only, from one person's screen to the next."""
