"""Texts of many kinds, made of words: some are plainly lists, and some are not."""

from __future__ import annotations

import base64
import json
import random
import textwrap
from collections.abc import Callable
from itertools import product

Make = Callable[[random.Random], list[str]]

LISTS: dict[str, Make] = {}
"""What makes the lines of a list, by its kind."""

OTHERS: dict[str, Make] = {}
"""What makes the lines of a text that is no list, by its kind."""

LINES = 120
"""About how many lines a text gets."""


def text_of(kind: str) -> str:
    """Return the text of a kind; always the same."""
    make = LISTS.get(kind) or OTHERS[kind]
    return "".join(f"{line}\n" for line in make(random.Random(kind)))


def combined(*columns: str, joint: str = " ") -> Make:
    """Return what makes different lines, of one word of each column."""
    words = [column.split() for column in columns]

    def make(rng: random.Random) -> list[str]:
        lines = {joint.join(row).replace("_", " ").strip() for row in product(*words)}
        return rng.sample(sorted(lines), min(LINES, len(lines)))

    return make


def template(*patterns: str, **words: str) -> Make:
    """Return what makes lines of patterns whose {names} stand for words."""
    choices = {name: given.split() for name, given in words.items()}

    def make(rng: random.Random) -> list[str]:
        def fill(pattern: str) -> str:
            while "{" in pattern:
                start, _, rest = pattern.partition("{")
                name, _, rest = rest.partition("}")
                pattern = start + rng.choice(choices[name]).replace("_", " ") + rest
            return pattern

        return [fill(rng.choice(patterns)) for _ in range(LINES)]

    return make


def different(make: Make) -> Make:
    """Return what makes as many lines, no two of which are equal."""

    def made(rng: random.Random) -> list[str]:
        lines: dict[str, None] = {}
        while len(lines) < LINES:
            lines.update(dict.fromkeys(make(rng)))
        return list(lines)[:LINES]

    return made


def with_numbers(pattern: str, make: Make) -> Make:
    """Return what puts numbers that rise into lines: `{n}`, `{two}`; and the `{line}`."""

    def numbered(rng: random.Random) -> list[str]:
        return [
            pattern.format(n=n, two=f"{n % 60:02}", line=line, other=rng.randint(1, 99))
            for n, line in enumerate(make(rng), 1)
        ]

    return numbered


def wrapped(make: Make, width: int, *, blank: bool = True) -> Make:
    """Return what makes paragraphs of lines, broken at a width."""

    def broken(rng: random.Random) -> list[str]:
        lines = make(rng)
        found: list[str] = []
        for i in range(0, len(lines), 6):
            found += textwrap.wrap(" ".join(lines[i : i + 6]), width)
            found += [""] * blank
        return found

    return broken


def paragraphs(make: Make, joint: str = " ") -> Make:
    """Return what makes a paragraph a line, of four of the lines that `make` makes."""

    def joined(rng: random.Random) -> list[str]:
        lines = [line for _ in range(4) for line in make(rng)]
        return [joint.join(lines[i : i + 4]) for i in range(0, len(lines), 4)]

    return joined


def stanzas(make: Make, *, refrain: str = "", blank: bool = True) -> Make:
    """Return what makes verse in stanzas of four lines, with a refrain or without."""

    def divided(rng: random.Random) -> list[str]:
        lines = make(rng)
        found: list[str] = []
        for i in range(0, len(lines), 4):
            found += lines[i : i + 4] + refrain.splitlines() + [""] * blank
        return found

    return divided


def changed(make: Make, change: Callable[[str], str]) -> Make:
    """Return what changes each line that `make` makes."""
    return lambda rng: [change(line) for line in make(rng)]


def repeated(block: str) -> Make:
    """Return what repeats some lines, with numbers for `{n}`."""
    return lambda rng: [
        line.replace("{n}", str(rng.randint(1, 999)))
        for _ in range(12)
        for line in block.strip("\n").splitlines()
    ]


# Lists.

FIRST = "Anna Brook Clara Dorian Edmund Flora Greta Hal Iris Jonas Kit Lena Milo Nell Orla"
LAST = "Archer Bell Carver Drake Eastman Fletcher Grove Harrow Ives Joyner Keel Lockwood"
LISTS["English names"] = combined(FIRST, LAST)
LISTS["German names"] = combined(
    "Anneliese Björn Cäcilie Dörte Emil Friedrich Günther Hannelore Ilse Jürgen Käthe",
    "Ackermann Bäcker von_der_Au Dürr Eberhardt Förster Groß Hübner Jäger Köhler Müller",
)
LISTS["Russian names"] = combined(
    "Анна Борис Вера Глеб Дарья Егор Жанна Захар Ирина Кирилл Лидия Максим Нина Олег",
    "Алексеенко Белых Воронец Гречко Дорош Ермак Живаго Зуб Ильич Коваль Лисенко Мороз",
)
LISTS["Chinese names"] = combined(
    "王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 欧阳 司马",
    "伟 芳 娜 秀英 敏 静 丽 强 磊 军 洋 勇 艳 杰 涛 明 超 秀兰 霞 平 桂英 建国 志远",
    joint="",
)
LISTS["Japanese names"] = combined(
    "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 林 森",
    "太郎 花子 一郎 さくら 健 美咲 大輔 愛 翔太 陽子 直樹 恵 誠 結衣 修 千尋",
    joint="",
)
LISTS["Korean names"] = combined(
    "김 이 박 최 정 강 조 윤 장 임 한 오 서 신",
    "민준 서연 도윤 지우 하준 수아 은우 지민",
    joint="",
)
LISTS["Arabic names"] = combined(
    "محمد أحمد فاطمة عائشة علي حسن خديجة يوسف مريم عمر زينب إبراهيم ليلى سعيد",
    "الحداد النجار الخياط الصباغ العطار البغدادي الدمشقي المصري الحلبي القرطبي",
)
LISTS["Hebrew names"] = combined(
    "דוד שרה משה רחל יוסף לאה אברהם מרים יעקב חנה",
    "כהן לוי מזרחי פרץ ביטון דהן אברהם פרידמן אזולאי כץ חדד גבאי",
)
LISTS["Hindi names"] = combined(
    "अनिल सुनीता राजेश मीना विजय कमला सुरेश गीता महेश राधा",
    "शर्मा वर्मा गुप्ता सिंह कुमार मिश्रा यादव जोशी पटेल मेहता चौधरी अग्रवाल",
)
LISTS["Greek names"] = combined(
    "Γιώργος Μαρία Νίκος Ελένη Κώστας Άννα Δημήτρης Σοφία Πέτρος Ζωή",
    "Παππάς Βλάχος Αγγέλου Νικολάου Γεωργίου Οικονόμου Δήμου Λάμπρου Σταύρου Μακρής",
)
LISTS["names in any case"] = combined(
    "anna Bram carla Dirk Émile fatma Gino",
    "Berg haan Roca silva Linden meer Costa rossi da_Silva",
)
LISTS["invented minerals"] = combined(
    "abel bor calc dol fer gar hal ill kaol lep mag neph oliv pyr quen rhod",
    "in on er os ar an ol em",
    "ite ine ase al",
    joint="",
)
LISTS["Russian words"] = combined(
    "вы за на от пере под при про раз с у",
    "бег вод говор дел зов каз лет нос пис ход",
    "ать ить ка ник ок ная",
    joint="",
)
LISTS["words in capitals"] = changed(LISTS["invented minerals"], str.upper)
LISTS["words of one length"] = combined(
    "b c d f g h l m", "ra lo ni te", "ck st nd ss", joint=""
)
LISTS["taverns"] = different(
    template(
        "The {a} {b}",
        "The {b} and {b}",
        "The {a} {b} Inn",
        a="Prancing Golden Drunken Silver Laughing Rusty Gilded Hollow Merry Salty",
        b="Pony Lantern Griffin Anchor Badger Kettle Crown Heron Barrel Fox Mermaid Plough",
    )
)
LISTS["titles"] = different(
    template(
        "The {a} of the {b}",
        "The {b} of {c}",
        "A {b} in {c}",
        "My {a} and the {b}",
        "{b} and {b}",
        "The Last {b}",
        "An {a} for the {b}",
        "{a} without a {b}",
        "{c}, {c}",
        "{c}: A {a} of the {b}",
        a="History Secret Shadow Ledger Promise Memory Winter Silence Orchard",
        b="Lighthouse Clockmaker River Mountain Gardener Empire Stranger Northern_Road",
        c="Winter Autumn Lisbon Petersburg Silence",
    )
)
LISTS["headlines"] = different(
    template(
        "{who} {did} {what} After {why}",
        "{what} {did} as {who} Face {why}",
        who="Harbour_Workers Local_Farmers Council_Members Night_Bakers Village_Teachers",
        did="Welcome Reject Delay Question Celebrate",
        what="New_Bridge_Plan Herring_Tax Library_Hours Ferry_Timetable",
        why="Long_Debate Heavy_Rain Surprise_Vote Quiet_Winter Broken_Promise",
    )
)
LISTS["German inns"] = different(
    template(
        "Gasthof Zum {a} {b}",
        "Zur {a} {c}",
        "Gasthaus {b} und {b}",
        a="Goldenen Schwarzen Wilden Alten Müden Roten Großen Letzten",
        b="Hirschen Ochsen Anker Löwen Bären Krug Schwanen Adler",
        c="Linde Post Sonne Traube Mühle Krone Schmiede Kegelbahn Brücke Eiche",
    )
)
LISTS["German villages"] = combined(
    "Ober Unter Neu Alt Groß Klein Bad_ Nieder",
    "eichen buchen ahren wald rosen bären mühl sand",
    "dorf stadt heim hausen rode au bach",
    joint="",
)
LISTS["Chinese counties"] = combined(
    "东 西 南 北 安 平 长 清 永 新 大 武 临 江 河",
    "山 阳 州 城 川 水 丰 宁 海 昌 原 陵",
    "县 县 县 市 区 镇 自治县",
    joint="",
)
LISTS["Japanese towns"] = combined(
    "東 西 南 北 大 小 上 下 新 長 高 松 横 川 山",
    "田 野 崎 島 原 浜 沢 津 江 岡 部",
    "市 町 村 市 町 ヶ丘町",
    joint="",
)
LISTS["creatures in katakana"] = combined(
    "ピカ フシ ヒト ゼニ カメ ニド プリ コダ ガー ドー",
    "リリ ダネ カゲ ガル ドラ ラッ クッ ルー パラ",
    "ン ス ル ード ック ー ナ",
    joint="",
)
LISTS["Thai names"] = combined(
    "สมชาย สมหญิง มานี วิชัย ประภา สุดา อนันต์ กมล",
    "ใจดี ทองคำ แสงจันทร์ ศรีสุข บุญมา รักไทย สายลม พงษ์ทอง",
)
LISTS["species"] = combined(
    "Quercus Rosa Bufo Lynx Salix Ficus Larus Pinus Vipera Helix",
    "alba minor robur vulgaris montana aquatica sylvestris nigra major borealis communis",
)
LISTS["colours"] = combined(
    "pale deep dusty warm bright faded burnt soft",
    "red blue olive ochre teal sand rose slate coral amber fern ash plum",
)
LISTS["usernames"] = combined(
    "red blue sly tiny mad zen", "_ . - x", "fox owl cat bee elk yak 77 ace ray", joint=""
)
LISTS["molecules in SMILES"] = combined(
    "CC c1ccccc1 CCO N#C C(=O) [nH]1cccc1 C1CCCCC1 OC(=O) BrC",
    "C N O S C(=O) C(C) C(F)(F) /C=C/ N(C)",
    "C N O CC C(=O)O Cl c1ccncc1 [O-] [C@@H](N)C(=O)O Br F CCl",
    joint="",
)
LISTS["molecules in SELFIES"] = combined(
    "[C] [C][N] [C][O] [C][C][Ring1]",
    "[=C] [Branch1] [C] [O] [S]",
    "[F] [Cl] [C] [N] [=N] [=O] [Br] [P]",
    joint="",
)
LISTS["peptides"] = combined(
    "MKT AYI GLS RRK WQE", "DVP NNL HHA CYF TSI", "K GR LEV AAY WDPT", joint=""
)
LISTS["quatrains with their titles"] = different(
    template(
        "{t}{u}:{a}，{b}。{a}，{b}。",
        t="春 秋 夜 寄 题 送 江 山 雪 晚",
        u="望 人 思 怀 寺 中 居 行 别 宿 意 声 梦 歌 客_其一 客_其二",
        a="云山千里远 江水一帆迟 落日孤城外 风雨连三月 旧友今何在 柴门临水静",
        b="月照故人衣 花开又一枝 钟声半夜时 梦里不须归 青灯照客眠 山深鸟自啼",
    )
)

# What is no list.

ENGLISH = template(
    "The {a} {n} {v} the {n}, and nobody {v} it.",
    "When the {n} came, she {v} a {a} {n} by the {n}.",
    "“I never {v} the {n},” said the {n}; “it was {a}.”",
    "There was a {a} {n} on the {n}.",
    a="old quiet crooked silver hungry patient narrow",
    n="harbour ledger lantern widow kettle captain bridge orchard door storm",
    v="found carried forgot painted sold watched wanted mended",
)
GERMAN = template(
    "Der {a} {n} {v} den {n}, und niemand {v} ihn.",
    "Als der {n} kam, {v} sie einen {n} am {n}.",
    "»Den {n} kenne ich nicht«, sagte der {n}, »er war zu {b}.«",
    a="alte stille krumme müde schmale geduldige",
    b="alt still müde schmal",
    n="Hafen Krug Kapitän Garten Schrank Brief Wald Brunnen Nachbar Schlüssel",
    v="fand trug vergaß malte verkaufte suchte",
)
RUSSIAN = template(
    "{a} {n} {v} у реки, и никто его не {v}.",
    "Когда наступил вечер, {n} {v} на дороге.",
    "— Я не знаю, — сказал {n}, — он был слишком {b}.",
    a="Старый Тихий Усталый Молчаливый",
    b="стар тих далеко мал",
    n="рыбак сторож мельник ветер сосед учитель дом",
    v="стоял ждал молчал пел искал",
)
ARABIC = template(
    "كان {n} {v} عند النهر، ولم يره أحد.",
    "قال {n}: لا أعرف {n}، فقد {v} منذ زمن.",
    "وعندما جاء المساء {v} {n} في الطريق إلى المدينة.",
    n="الصياد الحارس المعلم الجار التاجر القبطان",
    v="يقف ينتظر يغني يبحث يسير",
)
CHINESE = template(
    "“你{v}了{n}没有？”{w}问道。",
    "{w}摇了摇头，说：“我从来没有{v}过{n}。”",
    "“走吧。”",
    "第二天早上，{w}在{n}旁边{v}着，心里想着昨天的事情，一句话也不说。",
    "{w}笑了。",
    "外面下着雨，{n}在风里轻轻地响，{w}推开窗子，看见远处的山已经白了。",
    w="老王 小梅 船长 掌柜的 那女人 他 她",
    n="灯笼 账本 渡船 茶壶 桥 木门 石榴树",
    v="看见 等 找 修 卖 忘记",
)
JAPANESE = template(
    "「{n}を{v}のですか」と{w}は尋ねた。",
    "{w}は{n}のそばで{v}、何も言わなかった。",
    "雨が降っていて、{n}が風に揺れていた。",
    "「はい」",
    w="老人 彼 彼女 船長 少年",
    n="灯籠 帳簿 渡し舟 湯呑み 橋",
    v="見つけた 待っていた 探していた",
)
OTHERS["English prose, wrapped"] = wrapped(ENGLISH, 72)
OTHERS["English prose, wrapped, without blank lines"] = wrapped(ENGLISH, 72, blank=False)
OTHERS["English prose in a narrow column"] = wrapped(ENGLISH, 18, blank=False)
OTHERS["English prose in a very narrow column"] = wrapped(ENGLISH, 12, blank=False)
OTHERS["English prose, a paragraph a line"] = paragraphs(ENGLISH)
OTHERS["English prose, a sentence a line"] = ENGLISH
OTHERS["German prose, wrapped"] = wrapped(GERMAN, 66, blank=False)
OTHERS["German prose in a narrow column"] = wrapped(GERMAN, 20, blank=False)
OTHERS["German prose, a paragraph a line"] = paragraphs(GERMAN)
OTHERS["Russian prose"] = paragraphs(RUSSIAN)
OTHERS["Russian prose, wrapped"] = wrapped(RUSSIAN, 60, blank=False)
OTHERS["Arabic prose"] = paragraphs(ARABIC)
OTHERS["Arabic prose, wrapped"] = wrapped(ARABIC, 50, blank=False)
OTHERS["a Chinese novel, a paragraph a line"] = CHINESE
OTHERS["a Chinese novel, long paragraphs"] = paragraphs(CHINESE, "")
OTHERS["a Chinese novel, wrapped"] = lambda rng: textwrap.wrap("".join(CHINESE(rng)), 36)
OTHERS["a Japanese novel"] = JAPANESE
OTHERS["a Japanese novel without blank lines or speech"] = paragraphs(JAPANESE, "")
OTHERS["Thai prose"] = template(
    "{n}เดินไปตามถนนสายเก่าแล้วก็หยุดอยู่ที่{n}ใกล้แม่น้ำ",
    "เมื่อถึงเวลาเย็น{n}ก็นั่งรออยู่หน้าบ้านโดยไม่พูดอะไรเลย",
    n="ชาวประมง ครู แม่ค้า สะพาน ตลาด",
)
OTHERS["a word of a text a line"] = lambda rng: " ".join(ENGLISH(rng)).split()[:900]
OTHERS["a word of a text a line, without signs"] = lambda rng: "".join(
    c for c in " ".join(ENGLISH(rng)) if c.isalpha() or c == " "
).split()[:900]

VERSE = template(
    "{And} all the {n} that {v} beneath the {n}",
    "{And} I have {v} the {a} and {a} {n}",
    "Where no one {v} the {n} of the {n}",
    "The {n} is {a} and the {n} has {v}",
    And="And Then But For Yet Or",
    n="river morning harbour willow shadow garden sparrow winter",
    a="silver broken golden lonely gentle weary",
    v="wandered slept forgotten followed known remembered",
)
OTHERS["verse in stanzas"] = stanzas(changed(VERSE, lambda line: line + ","))
OTHERS["verse without blank lines"] = changed(VERSE, lambda line: line + ",")
OTHERS["verse without any signs"] = VERSE
OTHERS["verse without signs or capitals"] = changed(VERSE, str.lower)
OTHERS["verse in capitals"] = changed(VERSE, str.upper)
OTHERS["blank verse"] = changed(VERSE, lambda line: line + ";."[len(line) % 2])
OTHERS["verse of short lines"] = lambda rng: [
    line for verse in VERSE(rng) for line in textwrap.wrap(verse.lower(), 14)
]
OTHERS["haiku without blank lines"] = template(
    "an old {a} {n}",
    "the {n} jumps into the {n}",
    "{a} {n} in the {n}",
    "sound of {n} again",
    a="silent frozen distant morning",
    n="pond frog moon snow temple water crow",
)
OTHERS["verse of few words"] = template(
    "{a} {n} {a} {n}",
    "{a} {n} and {n}",
    "{n} under {n}",
    a="silent frozen distant morning silver broken",
    n="pond frog moon snow temple water crow willow river lantern",
)
OTHERS["a song in capitals like a title's"] = changed(
    template(
        "you said you {v} the {n}",
        "and i still {v} your {n} tonight",
        "the {n} will {v} again",
        "tell me where the {n} went",
        v="loved followed remembered wanted carried",
        n="river summer city highway morning money winter",
    ),
    str.title,
)
OTHERS["a song with its refrain"] = stanzas(
    VERSE, refrain="Roll on, roll on\nOh the herring are gone\nRoll on", blank=False
)
OTHERS["a song of short lines"] = stanzas(
    template(
        "Oh my {n}", "Hold me {n}", "All the {n}", "I am {n}", n="love tonight now alone"
    ),
    refrain="La la la\nLa la la",
    blank=False,
)
OTHERS["a song of many short lines"] = template(
    "you and {n}",
    "i was {a} {n}",
    "we are {a}",
    "take my {n}",
    "oh {a} {n}",
    "for the {n}",
    a="lost young cold wild gone late",
    n="home hands money river rain love sister city",
)
OTHERS["German verse"] = template(
    "Und alle {n} die im {n} {v}",
    "Der {n} ist stumm und will nicht {v}",
    "Wo keiner mehr den {n} {v}",
    n="Wald Garten Abend Schatten Winter Regen Sommer",
    v="schlafen kennen wandern gehen sehen bleiben",
)
OTHERS["Russian verse"] = template(
    "И снова {n} над {m} {v}",
    "Где {n} тихо {v} во сне",
    "А я один {v} и жду",
    n="ветер вечер снег туман дождь",
    m="рекой водой землёй",
    v="идёт поёт стоит молчит летит",
)
OTHERS["Arabic verse"] = template(
    "يا {n} هل {v} في الليل وحدي",
    "أرى {n} الذي {v} منذ زمان",
    "وما {n} إلا {n} في عيني",
    n="القلب البدر النجم الورد الحب",
    v="يبكي يغني يسري يبقى",
)
OTHERS["Korean verse"] = template(
    "{n} 위에 내리는 하얀 {n}",
    "말없이 {n} 보내 드리우리다",
    "그대 {n} 속에 잠든 {n}",
    n="강물 바람 꽃잎 달빛 눈물 산길",
)
OTHERS["Thai verse"] = template(
    "เห็น{n}ลอยล่องในท้องฟ้า",
    "คิดถึง{n}ทุกคืนวันไม่ลืมเลือน",
    "{n}ร่ำไห้ในใจไม่รู้คลาย",
    n="จันทร์ ดอกไม้ สายน้ำ ใบไม้ สายลม",
)
FIVE = template(
    "{a}{b}{c}",
    a="青山 明月 清风 落日 孤舟 寒江 白云 秋水",
    b="照 过 入 随 向 满",
    c="故园 柴门 人家 江楼 归路 小桥",
)
OTHERS["verse of five characters"] = FIVE
OTHERS["verse of five characters, with commas"] = changed(FIVE, lambda line: line + "，")
OTHERS["verse of five characters in stanzas"] = stanzas(FIVE)
OTHERS["verse of five characters with titles between"] = lambda rng: [
    line
    for i in range(30)
    for line in [
        rng.choice(["春望", "秋思", "夜泊", "山居"]) + "一二三四五六"[i % 6],
        *FIVE(rng)[:4],
    ]
]
OTHERS["verse of seven characters"] = combined(
    "春风 落日 孤帆 明月",
    "不见 又到 已过 吹入",
    "江南 长安 青山 人家",
    "路 树 秋 楼",
    joint="",
)
OTHERS["couplets of a long poem"] = lambda rng: [
    f"{a}，{b}。" for a, b in zip(FIVE(rng), FIVE(rng), strict=True)
]
OTHERS["couplets, numbered like chapters"] = lambda rng: [
    f"第{i}回:{a}，{b}。" for i, (a, b) in enumerate(zip(FIVE(rng), FIVE(rng), strict=True))
]
OTHERS["speeches in verse"] = lambda rng: [
    f"{rng.choice(['樵夫', '渔翁', '牧童'])}:{a}，{b}。{b}，{a}。"
    for a, b in zip(FIVE(rng), FIVE(rng), strict=True)
]
OTHERS["sayings and what they mean"] = lambda rng: [
    f"{a}:{b}，{'也就是说' * rng.randint(1, 3)}，{a}，{b[: rng.randint(1, 4)]}。"
    for a, b in zip(FIVE(rng), FIVE(rng), strict=True)
]
OTHERS["verse of four characters"] = combined(
    "关 采 瞻 陟 南 彼 悠 蒹",
    "彼 其 我 之",
    "山 淇 南 高 卷 葛",
    "兮 矣 冈 谷 耳 鸠",
    joint="",
)
OTHERS["verse of three characters"] = combined(
    "人 性 习 教 昔 子 为 香", "之 不 相 本 可 能", "初 善 近 远 学 师 友", joint=""
)
OTHERS["a Chinese song"] = template(
    "我还在{n}等你回来",
    "你说过的{n}都忘了",
    "{n}里没有人再唱歌",
    "不要问我{n}的方向",
    n="雨夜 车站 旧时光 海边 故乡 风",
)
OTHERS["haiku in Japanese"] = lambda rng: [
    line
    for _ in range(40)
    for line in (
        rng.choice(["古池や", "名月や", "春の海", "夏草や", "秋深き"]),
        rng.choice(["蛙とびこむ", "池をめぐりて", "終日のたり", "兵どもが", "隣は何を"]),
        rng.choice(["水の音", "夜もすがら", "夢の跡", "する人ぞ", "初時雨"])
        + rng.choice(["", "や", "かな"]),
    )
]
OTHERS["a Japanese song"] = template(
    "あなたの{n}を忘れない",
    "遠い{n}に風が吹く",
    "{n}だけが知っている",
    "もう一度{n}へ帰ろう",
    n="声 海 町 夢 約束",
)

SPEAKERS = "PENNYFOLD DORCAS SLEET CAPTAIN"
OTHERS["a play"] = template(
    "\n{s}:\n{l}", s=SPEAKERS, l="I_will_not_have_it! Who_was_near_the_book? Nobody,_sir."
)
OTHERS["a play, a speech a line"] = template(
    "{s}: {l}",
    s="Anna Bruno Clara",
    l="I_will_not. Who_was_it? Come_in They_left_before_the_rain",
)
OTHERS["a Chinese play, a speech a line"] = template(
    "{s}：{l}",
    s="老王 小梅 掌柜",
    l="你来了？ 昨天的雨，下得真大。 不要说了，走吧，天黑了，路远。",
)
CHAT = template(
    "hey",
    "ok",
    "lol {n}",
    "did you see the {n} yet",
    "no",
    "omg",
    "i know",
    "on my way",
    "what time",
    "we are at the {n} now where are you",
    "{n}?",
    "haha yes",
    "brb",
    "sounds good",
    n="bus cake game car film keys",
)
OTHERS["a chat"] = with_numbers("[12:{two}] anna: {line}", CHAT)
OTHERS["a chat with names"] = changed(
    CHAT, lambda line: f"{'anna' if len(line) % 2 else 'bo'}: {line}"
)
OTHERS["a chat without names"] = CHAT
OTHERS["a Chinese chat"] = template(
    "好的",
    "嗯",
    "你到了吗",
    "我在{n}",
    "哈哈哈",
    "知道了",
    "明天再说吧",
    "{n}呢",
    "他不来了",
    "等我一下",
    "真的吗",
    n="车站 公司 楼下 家里 超市 学校 食堂 门口 路上 图书馆",
)
OTHERS["a log"] = with_numbers(
    "2024-03-01 12:{two}:07 INFO worker-{other} {line}",
    template("started job", "finished job", "connection lost"),
)
OTHERS["a log of the system"] = with_numbers(
    "Mar  1 12:{two}:07 host sshd[{other}]: {line}",
    template("Accepted Key", "Session Closed", "Failed Password"),
)
OTHERS["a log without times"] = template(
    "INFO Server Started",
    "WARN Disk Almost Full",
    "INFO Client Connected",
    "ERROR Request Failed",
)
OTHERS["commits"] = with_numbers(
    "{n:07x} {line}", template("Fix {x}", "Add {x} to parser", x="tests typo lexer cache")
)
OTHERS["a table with commas"] = with_numbers(
    "{n},{line},{other}", combined(FIRST, LAST, joint=",")
)
OTHERS["a table of words with commas"] = combined(
    FIRST, LAST, "Baker Sailor Clerk Smith Miller", joint=","
)
OTHERS["a table with tabs"] = with_numbers(
    "{line}\t{other}\t{n}", combined(FIRST, LAST, joint="\t")
)
OTHERS["a table with bars"] = with_numbers("| {line} | {other} |", combined(FIRST, LAST))
OTHERS["a table with spaces"] = with_numbers(
    "{line:<24}{other:>6}{n:>8}", combined(FIRST, LAST)
)
OTHERS["objects of JSON, one a line"] = changed(
    combined(FIRST, LAST), lambda line: json.dumps({"name": line, "length": len(line)})
)
OTHERS["JSON, indented"] = lambda rng: json.dumps(
    [{"name": line, "length": len(line)} for line in LISTS["English names"](rng)], indent=2
).splitlines()
OTHERS["names, some of them with remarks"] = lambda rng: [
    f"{line} came late and left early" if i % 8 == 0 else line
    for i, line in enumerate(LISTS["invented minerals"](rng))
]
OTHERS["prose in a script without spaces"] = lambda rng: [
    "".join(rng.choices("ꦲꦤꦕꦫꦏꦢꦠꦱꦮꦭ", k=rng.randint(30, 90))) for _ in range(LINES)
]
OTHERS["paragraphs in capitals like a title's"] = paragraphs(
    changed(LISTS["headlines"], str.title)
)
OTHERS["readings"] = with_numbers("room {other} {line}", combined("warm cold dry", "x y z"))
OTHERS["a protein in a narrow column"] = lambda rng: textwrap.wrap(
    "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=3_000)), 20
)
OTHERS["numbers"] = lambda rng: [str(rng.randint(0, 99_999)) for _ in range(LINES)]
OTHERS["measurements"] = lambda rng: [f"{rng.gauss(0, 1):.4f}" for _ in range(LINES)]
OTHERS["numbers in scientific notation"] = lambda rng: [
    f"{rng.gauss(0, 1):.4e}" for _ in range(LINES)
]
OTHERS["a pickle"] = lambda rng: [f"I-{rng.getrandbits(31)}" for _ in range(LINES)]
OTHERS["subtitles"] = with_numbers(
    "{n}\n00:01:{two},000 --> 00:01:{two},900\n{line}\n", CHAT
)
OTHERS["Markdown"] = repeated(
    "# Part {n}\n\nSome *text* with `code` and\n[a link](a.md).\n\n- one\n- two {n}\n"
)
OTHERS["bullets"] = changed(ENGLISH, lambda line: "- " + line)
OTHERS["recipes"] = repeated(
    "Barley Soup\n\n{n} g barley\n2 onions\n1 l stock\nsalt\n\n"
    "Fry the onions in a pot until they are brown.\n"
    "Add the barley and the stock; boil for {n} minutes.\n"
)
OTHERS["recipes without blank lines"] = repeated(
    "Barley Soup {n}\n{n} g barley\n2 onions\n1 l stock\nsalt\n"
    "Fry the onions in a pot until they are brown.\n"
    "Add the barley and the stock; boil for {n} minutes.\n"
)
OTHERS["definitions"] = combined(FIRST, "n. v. adj.", LAST, joint=": ")
OTHERS["settings"] = with_numbers(
    "{line}={n}", combined("cache log net", "_size _path _limit", joint="")
)
OTHERS["Base64"] = lambda rng: textwrap.wrap(
    base64.b64encode(rng.randbytes(4_000)).decode(), 76
)
OTHERS["a protein, wrapped"] = lambda rng: textwrap.wrap(
    "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=5_000)), 60
)
OTHERS["hexadecimal bytes"] = lambda rng: [rng.randbytes(16).hex(" ") for _ in range(LINES)]
OTHERS["moves of chess"] = lambda rng: [
    f"{i}. {rng.choice('NBRQK')}{rng.choice('abcdefgh')}4 {rng.choice('abcdefgh')}5"
    for i in range(90)
]
OTHERS["tokens of music"] = lambda rng: [
    f"NOTE_{rng.choice(['ON', 'OFF', 'SHIFT'])}_{rng.choice('CDEFGAB')}" for _ in range(600)
]
OTHERS["addresses"] = with_numbers(
    "{line}\n{n} Harbour Street\nSaltby\n", combined(FIRST, LAST)
)
OTHERS["e-mails"] = repeated(
    "From: anna@example.org\nDate: Mon, {n} Mar\nSubject: Herring\n\n"
    "Dear Bo,\nthe boat is late.\nAnna\n"
)
OTHERS["a diary"] = changed(ENGLISH, lambda line: f"3 March\n{line}")
OTHERS["one line"] = lambda rng: [" ".join(ENGLISH(rng))]
OTHERS["a short list"] = lambda rng: LISTS["English names"](rng)[:19]
OTHERS["nothing"] = lambda rng: []
OTHERS["a list in groups"] = stanzas(LISTS["colours"])

OTHERS["Python"] = repeated(
    "import os\n\n\ndef total_{n}(items):\n    # add them up\n    result = {n}\n"
    "    for item in items:\n"
    "        if item is None:\n            continue\n"
    "        result += item\n    return result\n"
)
OTHERS["Python without blank lines"] = changed(
    OTHERS["Python"], lambda line: line or "pass"
)
OTHERS["C"] = repeated(
    "#include <stdio.h>\nint f{n}(int a)\n{\n  int b = a * {n};\n"
    "  if (b > 3)\n    return b;\n  return 0;\n}\n"
)
OTHERS["JavaScript"] = repeated(
    "const f{n} = (a) => {\n  let b = a;\n  return b + {n};\n};\nexport default f{n};\n"
)
OTHERS["Rust"] = repeated(
    "fn f{n}(a: u32) -> u32 {\n    let b = a;\n    match b {\n"
    "        {n} => b,\n        _ => 0,\n    }\n}\n"
)
OTHERS["Haskell"] = repeated(
    "module M{n} where\nimport Data.List\nf{n} :: Int -> Int\nf{n} x = x + {n}\n"
)
OTHERS["Lisp"] = repeated(
    "(defun f{n} (a b)\n  (let ((c (+ a b)))\n    (if (> c {n})\n        c\n      b)))\n"
)
OTHERS["Pascal"] = repeated(
    "procedure P{n};\nvar i: integer;\nbegin\n  i := {n};\n  writeln(i)\nend;\n"
)
OTHERS["shell"] = repeated(
    "set -e\ncd build{n}\nif make all; then\n  cp out /usr/{n}\nfi\nexport A=$B\n"
)
OTHERS["SQL"] = repeated(
    "SELECT a, b{n}\nFROM t{n}\nWHERE a = {n}\n  AND b IS NOT NULL\nORDER BY a;\n"
)
OTHERS["assembly"] = repeated(
    "f{n}:\n\tpush rbp\n\tmov rbp, rsp\n\tadd eax, {n}\n\tpop rbp\n\tret\n"
)
OTHERS["BASIC"] = with_numbers(
    "{n}0 {line}", template("PRINT A", "GOTO 10", "LET B", "FOR I", "NEXT I")
)
OTHERS["HTML"] = repeated(
    "<h1>Part {n}</h1>\n<p>Some text\nthat goes on.</p>\n<ul>\n<li>one\n<li>two\n</ul>\n"
)
OTHERS["CSS"] = repeated(".a{n} {\n  color: red;\n  margin: {n}px;\n}\n")
OTHERS["TeX"] = repeated(
    "\\section{Part {n}}\nSome text with $x^{n}$\nand more.\n"
    "\\begin{quote}\nA\n\\end{quote}\n"
)
