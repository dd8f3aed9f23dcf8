"""Telling other systems what happened: events leave through the outbox to the addresses an administrator names,
signed, tried again, in order for each request."""
