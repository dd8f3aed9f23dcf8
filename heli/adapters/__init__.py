"""The outside world, one Protocol each with a real and a local way: text messages."""
