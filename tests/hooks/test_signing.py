"""Signatures are those of Standard Webhooks: anybody's library verifies them."""

from __future__ import annotations

import base64
import datetime as dt

import pytest

from heli.hooks.signing import BadSignature, headers, new_secret, sign, verify

# The vector of the specification (and of its reference libraries).
SECRET, MESSAGE, STAMP = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY, SIGNATURE = b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SENT = dt.datetime.fromtimestamp(STAMP, dt.UTC)
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()


def test_the_vector_of_the_specification() -> None:
    assert sign(SECRET, MESSAGE, STAMP, BODY) == SIGNATURE
    verify(SECRET, {"webhook-id": MESSAGE, "webhook-timestamp": str(STAMP), "webhook-signature": SIGNATURE}, BODY, SENT)


def test_while_a_secret_changes_either_verifies() -> None:
    made = headers([OTHER, SECRET], MESSAGE, STAMP, BODY)
    assert made["webhook-signature"].split(" ")[1] == SIGNATURE
    for secret in (SECRET, OTHER):
        verify(secret, made, BODY, SENT)


GOOD = headers([SECRET], MESSAGE, STAMP, BODY)


@pytest.mark.parametrize(
    ("given", "body", "now", "secret"),
    [
        (GOOD, BODY + b" ", SENT, SECRET),
        (GOOD, BODY, SENT, OTHER),
        (GOOD | {"webhook-id": "msg_other"}, BODY, SENT, SECRET),
        (GOOD | {"webhook-timestamp": str(STAMP + 1)}, BODY, SENT, SECRET),
        (GOOD | {"webhook-timestamp": "soon"}, BODY, SENT, SECRET),
        (GOOD | {"webhook-timestamp": "9" * 30}, BODY, SENT, SECRET),
        (GOOD | {"webhook-signature": SIGNATURE.replace("v1,", "v2,")}, BODY, SENT, SECRET),
        (GOOD | {"webhook-signature": ""}, BODY, SENT, SECRET),
        (GOOD | {"webhook-signature": "v1,签名"}, BODY, SENT, SECRET),
        ({}, BODY, SENT, SECRET),
        (GOOD, BODY, SENT + dt.timedelta(minutes=6), SECRET),  # kept by somebody and sent again
        (GOOD, BODY, SENT - dt.timedelta(minutes=6), SECRET),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, str], body: bytes, now: dt.datetime, secret: str) -> None:
    with pytest.raises(BadSignature):
        verify(secret, given, body, now)


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50 and all(len(base64.b64decode(s.removeprefix("whsec_"))) == 32 for s in made)
