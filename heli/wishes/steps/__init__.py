"""Every write of wishes: looking in at the home and the wall, pledges, and what follows from the loop."""

from heli.wishes.steps.follow import expire, follow, remind
from heli.wishes.steps.pledges import deliver, give_up, missing, pledge, receive, release, reveal
from heli.wishes.steps.wishes import (
    change,
    check,
    close,
    extend,
    let_read,
    look_in,
    post,
    publish,
    settle,
    turn,
    withdraw,
)

__all__ = [
    "change",
    "check",
    "close",
    "deliver",
    "expire",
    "extend",
    "follow",
    "give_up",
    "let_read",
    "look_in",
    "missing",
    "pledge",
    "post",
    "publish",
    "receive",
    "release",
    "remind",
    "reveal",
    "settle",
    "turn",
    "withdraw",
]
