"""Names of places in free text, and what is learned of them. All sentences are our own."""

from __future__ import annotations

import pytest

from heli.engines.text.landmarks import Told, learned, names, readings

SENTENCES = {
    "我家住在阳光花园12号楼3单元，楼道灯坏了": "阳光花园",
    "幸福路上的路灯不亮": "幸福路",
    "我家楼下有人占道经营": "",
    "学校门口天天堵车": "",
    "小区里没有停车位": "",
    "到毓璜顶医院看病排不上号": "毓璜顶医院",
    "和平路和平安街交叉口红绿灯坏了": "和平路 平安街",
    "我在向阳小区门口等了半天": "向阳小区",
    "家家悦超市卖过期牛奶": "家家悦超市",
    "南大街购物中心门前积水": "南大街购物中心",
    "希望幸福路小学门口设斑马线": "幸福路小学",
    "芝罘区毓璜顶街道大海阳社区建设小区北门垃圾成堆": "建设小区",
    "请问迎春大街128号的房子能过户吗": "迎春大街",
    "附近的农贸市场太脏": "",
    "老旧小区改造什么时候轮到我们": "",
    "我们小区物业不作为": "",
    "阳光花园小区物业乱收费": "阳光花园",
    "三站批发市场门口乱停车": "三站批发市场",
    "马路对面的网站公司扰民": "",
    "沿着滨海中路一直走到月亮湾公园，路面塌陷": "滨海中路 月亮湾公园",
    "孩子在实验小学上学": "实验小学",
    "奇山小学附近新开的网吧接纳未成年人": "奇山小学",
    "从塔山游乐园到火车站没有公交车": "塔山游乐园",
    "烟台山医院停车场收费不合理": "烟台山医院",
    "世回尧路到青年路段晚上渣土车多": "世回尧路 青年路",
    "南山公园的厕所没有水": "南山公园",
    "西南河路桥下积水": "西南河路桥",
    "农村的水泥路坏了": "",
    "这条路坑坑洼洼": "",
    "我村村民反映路不通": "",
    "希望在大润发超市旁边设公交站": "大润发超市",
    "万达广场停车难": "万达广场",
    "广场舞扰民": "",
    "街道办事处不接电话": "",
    "华信家园一期电梯停运": "华信家园",
    "住建局家属院没有暖气": "住建局家属院",
    "上夼西路与上夼东路之间路灯不亮": "上夼西路 上夼东路",
    "前进路上的井盖坏了": "前进路",
    "上海大道两侧树木遮挡": "上海大道",
    "幸福中路第三小学放学堵车": "幸福中路第三小学",
    "新世纪幼儿园食堂不卫生": "新世纪幼儿园",
    "王建国在桃花街12号摆摊": "桃花街",
    "红旗中路加油站排队": "红旗中路加油站",
    "芝罘屯路小区12号楼漏水": "芝罘屯路小区",
    "只楚路旁边工厂冒黑烟": "只楚路",
    "大海阳路50号院污水外溢": "大海阳路",
    "黄务立交桥修路绕行": "",
    "慎礼胡同没有路灯": "慎礼胡同",
    "文化宫后街夜市噪音大": "文化宫后街夜市",
    "有色家园停水三天": "有色家园",
    "通世新城水压低": "通世新城",
    "天桥上有人摆摊": "",
    "各小学放学时间太早": "",
    "大家都去人民广场跳舞": "人民广场",
    "中国建设银行旁的三马路一直在修": "三马路",
    "我要投诉金象泰超市": "金象泰超市",
    "市场监管局不管": "",
    "黑心超市缺斤少两": "黑心超市",
    "请在华茂大厦前增设垃圾桶": "华茂大厦",
    "幸福十二村路灯坏了": "幸福十二村",
}
DHY, BJ, XG = "370602003006", "370602003001", "370602003002"


@pytest.mark.parametrize(("text", "wanted"), SENTENCES.items(), ids=list(SENTENCES))
def test_names_in_a_sentence(text: str, wanted: str) -> None:
    found = names(text)
    assert " ".join(n.text for n in found) == wanted
    assert all(text[n.start : n.end].startswith(n.text) and n.text in readings(text) for n in found)


def test_anything_may_be_read() -> None:
    odd = ("", "🙂" * 500, "路" * 2000, "'; DROP TABLE places--", "<b>" * 300, "by the park", "小区" * 400, "到" * 900)
    assert [n.text for text in odd for n in names(text)] == []


def test_kinds_full_width_and_doors() -> None:
    found = names("阳光花园１２号楼３单元５０１，旁边是三马路，王建国家在明德小学后面")
    assert [(n.text, n.kind) for n in found] == [("阳光花园", "estate"), ("三马路", "road"), ("明德小学", "school")]


def told(where: dict[str, int], text: str, start: int = 0) -> list[Told]:
    n = iter(range(start, 10_000))
    return [Told(text, path, f"v{next(n)}") for path, times in where.items() for _ in range(times)]


def known(rows: list[Told], least: int = 3, share: int = 90) -> dict[str, tuple[str, dict[str, int]]]:
    return {m.name: (m.area_path, dict(m.counts)) for m in learned(rows, least=least, share=share)}


def test_where_a_name_lies_is_learned_from_several_people() -> None:
    text = "阳光花园的路灯不亮"
    assert known(told({DHY: 2}, text)) == {}
    assert known(told({DHY: 3}, text)) == {"阳光花园": (DHY, {DHY: 3})}
    assert known([Told(text, DHY, "one")] * 9) == {}  # one person nine times
    assert known([Told(text, DHY)] * 9) == {}  # the same words nine times, by nobody known
    assert known(told({DHY: 3}, text), least=4) == {}
    assert known([Told("住阳光花园12号楼", DHY, "a"), *told({DHY: 2}, "阳光花园小区停水")])["阳光花园"][0] == DHY


def test_a_name_in_several_communities_stays_a_question() -> None:
    text = "建设路的井盖响"
    assert known(told({DHY: 9, BJ: 1}, text))["建设路"] == (DHY, {DHY: 9, BJ: 1})  # 90 %: one of ten was mistaken
    assert known(told({DHY: 8, BJ: 1}, text))["建设路"] == ("", {DHY: 8, BJ: 1})
    assert known(told({DHY: 1, BJ: 1, XG: 1}, text))["建设路"][0] == ""
    assert known(told({DHY: 8, BJ: 1}, text), share=80)["建设路"][0] == DHY


def test_a_word_before_a_frequent_name_is_not_part_of_it() -> None:
    rows = [*told({DHY: 4}, "阳光花园停水"), Told("东首阳光花园停水", DHY, "x"), *told({BJ: 3}, "新阳光花园停水", 50)]
    assert known(rows) == {"阳光花园": (DHY, {DHY: 5}), "新阳光花园": (BJ, {BJ: 3})}


def test_the_order_of_texts_changes_nothing() -> None:
    rows = [
        *told({DHY: 4, BJ: 2}, "建设路的井盖"),
        *told({DHY: 3}, "东首阳光花园停水", 20),
        *told({DHY: 5}, "阳光花园停电", 40),
    ]
    assert known(rows) == known(rows[::-1])
