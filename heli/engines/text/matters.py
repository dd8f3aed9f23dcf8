"""What people ask about, in the words they use for it: one matter, many wordings. Our own list; a help, never a verdict.

A text is about a matter when it holds one of its words. Two accounts of one event rarely use the same words for what is
wrong ("通宵施工", "半夜打桩", "吵得睡不着"), and two different ones in one estate rarely share a matter.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

MATTERS: dict[str, str] = {
    "noise": "噪音 噪声 扰民 吵闹 很吵 太吵 吵得 吵人 轰鸣 隆隆 睡不着 睡不好 无法入睡 无法休息 不能休息 影响休息 刺耳 低频 高音喇叭",
    "works": "夜间施工 通宵施工 半夜施工 凌晨施工 深夜施工 彻夜施工 昼夜施工 打桩 打夯 挖机 渣土车 工地 施工扰民",
    "dancing": "广场舞 跳舞 音响 唱歌 卡拉ok 喇叭",
    "mahjong": "麻将 棋牌 赌博 打牌 赌场 游戏机",
    "dust": "扬尘 粉尘 灰尘 尘土 沙尘 漫天灰",
    "mixing": "搅拌站 搅拌厂 搅拌车 混凝土 水泥厂 砂石",
    "smoke": "油烟 烧烤 炒菜 烟道 排烟 夜宵 餐馆 餐饮 饭店 烟熏",
    "smell": "异味 臭味 恶臭 刺鼻 气味 废气 臭气 味道大 返味",
    "sewage": "污水 下水道 化粪池 粪水 排污 粪便 溢流 井盖 窨井 雨污 堵塞 反水 倒灌",
    "rubbish": "垃圾 脏乱 清运 卫生差 杂草 乱扔 清扫 保洁 环境卫生",
    "water": "停水 水压 自来水 供水 水质 没水 断水 水费 水表 水管 发黄 二次供水",
    "power": "停电 电压 断电 供电 用电 电费 高压线 高压电 变电站 变压器 电缆 电线杆 电表 跳闸 110kv",
    "gas": "天然气 燃气 煤气 通气 液化气",
    "heat": "供暖 供热 暖气 取暖 停暖 热力 不热",
    "lift": "电梯 困人 坠梯",
    "light": "路灯 照明 亮化 没有灯 灯不亮",
    "road": "坑洼 坑坑洼洼 破损 路面 修路 道路硬化 水泥路 泥泞 断头路 塌陷 道路建设 通车 贯通 拉通 修通 动工",
    "crossing": "红绿灯 斑马线 人行道 天桥 地下通道 过街 护栏 围栏 交通安全 信号灯 掉头",
    "jam": "拥堵 堵车 塞车 交通堵塞 压力大",
    "parking": "乱停 违停 停车位 停车难 停车费 停车场 乱停车 占道停车 僵尸车",
    "carport": "车位 车库 地库 捆绑 绑定 无产权",
    "bus": "公交 班车 线路 发车 末班 首末站 难等 等车 班次",
    "metro": "地铁 轻轨 轨道 城际 站点 号线",
    "train": "高铁 铁路 火车",
    "taxi": "出租车 网约车 打车 的士 油补 燃油补贴",
    "stalls": "占道经营 摊贩 摆摊 地摊 流动摊 小贩 夜市 菜市场 农贸",
    "illegal": "违建 违章 违规搭建 乱搭 搭建 私搭 违法建筑 加层 顶风 扩建 封闭 雨棚 阳光房",
    "fire": "消防 起火 火灾 灭火 消防通道 消防栓 安全隐患 着火 失火",
    "tenants": "群租 出租房 租客 隔断 合租 日租",
    "wall": "承重墙 拆墙 砸墙 打洞 改结构",
    "quality": "质量 开裂 裂缝 漏水 渗水 偷工减料 空鼓 脱落 墙皮 防水 沉降",
    "handover": "交房 收房 延期 烂尾 停工 逾期 交付 复工",
    "deed": "房产证 不动产证 产权证 办证 两证 土地证",
    "price": "装修价 核价 涨价 房价 定价 全装修 精装修 毛坯 明码标价",
    "false": "虚假宣传 欺骗 欺诈 忽悠 误导 骗人 霸王条款 与宣传不符 货不对板",
    "contract": "网签 合同 认购 定金 认筹 首付",
    "refund": "退款 退钱 退房 退费 退还 不退 未到账 未退 返还 退货",
    "property": "物业公司 物业费 物业服务 物业乱收费 物业管理 保安 门禁",
    "committee": "业委会 业主大会 业主委员会 维修基金 维修资金 换物业",
    "fees": "乱收费 收费不合理 违规收费 多收 高收费 押金 收费标准 天价",
    "wages": "拖欠工资 欠薪 农民工 工资 薪资 讨薪 血汗钱 工程款 不发钱",
    "insure": "社保 养老保险 五险 补缴 参保 工伤 缴纳 退休金 养老金 退休",
    "medical": "医保 报销 医院 医生 看病 住院 医疗 诊所 药品 病人 护士",
    "birth": "生育津贴 产假 生育 二胎 准生",
    "fund": "公积金 贷款 组合贷 商转公 按揭",
    "talent": "人才 购房补贴 租房补贴 落户 引进 补贴申请 新政",
    "limit": "限购 购房资格 二套房 首套 购房政策",
    "relocate": "拆迁 征地 征收 安置 补偿款 回迁 旧城改造 棚改 旧改 土地补偿 启动拆迁 过渡费",
    "village": "村委会 村支书 村干部 组长 宅基地 耕地 鱼塘 集体资产 分红 村民",
    "lease": "土地流转 承包 租金 农田",
    "crops": "种子 化肥 农药 粮食 庄稼 灌溉 水库 水渠",
    "animals": "养猪 养殖 养鸡 犬 遛狗 狗叫 流浪狗 恶犬 咬人",
    "nursery": "幼儿园 普惠 入园 开园",
    "school": "小学 中学 入学 学区 学位 划片 划到 招生 分班 上学 改扩建 建校",
    "tutoring": "补课 培训班 培训机构 教辅 辅导班 学费",
    "canteen": "食堂 伙食 午餐 饭菜 学生餐 营养餐 食品安全 变质 吃坏",
    "practice": "实习 强制 流水线 社会实践 打工",
    "teachers": "教师 老师 编制 体罚 职称 班主任",
    "fraud": "诈骗 传销 非法集资 p2p 跑路 立案 经侦 受害 套路贷 良性退出 清盘 黑款 砍头息 网贷",
    "police": "派出所 报警 打架 打人 行凶 盗窃 治安 小偷 拘留",
    "papers": "户口 身份证 护照 居住证 证明 迁移 签证 通行证",
    "licence": "无证 无照 营业执照 非法经营 资质 经营许可 住改商 餐饮底商",
    "network": "宽带 网速 信号 校园网 基站 掉线 断网 网络覆盖",
    "delivery": "快递 外卖 骑手 驿站 包裹",
    "aid": "低保 残疾 困难户 救助 五保 贫困 扶贫 孤寡 优抚 退役 廉租 公租房 保障房",
    "elders": "养老院 敬老院 老年 助餐 日间照料 高龄 老人食堂",
    "park": "公园 绿地 绿化 砍树 树木 草坪 景观",
    "river": "河道 黑臭 水体 河水 湖水 排水 内涝 积水 防洪 淹",
    "charging": "充电 充电桩 电动车 飞线 电瓶车",
    "build": "规划 建设进度 何时开工 何时动工 何时建 开工 工期 进展",
    "service": "态度 推诿 不作为 踢皮球 不处理 敷衍 办事 窗口 拖延",
    "hospital_site": "设置医院 眼科医院 医疗垃圾 反对建 邻避 殡仪馆 加油站 垃圾站 垃圾中转站",
}  # fmt: skip


@lru_cache(maxsize=1)
def _finder() -> tuple[re.Pattern[str], dict[str, str]]:
    of = {word: matter for matter, words in MATTERS.items() for word in words.split()}
    return re.compile("|".join(sorted(map(re.escape, of), key=len, reverse=True))), of


def matters(text: str) -> Counter[str]:
    """How often each matter is spoken of in a text as `normal` makes it. O(length)."""
    finder, of = _finder()
    return Counter(of[word] for word in finder.findall(text))
