"""A seeded county that lives 30 days through the real steps: 芝罘区 with its streets, communities and the cast."""
