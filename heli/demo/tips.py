"""A month of tips on impostors: a dozen, told on the public form, looked at by the two supervisors. All names are invented."""

from __future__ import annotations

import datetime as dt
import io
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

from heli.core.actor import PUBLIC
from heli.demo.county import COUNTY, Staff
from heli.oversight import steps

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Told:
    """One tip: `ago` days before now; `way` the steps taken since, one a day."""

    ago: float
    name: str
    posing: str
    asked: tuple[str, ...]
    text: str
    path: str
    spot: str
    way: tuple[tuple[str, str], ...] = ()
    paid: bool = False
    photo: bool = False
    contact: str = ""


TOLD = (
    Told(28, "胶东银辉助老基金会", "foundation", ("money",), "穿红马甲的人在菜市场门口摆桌子，说给敬老院募捐，只收现金不给票。", "370602003", "大海阳市场东门",
         (("look", ""), ("pass_on", "civil 芝社工线〔2026〕1 号"), ("closed", "民政部门查明没有登记，已责令停止并退还捐款。")), paid=True, photo=True, contact="13700000021"),
    Told(24, "银辉助老慈善基金会", "foundation", ("money", "data"), "上门说登记独居老人，要拍身份证，还要交 200 元建档费。", "370602003", "12 号楼",
         (("look", ""), ("pass_on", "police 芝社工线〔2026〕2 号")), paid=True, contact="13700000022"),
    Told(21, "心桥社工", "society", ("data",), "两个年轻人敲门做问卷，问家里几口人，我不放心。", "370602007", "",
         (("look", ""), ("genuine", "是心桥社会工作服务中心的入户走访，工作证和日期都对上了。"))),
    Told(18, "爱心驿路志愿队", "volunteers", ("goods",), "加油站旁边送矿泉水，送完让扫码买净水器。", "370602010", "只楚路加油站",
         (("look", ""), ("unproven", "去了两次没有碰到，也没有登记的队伍叫这个名字。再看到请拍照告诉我们。")), photo=True),
    Told(15, "", "office", ("data",), "电话里说是社保局的，要我报验证码，说不报医保卡就停。对方号码 13800000031。", COUNTY, "电话",
         (("look", ""), ("pass_on", "police 芝社工线〔2026〕3 号"))),
    Told(12, "蓝帆救援志愿者协会", "society", ("fee",), "拉我入会，说交 500 元会费发证书，能加分。", "370602012", "朋友圈",
         (("look", ""), ("unproven", "名录里没有，外地是否登记还在等回函；没有证据说明是假的。"))),
    Told(9, "胶东银辉助老", "foundation", ("money",), "又来了，这次在广场，换了横幅。", "370602001", "文化广场", (("look", ""),), photo=True),
    Told(7, "烟台助学公益行动", "charity", ("money",), "群里发的链接，说帮山区孩子买书包，点进去要绑银行卡。", COUNTY, "微信群", (("look", ""),), paid=True, contact="13700000023"),
    Told(4, "芝罘区志愿者联合会", "society", ("data",), "打电话请我去领鸡蛋，要带身份证和银行卡。", "370602005", ""),
    Told(3, "", "charity", ("money",), "公交站有人拿二维码牌子，写着救助流浪动物。", "370602006", "塔山公交站", photo=True),
    Told(1, "蓝帆救援队", "volunteers", ("fee", "goods"), "在小区摆摊教急救，教完推销急救包，说不买会影响孩子入团。", "370602012", "福学社区"),
    Told(0.3, "鲁新爱心超市", "charity", ("money",), "发的传单说存一千元在爱心超市，每月返五十元慰问品。", "370602009", "魁玉社区门口", paid=True, photo=True, contact="13700000024"),
)  # fmt: skip


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Each tip is told, and gone on with a day at a time as far as the month reaches."""
    done: Counter[str] = Counter()
    for n, t in enumerate(TOLD):
        at = max(begin, now - DAY * t.ago - HOUR * rng.random())
        tip = steps.receive(
            by=PUBLIC, at=at, area_path=t.path, name=t.name, posing=t.posing, asked=t.asked, paid=t.paid, text=t.text, spot=t.spot,
            seen_on=(at - DAY).date(), photos=[_poster(t.name or "扫码捐款")] if t.photo else [], phone=t.contact,
            teller="反映人" if t.contact else "",
        )  # fmt: skip
        done["tips"] += 1
        who = (county.supervisor, county.second)[n % 2]
        for verb, said in t.way:
            at += DAY * (0.6 + rng.random() / 2)
            if at >= now:
                break
            keys: dict[str, Any] = {"tip_id": tip.pk, "by": who, "at": at}
            if verb == "look":
                steps.look(**keys)
            elif verb == "pass_on":
                to, number = said.split(" ", 1)
                steps.pass_on(to=to, number=number, **keys)
            else:
                steps.conclude(found=verb, answer=said, **keys)
            done[f"tip {verb}"] += 1
    return done


def _poster(words: str) -> io.BytesIO:
    """A picture in the place of a photographed poster: a sheet with blocks of colour; whose, the name field says."""
    image = Image.new("RGB", (480, 640), "#d8d2c4")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 440, 600), fill="#fdfcf7", outline="#b23")
    draw.rectangle((40, 40, 440, 150), fill="#b23")
    shade = sum(words.encode()) % 90
    draw.ellipse((170, 200, 310, 340), fill=(190 + shade // 2, 120 + shade, 110))
    for row in range(5):
        draw.rectangle((80, 390 + row * 38, 400 - row * 40, 408 + row * 38), fill="#999")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    out.seek(0)
    return out
