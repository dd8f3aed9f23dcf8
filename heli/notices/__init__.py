"""Policy in plain words to the people it concerns; who read it is counted, never listed."""
