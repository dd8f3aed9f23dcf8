"""Areas in five levels, and what stands in them."""
