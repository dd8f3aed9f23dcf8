"""A classifier: learns, is sure only where it may be, refuses what is no request, learns from corrections, is kept."""

from __future__ import annotations

import pytest

from heli.engines.text import modelfile
from heli.engines.text.asking import order_to_ask
from heli.engines.text.classify import Classifier, NotEnough
from heli.engines.text.refusing import refused
from tests.engines.text._messages import examples

SAID = (
    ("福学小区楼道灯坏了", "0201"),
    ("菜市场的垃圾没人清运", "0202"),
    ("暖气片不热", "0301"),
    ("末班车甩客", "0401"),
)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier.fit(*examples(), known=("0201", "0501"))


def test_it_learns_and_is_kept(model):
    assert model.labels == ("0201", "0202", "0301", "0401") and model.unknown == ("0501",)
    assert model.report["examples"] == 324 and model.report["macro_f1"] > 0.95
    again = Classifier.load(model.save())
    for text, label in SAID:
        one, two = model.predict([""], [text])[0], again.predict([""], [text])[0]
        assert one.label == two.label == label and one.probability == pytest.approx(two.probability, abs=2e-3)
        assert sum(p for _l, p in one.choices) <= 1.0001 and one.choices[0][0] == label and len(one.choices) == 3


def test_it_is_sure_only_above_what_was_seen(model):
    texts = ["路灯不亮了，晚上走路看不见", "麻烦看一下", "路灯坏了，垃圾没人清运"]
    clear, doubtful, parent = model.predict([""] * 3, texts, precision=0.9)
    assert clear.sure and clear.label == clear.level_label == "0201"
    assert not doubtful.sure and doubtful.label
    assert not parent.sure and parent.level_label == "02"  # lamps or litter, certainly something in the streets
    assert (
        model.threshold(0.9) <= model.threshold(0.99) <= model.threshold(0.999) == 2.0
    )  # 324 examples prove no 99.9 %
    assert not any(p.sure for p in model.predict([""], ["路灯不亮了，晚上走路看不见"], precision=0.999))


@pytest.mark.parametrize(
    ("labels", "words"),
    [(["a", "a"], "one label"), (["", ""], "No example"), ([], "No example"), (["a", ""], "one label")],
)
def test_nothing_to_learn_from(labels, words):
    with pytest.raises(NotEnough, match=words):
        Classifier.fit(["灯"] * len(labels), ["坏了"] * len(labels), labels)


def test_a_few_examples_and_labels_that_are_no_codes():
    model = Classifier.fit(["路灯", "垃圾", "暖气"], ["不亮", "很臭", "不热"], ["灯", "卫生", ""])
    found = model.predict(["路灯"], ["不亮了"])[0]
    assert found.label == "灯" and not found.sure and found.level_label == ""


def test_any_text_is_read(model):
    long = "楼道灯坏了，" * 4000
    for title, body, label in (
        ("", long, "0201"),
        ("", "樓道燈壞了１２３天，晚上走路看不見", "0201"),
        ("", "<p style='x'>楼道灯</p><script>alert(1)</script>坏了", "0201"),
        ("'; DROP TABLE requests; --", "楼道灯坏了", "0201"),
        ("WIFI", "28路车 bus 到站不停 司机甩客 28路车 🚌", "0401"),
        ("\ud83d", "暖气片不热\x00\u202e", "0301"),
        (None, "暖气片不热", "0301"),
    ):
        assert model.predict([title], [body])[0].label == label, (title, body[:20])
        assert model.explain(title or "", body)
    assert model.predict([], []) == []


@pytest.mark.parametrize(
    ("title", "body", "why"),
    [
        ("", "", "empty"), ("  ", "\n", "empty"), ("😀🔥", "👍👍👍", "empty"), ("。。。", "！？——", "empty"), ("<br>", "<p></p>", "empty"),
        ("The street lamp", "in front of 大海阳 has been broken for a week, please mend it.", "foreign"),
        ("", "この道の街灯が壊れていますので直してください", "foreign"), ("", "Не горит фонарь во дворе дома", "foreign"),
        ("", "SELECT * FROM users WHERE name = 'x'; DROP TABLE users", "foreign"),
        ("12345", "", "no_words"), ("", "ok", "no_words"), ("", "龘龘", "no_words"),
        ("代开发票", "代开各类发票，税点低，可验真伪，加微信：fp88888", "advertising"),
        ("", "无抵押贷款，当天放款，有需要请加微信 dk_2233", "advertising"), ("", "專業辦證刻章，聯繫電話：１３９００００００００", "advertising"),
        # What must be read
        ("水", "", ""), ("停水", "停", ""), ("没电", "", ""), ("路灯不亮", "", ""), ("wifi坏", "", ""), ("2号楼", "漏", ""), ("噪音！！！", "", ""),
        ("小广告", "楼道里都是办证刻章、贷款的小广告，留着电话13900000000，请清理", ""), ("贷款", "公积金贷款放款多久，联系电话打不通", ""),
        ("", "超市优惠促销是假的，打折前先涨价", ""), ("", "公司代开发票骗税，老板微信abc12345", ""), ("招工", "日结工资没有结，电话13900000000", ""),
        ("", "看不了网页 https://www.example.org/a/very/long/address/of/a/page?with=words", ""), ("", "ＡＰＰ登录不上Service Unavailable", ""),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told(model, title, body, why):
    found = model.predict([title], [body])[0]
    if why:
        assert found.rejected == why and found.label is None and not found.sure and found.choices == ()
    else:
        assert refused(title, body) == ""


def test_it_says_which_words_spoke(model):
    title, body = "幸福小区Ａ座", "您好：樓道燈壞了一個星期，老人差點摔倒，垃圾桶在旁边。"
    words = model.explain(title, body)
    assert any("燈" in w.text and w.field == "body" for w in words[:2]) and not any("垃圾" in w.text for w in words)
    for w in words:
        assert {"title": title, "body": body}[w.field][w.start : w.end] == w.text and w.weight > 0
    assert [w.weight for w in words] == sorted((w.weight for w in words), reverse=True)
    assert "垃圾" in model.explain(title, body, "0202", n=1)[0].text
    assert model.explain(title, body, "9999") == [] and len(model.explain(title, body, n=2)) == 2


def test_a_correction_is_learned_and_nothing_else_changes(model):
    wrong = ("社区事务", "井盖松动，车一过就咣当响，晚上睡不着觉，请管管")
    before = {
        text: p.choices for (text, _l), p in zip(SAID, model.predict([""] * 4, [t for t, _l in SAID]), strict=True)
    }
    was = model.predict([wrong[0]], [wrong[1]])[0].label
    right = next(name for name in model.labels if name != was)
    once = model.partial_fit([wrong[0]], [wrong[1]], [right])
    twice = once.partial_fit(["社区的事"], ["井盖松动，车一过就咣当咣当响，夜里睡不着，请管一管"], [right])
    assert twice.predict([wrong[0]], [wrong[1]])[0].label == right
    assert twice.predict([""], ["井盖松动，车一过就响，晚上睡不着，麻烦管管"])[0].label == right
    assert model.predict([wrong[0]], [wrong[1]])[0].label == was  # the old one stays as it was
    kept = Classifier.load(twice.save())
    for text, label in SAID:
        found = kept.predict([""], [text])[0]
        assert found.label == label and found.probability == pytest.approx(before[text][0][1], abs=0.01)
    # a label nobody had an example of, and one that no tree has
    new = twice.partial_fit(["宠物"], ["小区里有人遛狗不牵绳，狗追着孩子跑"], ["0501"])
    assert new.unknown == () and new.predict([""], ["遛狗不牵绳，狗追着孩子跑"])[0].label == "0501"
    assert model.partial_fit([], [], []).predict([""], ["暖气片不热"])[0].label == "0301"


def test_what_to_ask_next(model):
    _titles, bodies, labels = examples()
    texts = ["请派人来修管管灯垃圾车", *bodies, "😀", "路灯不亮"]
    first = order_to_ask(None, [""] * len(texts), texts, n=8)
    assert len(first) == len(set(first)) == 8 and len({labels[i - 1] for i in first if 0 < i <= 324}) == 4
    assert order_to_ask(model, [""] * len(texts), texts, n=3)[0] == 0  # what could be any of them
    assert (
        sorted(order_to_ask(model, ["", ""], ["😀", "路灯不亮"], n=9)) == [1] and order_to_ask(None, [], [], n=3) == []
    )


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
