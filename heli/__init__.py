"""Heli 合力: the loop 诉 → 转 → 办 → 评 that community social work runs on."""

__version__ = "0.1.0"
