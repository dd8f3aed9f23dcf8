"""微心愿: a wish is put on the wall without its maker, taken on by those who can, delivered, confirmed and judged."""
