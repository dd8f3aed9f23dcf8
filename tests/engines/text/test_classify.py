"""A classifier: learns, is sure only where it may be, refuses what is no request, learns from corrections, is kept."""

from __future__ import annotations

import pytest

from heli.engines.text import modelfile
from heli.engines.text.classify import Classifier, NotEnough
from tests.engines.text._messages import examples


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.fit(*examples(), known=("0201", "0501"), groups=None)


def test_it_learns_and_is_kept(model):
    assert model.labels == ("0201", "0202", "0301", "0401") and model.unknown == ("0501",)
    again = Classifier.load(model.save())
    for text, label in (
        ("福学小区楼道灯坏了", "0201"),
        ("菜市场的垃圾没人清运", "0202"),
        ("暖气片不热", "0301"),
        ("末班车甩客", "0401"),
    ):
        one, two = model.predict([""], [text])[0], again.predict([""], [text])[0]
        assert one.label == two.label == label and one.probability == pytest.approx(two.probability, abs=2e-3)
        assert sum(p for _l, p in one.choices) <= 1.0001 and one.choices[0][0] == label


@pytest.mark.parametrize(
    ("labels", "words"),
    [(["a", "a"], "one label"), (["", ""], "No example"), ([], "No example"), (["a", ""], "one label")],
)
def test_nothing_to_learn_from(labels, words):
    with pytest.raises(NotEnough, match=words):
        Classifier.fit(["灯"] * len(labels), ["坏了"] * len(labels), labels)


def test_files_that_are_no_models(model):
    raw = model.save()
    head = len(modelfile.MAGIC)
    newer = modelfile.write("classifier", {}, {}, version=modelfile.VERSION + 1)
    middle = bytearray(raw)
    middle[len(raw) // 2] ^= 1
    for bad, reason in (
        (b"", "not_a_model"), (b"PK\x03\x04 what", "not_a_model"), (raw[:head], "short"), (raw[:-1], "short"),
        (raw[: len(raw) // 3], "short"), (bytes(middle), "altered"), (raw + b"x", "altered"), (newer, "newer"),
        (modelfile.write("pairs", {}, {}), "kind"), (modelfile.write("classifier", {}, {}), "altered"),
    ):  # fmt: skip
        with pytest.raises(modelfile.BadModel) as found:
            Classifier.load(bad)
        assert found.value.reason == reason
