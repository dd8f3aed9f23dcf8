"""Every write of suggestions, by subject: calls, what is suggested, seconding, answers and what comes of them."""

from heli.suggestions.steps.answer import answer
from heli.suggestions.steps.calls import close_call, end_calls, open_call, put_call, sum_up
from heli.suggestions.steps.measures import confirm, finish, give_up, let_go, report, send_back
from heli.suggestions.steps.said import (
    Said,
    add,
    correct,
    credit,
    keep_private,
    publish,
    read_addendum,
    show_name,
    suggest,
    take_up,
)
from heli.suggestions.steps.seconds import follow_joined, join, second, take_back

__all__ = [
    "Said",
    "add",
    "answer",
    "close_call",
    "confirm",
    "correct",
    "credit",
    "end_calls",
    "finish",
    "follow_joined",
    "give_up",
    "join",
    "keep_private",
    "let_go",
    "open_call",
    "publish",
    "put_call",
    "read_addendum",
    "report",
    "second",
    "send_back",
    "show_name",
    "suggest",
    "sum_up",
    "take_back",
    "take_up",
]
