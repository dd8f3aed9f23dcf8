"""THE HEART: 诉 → 转 → 办 → 评. A request is heard, dispatched to the unit responsible, handled within its clocks,
and judged by the resident; what failed is done again. docs/loop.md draws it; states.py is its law."""
