"""Does a reply answer its message, and what does it leave out; on texts of our own."""

import json
from dataclasses import asdict

import pytest

from heli.engines.text import reply
from heli.engines.text.reply import State, learn, look, only_passed_on, relevance

LAMP = ("路灯不亮", "世学路 26 号门前三盏路灯从上周起不亮，老人晚上看不清台阶。")
HEAT = ("暖气不热", "金沟寨小区 3 号楼室温只有 14 度，供热公司来测过温，没有下文。")
LAMP_REPLY = "您好，世学路 26 号门前的三盏路灯是电缆接头进水，11 月 18 日下午已更换，当晚亮灯。再不亮请打 12345。"
HEAT_REPLY = (
    "您好，供热公司 11 月 18 日到金沟寨小区 3 号楼测温，室温 14 度，换热站循环泵故障，已更换，再不热请打 12345。"
)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("您好，11 月 18 日下午已到现场修好，再塌请打 12345。", ()),
        ("您好，我们已经修好了，谢谢支持理解。", ("when", "whom")),
        ("11 月 18 日，请联系城管局热线问一问。", ("done",)),
        ("计划 3 个工作日内换好，联系电话 0535-6220000。", ()),
        ("您好您好您好您好您好", ("done", "when", "whom")),
        ("11 月 18 日查看过，这里不能装减速带，有疑问打 12345。", ("rule",)),
        ("11 月 18 日查看过，按照《城市道路管理条例》不能装减速带，有疑问打 12345。", ()),
        ("11 月 18 日到现场查看，有疑问打 12345。", ("next",)),
        ("11 月 18 日到现场查看，下一步 3 天内换井盖，有疑问打 12345。", ()),
        ("好", ()),
    ],
)
def test_what_a_reply_leaves_out(text, missing):
    assert look(*LAMP, text).missing == missing


def test_a_text_that_is_whole_is_not_spared_for_its_shortness():
    assert look(*LAMP, "已修好", whole=True).missing == ("when", "whom")


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("您好，您反映的问题已转交住建局处理，感谢您的支持。", True),
        ("您的留言已收悉，已转有关部门调查核实，处理情况将及时回复您。", True),
        ("已责成物业处理。", True),
        ("已转交路灯所，路灯所 11 月 18 日换了三盏灯泡，当晚亮灯，再不亮请打 12345。", False),
        ("您好，感谢您的来信。", False),
        (LAMP_REPLY, False),
    ],
)
def test_passing_it_on_is_no_answer(text, passed):
    assert only_passed_on(text) is passed


def test_a_reply_fits_its_own_message_better_than_another():
    for own, other, text in ((LAMP, HEAT, LAMP_REPLY), (HEAT, LAMP, HEAT_REPLY)):
        assert relevance(*own, text) > 0.5 > reply.LOW > relevance(*other, text)
    seen = look(*LAMP, LAMP_REPLY)
    assert any("三盏路灯" in piece for piece in seen.answers)
    assert [LAMP_REPLY[a:b] for a, b in seen.found["whom"]] == ["12345"]


@pytest.mark.parametrize("text", ["您好，您的留言已收悉。", "感谢您对我们工作的支持！", "", "😀" * 50])
def test_too_little_text_has_no_relevance(text):
    assert look(*LAMP, text).relevance is None


@pytest.mark.parametrize("text", ["灯" * 20_000, "<b>x</b>'; --" * 900, "路灯" * 9000, "\0\0"])
def test_whatever_is_typed(text):
    assert 0 <= relevance(text, text, text) <= 1 and look(text, text, text, whole=True).found.keys() == {*reply.CHECKS}


def test_a_county_teaches_it_by_its_own_answers():
    """Streets and matters cross, so that only what is said tells a reply from its neighbour's."""
    streets = [a + b for a in "东南西北中" for b in "山河湖海林"]
    matters = ["井盖松动", "树枝挡灯", "下水返味", "垃圾没收", "健身器坏", "围墙开裂", "楼道堆物", "电梯停运"]
    pairs = [
        (f"{s}路{m}", f"我家门口{s}路上{m}，请来看看。", f"您好，{s}路的{m}一事已经派人看过，两天内办好。")
        for s in streets
        for m in matters
    ]
    state = learn(pairs)
    assert (
        state
        == learn(pairs)
        == State(**{k: tuple(v) if k == "weights" else v for k, v in json.loads(json.dumps(asdict(state))).items()})
    )
    right = [relevance(*p, state) for p in pairs[:40]]
    wrong = [relevance(*pairs[i][:2], pairs[i + 41][2], state) for i in range(40)]
    assert min(right) > max(wrong)
    with pytest.raises(ValueError, match="200"):
        learn(pairs[:50])
