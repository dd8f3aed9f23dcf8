"""微心愿: a wish is put on the wall without its maker, taken on by those who can, delivered, confirmed and judged.

A wish is a `loop.Request` of kind "wish"; the row `Wish` stands beside it once a worker has looked in at the home.
"""
