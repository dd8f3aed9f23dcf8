"""What places are called: short names, the forms people write, and codes. Pure functions; no table is read here."""

from __future__ import annotations

import re
import unicodedata

from heli.engines import identifiers

PATH_LENGTH = {1: 2, 2: 4, 3: 6, 4: 9, 5: 12}

PEOPLES = (
    "蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|高山|拉祜|水|东乡|纳西|景颇|"
    "柯尔克孜|土|达斡尔|仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|塔吉克|怒|乌孜别克|俄罗斯|鄂温克|德昂|保安|裕固|京|"
    "塔塔尔|独龙|鄂伦春|赫哲|门巴|珞巴|基诺|各"
)
_PEOPLES = re.compile(f"^(.{{2,}}?)((?:(?:{PEOPLES})族?)+|族)$")
# what a province, city or county is called without its kind
_UPPER = re.compile(
    "(特别行政区|壮族自治区|维吾尔自治区|回族自治区|自治区|自治州|自治县|自治旗|地区|林区|特区|新区|省|市|县|区|州|盟|旗)$"
)
_TOWNSHIP = re.compile("(街道办事处|街道|民族乡|民族苏木|苏木|镇|乡)$")
_COMMITTEE = re.compile("(居民委员会|居委会|村民委员会|村民委员|村牧委会|民委会|村委会|管理委员会|委员会|委会)$")
# what may follow the name of a township or village: it belongs to the place, not to the rest of the address
TAIL = {
    4: re.compile("办事处|办(?!公|理|法|事)|人民政府|政府"),
    5: re.compile("居民委员会|居委会|社区居委会|村民委员会|村委会|民委员会|委会|党群服务中心"),
}
_VILLAGE_ENDS = ("村", "嘎查", "社区", "区", "场", "队", "连")


def padded_to_path(code: str, level: int) -> str:
    """'370602000000', 3 → '370602'. The level decides: 441900000000 is a city and a county in one.

    Raises:
        ValueError: not twelve digits, or digits below the level.
    """
    length = PATH_LENGTH[level]
    if len(code) != 12 or not code.isdecimal() or code[length:].strip("0"):
        raise ValueError(f"{code} is not a code of level {level}")
    return code[:length]


def unpadded(code: str) -> str:
    """An area code of 2 to 12 digits, padded or not, as a path; '' when it is none. '370602000000' → '370602'."""
    try:
        return identifiers.area_path(code)
    except identifiers.BadIdentifier:
        return ""


def fold(text: str) -> str:
    """The text with full-width letters and digits made plain, character for character (positions stay true)."""
    return "".join(f if len(f := unicodedata.normalize("NFKC", c)) == 1 else c for c in text)


def stem(name: str, level: int) -> str:
    """The name without what says its kind: 山东, 烟台, 伊金霍洛, 毓璜顶, 大海阳. Never shorter than two characters."""
    if level > 4:
        brief = short(name, level)
        return brief if len(bare := re.sub("(社区|村|嘎查)$", "", brief)) < 2 else bare
    cut = _UPPER if level <= 3 else _TOWNSHIP
    base = cut.sub("", name)
    if len(base) < 2:
        base = name[:-1]  # 清新区 is not 清 + 新区
    if found := _PEOPLES.match(base):
        base = found[1]
    return base if len(base) >= 2 else name


def short(name: str, level: int) -> str:
    """What the place is called in a list: 毓璜顶, 大海阳社区, 张家庄村. Names down to the county stay whole."""
    if level <= 3:
        return name
    if level == 4:
        cut = _TOWNSHIP.sub("", name)
        return cut if len(cut) >= 2 else name
    found = _COMMITTEE.search(name)
    if not found or found.start() < 1:
        return name
    base, kind = name[: found.start()], found[1]
    if kind in {"居民委员会", "居委会"}:
        return base if base.endswith("社区") else base + "居委会"
    if kind == "管理委员会":
        return name
    return base if base.endswith(_VILLAGE_ENDS) and len(base) >= 2 else base + "村"


def forms(name: str, level: int) -> tuple[set[str], set[str]]:
    """How people write it: (forms that say the kind of place, bare stems that need more context to be believed).

    What may follow a form (办事处, 居委会, 人民政府) is TAIL and is not repeated here.
    """
    root, brief = stem(name, level), short(name, level)
    strong, weak = {name}, {root}
    if level == 4 and name.endswith("街道"):
        strong |= {root + "街办", root + "办事处"}
    elif level == 4 and name.endswith("乡"):
        strong.add(root + "乡")
    elif level == 5:
        strong.add(brief)
        if brief.endswith("居委会"):
            bare = brief.removesuffix("居委会")
            strong |= {bare + "社区", *([bare] if bare.endswith("村") else [])}
            weak = {bare}
    elif level <= 3 and name.endswith(("自治州", "自治县", "自治旗")):
        strong.add(root + name[-1])
    return {s for s in strong if len(s) > 1}, {w for w in weak - strong if len(w) > 1}


_ZONE = re.compile("(经济技术|经济|高新技术产业|高新技术|高技术产业|高新)开发区$|高新技术产业园区$")
_ZONE_SHORT = {"经": ("开发区", "经开区", "经济开发区"), "高": ("高新区", "高新开发区")}


def zone_forms(name: str, *, local: bool) -> set[str]:
    """Short names of a development zone: 烟台经济技术开发区 → 烟台开发区, 烟台经开区; `local` adds 开发区 alone."""
    found = _ZONE.search(name)
    if not found:
        return set()
    where = name[: found.start()].removesuffix("火炬")
    short_forms = _ZONE_SHORT[found[0][0]]
    city = where.removesuffix("市")
    return {w + s for s in short_forms for w in ({city, city + "市"} if city else set())} | (
        set(short_forms) if local else set()
    )
