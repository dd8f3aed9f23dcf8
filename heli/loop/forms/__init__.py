"""Forms of the loop's pages, by who uses them. They read what was typed; what is right is decided by the steps."""
