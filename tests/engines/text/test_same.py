"""The same event: keys, near-verbatim, pairs, events that grow day by day. All texts are our own (events.yaml)."""

import datetime as dt
import json
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from heli.cli import app
from heli.engines.text.nearly import Index, keys, verbatim
from heli.engines.text.same import WHY, Events, Message, clusters, likeness, linked

TOLD = yaml.safe_load((Path(__file__).parent / "events.yaml").read_text(encoding="utf-8"))
EVENT: dict[str, str] = {}
MESSAGES: list[Message] = []
for event, rows in TOLD.items():
    for day, title, body in rows:
        key = f"m{len(MESSAGES)}"
        EVENT[key] = event
        MESSAGES.append(Message(key, title, body, dt.datetime(2026, 1, 1) + dt.timedelta(days=day)))
FROZEN = [780590514168307847, -840870674435572270, 1740707047532645767, 604082378156207851]
OF = {name: [m for m in MESSAGES if EVENT[m.id] == name] for name in TOLD}


def b_cubed(groups: list[list[str]]) -> tuple[float, float]:
    found = {i: set(g) for g in groups for i in g}
    true = {i: {j for j in EVENT if EVENT[j] == EVENT[i]} for i in EVENT}
    return (sum(len(found[i] & true[i]) / len(found[i]) for i in EVENT) / len(EVENT),
            sum(len(found[i] & true[i]) / len(true[i]) for i in EVENT) / len(EVENT))  # fmt: skip


def test_our_own_events_are_found_and_their_neighbours_kept_apart():
    precision, recall = b_cubed(clusters(MESSAGES))
    assert (precision, recall) == pytest.approx((1, 1), abs=0.12)


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_within_a_day_does_not_matter(rng):
    days = [dt.datetime(2026, 1, 1 + n // 12) for n in range(len(MESSAGES))]  # a dozen a day
    messages = [Message(m.id, m.title, m.body, day) for m, day in zip(MESSAGES, days, strict=True)]
    shuffled = rng.sample(messages, len(messages))
    assert clusters(shuffled) == clusters(messages)


def test_events_go_on_tomorrow_from_yesterday():
    order = sorted(MESSAGES, key=lambda m: m.at)
    events = Events()
    for message in order[:-20]:
        events.add_day([message])
    state = json.loads(json.dumps(events.state()))
    assert not any(m.body in json.dumps(state, ensure_ascii=False) for m in MESSAGES)
    again = Events.resume(state, order[:-20])
    assert again.groups() == events.groups()
    again.add_day(order[-20:])
    assert again.event_of(order[0].id) == order[0].id
    assert sorted(i for g in again.groups() for i in g) == sorted(EVENT)
    recent = Events.resume(state, order[40:-20])  # what is too old is forgotten
    assert {i for g in recent.groups() for i in g} == {m.id for m in order[40:-20]}


def test_a_pair_says_why():
    plant, plant2, road = OF["搅拌站"][0], OF["搅拌站"][2], OF["道路坑洼（同一小区）"][0]
    one, other = likeness(plant, plant2), likeness(plant, road)
    assert one.p > 0.7 and other.p < 0.4
    assert {"same_place", "same_matter", "near_in_time"} <= set(one.reasons) <= set(WHY)
    assert "other_matter" in other.reasons and "锦绣江南" in "".join(one.shared)
    warm, cold = OF["整栋停暖"][0], OF["停暖（另一小区）"][0]
    assert "other_place" in likeness(warm, cold).reasons
    same = likeness(
        Message(1, plant.title, plant.body, reporter="r"), Message(2, plant.title, plant.body, reporter="r")
    )
    assert same.p > 0.95 and "same_person" in same.reasons
    put = [likeness(Message(1, warm.title, warm.body, place=a), Message(2, cold.title, cold.body, place="4302")).p
           for a in ("4302", "", "4401")]  # fmt: skip
    assert put[0] > put[1] > put[2]


def test_within_events_pairs_score_above_pairs_of_neighbours():
    within = [likeness(a, b).p for ms in OF.values() for a in ms for b in ms if a.id < b.id]
    near = [
        "道路坑洼（同一小区）",
        "停暖（另一小区）",
        "拖欠工资（另一公司）",
        "公交难等（另一路）",
        "麻将馆（另一小区）",
    ]
    across = [likeness(a, b).p for n, o in zip(near, ["搅拌站", "整栋停暖", "拖欠工资", "公交停运", "麻将馆"], strict=True)
              for a in OF[n] for b in OF[o]]  # fmt: skip
    above = sum((w > a) + (w == a) / 2 for w in within for a in across) / (len(within) * len(across))
    assert above > 0.85


def test_messages_of_one_event_share_a_key_and_strangers_rarely_do():
    found = {m.id: set(keys(m.body, title=m.title)) for m in MESSAGES}
    assert all(len(k) <= 24 and all(-(2**63) <= n < 2**63 for n in k) for k in found.values())
    pairs = [(a, b) for a in found for b in found if a < b]
    shared = {p: bool(found[p[0]] & found[p[1]]) for p in pairs}
    one = [shared[a, b] for a, b in pairs if EVENT[a] == EVENT[b]]
    strangers = [shared[a, b] for a, b in pairs if EVENT[a] != EVENT[b]]
    assert sum(one) / len(one) > 0.9
    assert sum(strangers) / len(strangers) < 0.05


def test_keys_are_the_same_for_ever():
    found = keys("石桥村三组的养猪场把粪水排到水渠里。", title="石桥村养猪场臭味熏天")
    assert found == keys("石橋村三組的養豬場把糞水排到水渠裡", title="石橋村養豬場臭味熏天！")
    assert found[:2] + found[-2:] == FROZEN, "stored keys would find nothing any more: raise nearly.VERSION and say so"


def test_the_index_grows(monkeypatch):
    monkeypatch.setattr(Index, "FRESH", 8)
    index = Index()
    assert index.query("石桥村") == []
    for n, m in enumerate(MESSAGES, 1):
        index.add(m.id, m.body, m.title)
        assert len(index) == n and index.query(m.body, m.title)[0] == (m.id, 1.0)
    for name in ("搅拌站", "养猪场", "17路"):
        asked = next(m for m in MESSAGES if name in m.title)
        near = [i for i, _ in index.query(asked.body, asked.title, most=4)]
        assert near[0] == asked.id and EVENT[asked.id] in {EVENT[i] for i in near[1:]}


LONG = "石桥村三组的养猪场把粪水排到水渠里，臭味熏得人吃不下饭，请环保局来人看一看，谢谢。"


@pytest.mark.parametrize(
    ("a", "b", "least", "most"),
    [
        (LONG, LONG, 1, 1),
        (LONG, "尊敬的领导：" + LONG.replace("，", ", "), 1, 1),
        (LONG, "再次反映！" + LONG, 0.7, 0.99),
        (LONG, "石桥村养猪场直排粪污，水渠发黑，下游的田不敢灌，环保局什么时候来人看一看？", 0, 0.4),
        ("请解决", "请解决！", 1, 1),
        ("请解决", "请解决停水", 0, 0),
        ("", "", 0, 0),
        ("😀😀", "😀😀", 0, 0),
    ],
)
def test_near_verbatim(a, b, least, most):
    assert least <= verbatim(a, b) <= most


def test_copied_words_with_another_estate_are_not_linked():
    body = "{}一楼本来是架空层，现在搞成商业门面，油烟直排，夜里吵到两点，业主投诉多次没有结果，请有关部门尽快查处。"
    here, there = (
        Message(n, f"{p}一楼开餐馆油烟扰民", body.format(p)) for n, p in enumerate(("桂花小区", "文昌苑小区"))
    )
    again = Message(3, "桂花小区一楼餐馆油烟直排", body.format("桂花小区"))
    assert linked(here, again) and not linked(here, there)


@pytest.mark.parametrize("text", ["", "😀🎉", "长" * 20_000, "<b></b>", "'; DROP TABLE x; --", "no heating in block 6"])
def test_bad_input_stands_alone(text):
    other = Message("x", "石桥村养猪场臭味", "石桥村养猪场")
    assert sorted(clusters([Message("a", text, text), other])) == [["a"], ["x"]]
    assert likeness(Message("a", text, text), other).p < 0.5
    assert len(keys(text)) <= 24


def test_an_id_twice_is_refused_and_nothing_is_taken():
    events = Events()
    events.add_day(OF["停水"])
    for day in (OF["停水"][:1], [OF["路灯"][0], OF["路灯"][0]]):
        with pytest.raises(ValueError, match="there"):
            events.add_day(day)
    assert sum(map(len, events.groups())) == len(OF["停水"])
    assert clusters([]) == []


def test_from_a_shell(tmp_path):
    table, couples = tmp_path / "m.csv", tmp_path / "p.csv"
    rows = ["编号,主题,详情,时间,谁"]
    shapes = ("{:%Y/%-m/%-d %-H:%M:%S}", "{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M:%S+08:00}", "{:%Y年%-m月%-d日}", "")
    chosen = [*OF["停水"], *OF["路灯"], *OF["退费"]]
    random.Random(1).shuffle(chosen)
    rows += [f"{m.id},{m.title},{m.body},{shapes[n % 5].format(m.at)},u{n}" for n, m in enumerate(chosen)]
    table.write_text("\n".join(rows), encoding="gb18030")
    couples.write_text(
        f"a,b\n{OF['停水'][0].id},{OF['停水'][1].id}\n{OF['停水'][0].id},{OF['退费'][0].id}\n", encoding="utf-8"
    )
    columns = ["--id", "编号", "--title", "主题", "--body", "详情", "--time", "时间", "--reporter", "谁"]

    def run(*words):
        return CliRunner().invoke(app, ["text", *map(str, words), *columns])

    groups = json.loads(run("cluster", table, "--json").stdout)["clusters"]
    assert [len({EVENT[i] for i in g}) for g in groups] == [1, 1, 1] and sum(map(len, groups)) >= 7
    assert (
        len(json.loads(run("cluster", table, "--json", "--all").stdout)["clusters"])
        == len(chosen) - sum(map(len, groups)) + 3
    )
    scored = json.loads(run("pairs", couples, table, "--json").stdout)["pairs"]
    assert [p["same"] for p in scored] == [True, False] and scored[0]["p"] > scored[1]["p"]
    assert set(scored[0]) == {"a", "b", "p", "same", "reasons", "shared"}
    couples.write_text("a,b\nm1,nobody\n", encoding="utf-8")
    assert (done := run("pairs", couples, table)).exit_code == 2 and "no message" in done.output
    table.write_text("\n".join([*rows, rows[1]]), encoding="utf-8")
    assert (done := run("cluster", table)).exit_code == 2 and "twice" in done.output
    table.write_text(rows[0] + "\n1,主题,详情,昨天,u\n", encoding="utf-8")
    assert (done := run("cluster", table)).exit_code == 2 and "昨天" in done.output
