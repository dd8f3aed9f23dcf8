"""The components: what they show, what they say to those who do not see it, and that nobody's words become markup."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.http import HttpRequest, QueryDict
from django.template import Context, Template
from django.utils import translation

from heli.core.paging import Page
from heli.web.parts import ClockPart, Look, Reason, Station, TrailEntry

HERE = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2025, 11, 18, 14, 40, tzinfo=HERE)


def show(source: str, **context: Any) -> str:
    with translation.override("zh-hans"):
        return Template("{% load heli %}" + source).render(Context(context))


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


STATIONS = [
    Station("收到", "done", "17 日 9:12"),
    Station("派给你局", "done"),
    {"name": "你局在办", "at": "now", "detail": "24 日前答复"},  # rooms below web hand in plain dicts
    Station("居民评"),
]


def test_loop_shows_four_stations_and_says_where_it_is() -> None:
    html = show("{% loop_line stations note='第 1 圈' %}", stations=STATIONS)
    assert re.findall(r"<b>(.)</b>", html) == list("诉转办评")
    assert html.count('aria-current="step"') == 1
    assert 'data-at="now" aria-current="step"><b>办' in html
    assert 'aria-label="四站走到第 3 站：办"' in html
    assert "第 1 圈" in html


def test_loop_takes_exactly_four_stations() -> None:
    with pytest.raises(ValueError, match="zip"):
        show("{% loop_line stations %}", stations=STATIONS[:3])


def test_a_closed_loop_says_so() -> None:
    html = show("{% loop_line s lap='closed' %}", s=[Station(n, "done") for n in "abcd"])
    assert 'data-lap="closed"' in html
    assert "aria-current" not in html
    assert "走完了" in html


@pytest.mark.parametrize(
    ("tag", "on", "now", "said"),
    [
        ("{% mini_loop 2 %}", 1, 1, "转"),
        ("{% mini_loop 3 lap=2 %}", 2, 1, "办，第 2 圈"),
        ("{% mini_loop 4 closed=True %}", 4, 0, "走完了"),
        ("{% mini_loop 1 said='刚收到' %}", 0, 1, "刚收到"),
    ],
)
def test_mini_loop(tag: str, on: int, now: int, said: str) -> None:
    html = show(tag)
    assert (html.count('class="on"'), html.count('class="now"'), plain(html)) == (on, now, said)


def test_chip_is_a_word_with_a_state_of_the_look() -> None:
    assert show("{% chip 'late' '超 25 分' %}") == '<span class="h-st" data-s="late">超 25 分</span>'
    assert show("{% chip '' '待派' %}") == '<span class="h-st">待派</span>'
    with pytest.raises(ValueError, match="urgent"):
        show("{% chip 'urgent' 'x' %}")


def test_words_of_people_never_become_markup() -> None:
    bad = "<img src=x onerror=alert(1)>"
    parts = [
        show("{% chip 'late' bad %}", bad=bad),
        show("{% mini_loop 2 said=bad %}", bad=bad),
        show("{% trail e now %}", e=[TrailEntry(NOW, bad, bad)], now=NOW),
        show("{% crumbs bad '/x' bad %}", bad=bad),
        show("{% stat bad 3 unit=bad %}", bad=bad),
        show("{% why r summary=bad %}", r=[Reason(bad, source_words=bad)], bad=bad),
        show("{% clock c %}", c=ClockPart(bad, bad, "late", 1, bad, bad)),
    ]
    assert all("<img" not in html and "&lt;img" in html for html in parts)


def test_clock_says_provisional_and_not_compared() -> None:
    said = "还剩 4 天 50 分"
    clock = ClockPart("答复", said, "doing", 18.4, "24 日（周一）15:30 前", "依据：一般诉求·第 3 版", "/rules/9/")
    html = show("{% clock c %}", c=clock)
    assert 'h-p18"' in html
    assert '<a href="/rules/9/">依据：一般诉求·第 3 版</a>' in html
    assert "暂定" not in html
    assert "核对" not in html
    unsure = show(
        "{% clock c %}", c={"name": "答复", "words": said, "percent": 130, "provisional": True, "verified": False}
    )
    assert "暂定" in unsure
    assert "还没和原文核对" in unsure
    assert 'h-p100"' in unsure


def test_time_is_said_and_kept_for_machines() -> None:
    html = show("{% when at now %}", at=NOW - dt.timedelta(hours=6), now=NOW)
    assert html == '<time datetime="2025-11-18T08:40:00+08:00">今天 8:40</time>'
    assert show("{% when at %}", at=None) == ""


@pytest.mark.parametrize(
    ("minutes", "working", "counts_down"),
    [
        (38, None, True),
        (38, 38, True),
        (38, 20, False),  # the lunch break lies between: the words would run ahead of the clock
        (200, None, False),
        (-5, None, False),
    ],
)
def test_words_count_down_only_when_the_page_can_know(minutes: int, working: int | None, counts_down: bool) -> None:
    due = NOW + dt.timedelta(minutes=minutes)
    html = show("{% left due now minutes=working %}", due=due, now=NOW, working=working)
    assert ("data-until" in html) is counts_down
    if counts_down:
        assert 'data-said="还剩 {n} 分钟"' in html


def test_trail_marks_stations_the_resident_and_who_sees_it() -> None:
    entries = [
        TrailEntry(NOW, "到现场", public=True),
        TrailEntry(NOW, "退回", public=False),
        {"at": NOW, "title": "派下去", "station": 2, "source_words": "目录 4.1.3", "source_url": "/duty/7/"},
        TrailEntry(NOW, "您说了这件事", station=1, you=True),
    ]
    html = show("{% trail entries now %}", entries=entries, now=NOW)
    assert html.count('class="dot"') == 2
    assert "<b>转</b>" in html
    assert html.count(" you") == 1
    assert 'aria-label="居民能看到"' in html
    assert 'aria-label="只有内部能看到"' in html
    assert '<a href="/duty/7/">目录 4.1.3</a>' in html


def test_reasons_for_against_and_unknown() -> None:
    reasons = [Reason("目录写明", "+", "目录 4.2.1", "/d/1/"), Reason("手上有 34 件", "-"), Reason("管道归谁", "?")]
    html = show("{% why r open=True %}", r=reasons)
    assert '<details class="h-why" open>' in html
    assert re.findall(r'data-w="(.)"', html) == ["-", "?"]
    assert "不利：" in html  # said, not only drawn


@pytest.mark.parametrize(
    ("part", "whole", "goal", "said"),
    [
        (1690, 1848, 95, "目标 95%，差 66 件"),
        (1342, 1611, 80, "过了目标 80%"),
        (95, 100, 95, "过了目标 95%"),
    ],
)
def test_rate_says_its_distance_in_items(part: int, whole: int, goal: float, said: str) -> None:
    html = plain(show("{% rate '按时办完' part whole goal=goal part_url='/a/' %}", part=part, whole=whole, goal=goal))
    assert said in html
    assert f"{part:,} / {whole:,} 件" in html


def test_a_rate_of_nothing_is_not_zero_percent() -> None:
    html = plain(show("{% rate '满意' 0 0 goal=85 %}"))
    assert "0" not in html.replace("85%", "")
    assert "还没有可算的" in html


def test_a_number_opens_its_rows() -> None:
    html = show(
        "{% stat '超时没办完' 1043 unit='/ 在办 1,618 件' url='/requests/?late=1' go='看 1,043 件' state='late' %}"
    )
    assert html.startswith('<a class="h-stat" href="/requests/?late=1">')
    assert 'value="1043"' in html
    assert "1,043 <small>/ 在办 1,618 件</small>" in html


def test_icons_have_words_or_are_hidden() -> None:
    assert 'aria-hidden="true"' in show("{% icon 'eye' %}")
    assert 'role="img" aria-label="看"' in show("{% icon 'eye' '看' %}")
    with pytest.raises(ValueError, match="no-such"):
        show("{% icon 'no-such' %}")


def test_pager_keeps_the_filters() -> None:
    request = HttpRequest()
    request.GET = QueryDict("state=late&after=old")
    html = show("{% pager page %}", request=request, page=Page([1], "new"))
    assert 'href="?state=late"' in html
    assert 'href="?state=late&amp;after=new"' in html
    request.GET = QueryDict("")
    assert plain(show("{% pager page %}", request=request, page=Page([1]))) == ""


class Form(forms.Form):
    phone = forms.CharField(label="手机号", max_length=11)
    name = forms.CharField(label="怎么称呼", required=False)
    when = forms.ChoiceField(label="什么时候方便", choices=[("am", "上午"), ("pm", "下午")], widget=forms.RadioSelect)
    hide = forms.BooleanField(label="别让单位知道是我", required=False)
    say = forms.CharField(label="什么事", widget=forms.Textarea, max_length=2000, required=False)


def test_field_ties_label_reason_and_error_together() -> None:
    form = Form({"phone": "1385350012123", "when": "pm"})
    html = show("{% field form.phone why='只给办这件事的人联系您。' %}", form=form)
    assert '<label class="form-label" for="id_phone">手机号' in html
    assert 'aria-describedby="id_phone_error id_phone_why"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_phone_error"' in html
    assert "为什么要填：只给办这件事的人联系您。" in html
    assert "可不填" not in html
    assert "可不填" in show("{% field form.name %}", form=form)


def test_choices_are_a_fieldset_and_keep_what_was_chosen() -> None:
    html = show("{% field form.when %}", form=Form({"phone": "1", "when": "pm"}))
    assert "<fieldset" in html
    assert "<legend" in html
    assert re.search(r'value="pm"[^>]*checked', html)


def test_tick_box_and_counter() -> None:
    assert 'class="form-check-input"' in show("{% field form.hide %}", form=Form())
    assert 'data-counter="2000"' in show("{% field form.say counter=True rows=6 %}", form=Form())


def test_errors_are_summed_up_with_links_to_their_fields() -> None:
    html = show("{% form_errors form %}", form=Form({"phone": "1385350012123"}))
    assert "有 2 处要改" in html
    assert '<a href="#id_phone">手机号</a>' in html
    assert "data-focus" in html
    assert plain(show("{% form_errors form %}", form=Form())) == ""


@pytest.mark.parametrize(
    ("kept", "look", "cookie"),
    [
        ("", Look(), "plain"),
        ("plain", Look(), "plain"),
        ("large-dark", Look(dark=True, large=True), "large-dark"),
        ("contrast large", Look(high=True, large=True), "large-contrast"),
        ('"><script>', Look(), "plain"),
    ],
)
def test_look_is_read_from_cookie_or_account(kept: str, look: Look, cookie: str) -> None:
    assert Look.read(kept) == look
    assert look.cookie == cookie
