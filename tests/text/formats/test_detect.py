"""Guessing encodings, by texts of a few hundred characters."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargen.errors import TextError
from chargen.text.formats import detect
from chargen.text.formats.detect import detect_encoding, marked, wide

TEXTS = {
    "Chinese": (
        "却说那年冬天，北风吹得正紧，镇上的人都躲在屋里烤火。老掌柜把门板上好，正要吹"
        "灯，忽听得外面有人敲门，一下，两下，不紧不慢。他心里纳闷：“这样大的雪，谁还"
        "会出门呢？”\n"
        "开了门，只见一个穿青布长衫的年轻人站在檐下，肩上落满了雪。年轻人拱手道：“打"
        "扰了，想借宿一晚。”老掌柜看他面善，便让他进来，又添了两块木炭。火光里，年轻"
        "人从怀中取出一卷旧书，封面上写着三个字，老掌柜不认得。\n"
        "第二天一早，雪停了，年轻人已经走了，桌上只留下那卷书和一枚铜钱。老掌柜把铜钱"
        "收好，把书放在柜台下面，从此再没有打开过。"
    ),
    "Taiwanese": (
        "從前有一個小村莊，住在山腳下，村裡的人靠種田過日子。每年春天，溪水漲起來的時"
        "候，孩子們便到河邊捉魚，老人們坐在榕樹下說故事。\n"
        "有一天，來了一位賣藝的老人，他背著一個很大的木箱，箱子裡裝滿了各種各樣的玩具"
        "。他對孩子們說：「誰能說出一個我沒有聽過的故事，我就送他一樣東西。」孩子們爭"
        "先恐後地講了起來，可是每一個故事，老人都聽過。最後輪到一個不愛說話的女孩，她"
        "想了很久，才輕輕地說：「昨天晚上，我夢見了你。」老人笑了，把整個箱子都送給了"
        "她。"
    ),
    "Japanese": (
        "駅前の通りを抜けると、小さな川に出る。橋のたもとに古い喫茶店があって、私は毎"
        "週土曜日の午後をそこで過ごしていた。店の主人は無口な人で、注文を聞くときのほ"
        "かはほとんど口をきかなかった。\n"
        "ある日、いつもの席に知らない女の人が座っていた。彼女は窓の外を見ながら、何か"
        "をノートに書きつけていた。私が別の席に着くと、主人がコーヒーを運んできて、珍"
        "しく言った。「あの人はね、この町の音を全部書きとめているんですよ」\n"
        "それから私も耳を澄ますようになった。カップの音、川の流れ、遠くの電車。町はい"
        "つでも何かを話していたのだ。"
    ),
    "Korean": (
        "그 해 겨울은 유난히 추웠다. 마을 사람들은 저녁이면 모두 집으로 돌아가 문을 "
        "닫고 불을 피웠다. 할머니는 나를 무릎에 앉히고 옛날 이야기를 들려주었다. "
        "이야기 속에는 호랑이도 있고, 마음씨 착한 나무꾼도 있었다.\n"
        "“그래서 나무꾼은 어떻게 되었어요?” 내가 물으면 할머니는 웃으며 말했다. "
        "“글쎄, 그건 내일 이야기해 주마.” 그렇게 겨울이 다 가도록 이야기는 끝나지 "
        "않았다. 봄이 오자 나는 도시로 떠났고, 그 뒤로 이야기의 끝을 들을 수 없었다."
    ),
    "Russian": (
        "Поезд пришёл поздно ночью. На платформе никого не было, только фонарь "
        "качался на ветру да старый сторож дремал у дверей вокзала. Иван Петрович "
        "поставил чемодан на снег и огляделся. Двадцать лет он не был в этом городе.\n"
        "— Вам куда? — спросил сторож, не открывая глаз.\n"
        "— Домой, — ответил Иван Петрович и сам удивился этому слову. Он пошёл по "
        "улице, узнавая дома, заборы, деревья. Всё стало меньше, чем он помнил, и "
        "только небо осталось таким же огромным и чёрным."
    ),
    "French": (
        "Le vieux pêcheur rentrait toujours à la même heure. On l’apercevait d’abord "
        "au bout de la jetée, minuscule, puis sa barque grandissait, et les enfants "
        "couraient déjà vers le port en criant son nom. « Qu’est-ce que tu nous "
        "rapportes ? » demandaient-ils. Il répondait invariablement : « La mer, mes "
        "petits, rien que la mer. »\n"
        "Un soir d’été, il ne revint pas. On l’attendit jusqu’à la nuit tombée ; les "
        "femmes avaient allumé des lanternes. À l’aube, la barque fut retrouvée, "
        "vide, près du phare. Le filet était plein."
    ),
    "German": (
        "Der Müller hatte drei Söhne, und der jüngste galt als töricht, weil er den "
        "ganzen Tag am Bach saß und den Fischen zuhörte. „Was sagen sie denn?“, "
        "fragten die Brüder spöttisch. „Sie sagen, dass übermorgen das Wasser über "
        "die Wiese steigt“, antwortete er ruhig. Natürlich glaubte ihm niemand. Doch "
        "in der übernächsten Nacht kam die Flut, riss die Brücke fort und trug das "
        "Heu davon. Seither hören die Leute im Dorf gern zu, wenn jemand schweigt."
    ),
    "Czech": (
        "Na kraji lesa stála stará chalupa, kde bydlel hodinář. Každé ráno vstával "
        "před východem slunce a natahoval všechny hodiny, které měl na stěnách. Když "
        "se ho lidé ptali, proč to dělá, odpovídal: „Aby čas věděl, že na něj někdo "
        "čeká.“ Jednoho dne přišla do chalupy dívka a přinesla rozbité hodinky po "
        "dědečkovi. Hodinář si je prohlížel dlouho a mlčky. Nakonec řekl, že je "
        "neopraví, protože ještě nechtějí jít."
    ),
    "Polish": (
        "Na skraju wsi mieszkał stary zegarmistrz, który nigdy się nie spieszył. "
        "Ludzie przynosili mu zepsute zegarki, a on kładł je na półce i mówił: "
        "„Przyjdźcie, kiedy będzie czas”. Pewnego dnia dziewczynka zapytała, skąd "
        "będą wiedzieć, że czas już nadszedł. Zegarmistrz uśmiechnął się, zdjął "
        "okulary i długo patrzył przez okno na łąkę, gdzie pasły się źrebięta. "
        "Wreszcie odrzekł, że czas poznaje się po ciszy, która następuje tuż przed "
        "nim."
    ),
    "Greek": (
        "Το χωριό ήταν χτισμένο πάνω στον βράχο, και από τα σπίτια φαινόταν όλη η "
        "θάλασσα. Κάθε πρωί ο παππούς μου κατέβαινε στο λιμάνι και καθόταν με τους "
        "ψαράδες. Μιλούσαν λίγο και κοιτούσαν μακριά. «Τι περιμένεις;» τον ρώτησα "
        "μια μέρα. Εκείνος χαμογέλασε και έδειξε τον ορίζοντα. «Περιμένω να γυρίσει "
        "ο αέρας», είπε. Τότε δεν κατάλαβα τι εννοούσε, όμως τώρα που μεγάλωσα "
        "πηγαίνω κι εγώ και κάθομαι στην ίδια πέτρα."
    ),
    "Arabic": (
        "كان في قديم الزمان تاجر يسكن مدينة على شاطئ البحر، وكان له ثلاثة أولاد. "
        "فلما كبر وضعف جسمه دعاهم إليه وقال: يا أولادي، لم يبق من عمري إلا القليل، "
        "وأريد أن أعرف من منكم أحق بهذا البيت. فقال الأكبر: أنا أملؤه ذهبا. وقال "
        "الأوسط: أنا أملؤه كتبا. أما الصغير فأشعل شمعة صغيرة في وسط الغرفة، فامتلأ "
        "البيت كله نورا. فابتسم الشيخ وأعطاه المفتاح."
    ),
    "Hebrew": (
        "בקצה הרחוב עמד בית ישן שאיש לא גר בו. הילדים סיפרו שבלילות רואים אור בחלון, "
        "אבל אף אחד מהם לא העז להיכנס. ערב אחד החלטתי ללכת לבדי. פתחתי את הדלת, והיא "
        "נפתחה בלי קול. בפנים ישב זקן ליד שולחן וכתב מכתב. הוא הרים את ראשו ואמר: "
        "חיכיתי לך שנים רבות, שב בבקשה."
    ),
    "Turkish": (
        "Köyün dışında, değirmenin yanında yaşlı bir adam yaşardı. Çocuklar ona her "
        "gün aynı soruyu sorardı: “Bugün rüzgâr nereden esiyor?” Adam gözlüğünü "
        "çıkarır, gökyüzüne bakar, sonra ağır ağır cevap verirdi. Bir gün "
        "çocuklardan biri, “Peki ya hiç esmezse?” diye sordu. Yaşlı adam güldü: “O "
        "zaman biz üfleriz, yavrum. Değirmen durmasın yeter.” O günden sonra köyde "
        "rüzgârsız gün olmadı."
    ),
    "Thai": (
        "ในหมู่บ้านเล็กๆ ริมแม่น้ำ มีชายชราคนหนึ่งอาศัยอยู่กับสุนัขของเขา ทุกเช้าเขาจะพายเรือออก"
        "ไปหาปลา และกลับมาเมื่อพระอาทิตย์ตกดิน เด็กๆ มักจะมานั่งรอฟังเรื่องเล่าของเขาที่ท่า"
        "น้ำ วันหนึ่งเขาไม่กลับมา มีเพียงสุนัขที่ว่ายน้ำกลับถึงฝั่ง"
    ),
    "English": (
        "The harbour master kept a book in which he wrote down every ship that did "
        "not come. “It is easy,” he used to say, “to count the ones that do.” On "
        "winter evenings he would read the names aloud to whoever sat by the "
        "stove—café owners, pilots, a naïve young clerk—and nobody laughed. It cost "
        "£5 a year to be left out of it."
    ),
}

RIGHT = [
    *(("Chinese", "gb18030"), ("Chinese", "gbk"), ("Chinese", "gb2312")),
    *(("Taiwanese", "big5"), ("Japanese", "shift_jis"), ("Japanese", "euc_jp")),
    *(("Korean", "euc_kr"), ("Russian", "cp1251"), ("Russian", "koi8_r")),
    *(("Russian", "iso8859_5"), ("Russian", "cp866"), ("Russian", "mac_cyrillic")),
    *(("French", "cp1252"), ("German", "cp1252"), ("English", "cp1252")),
    *(("Czech", "iso8859_2"), ("Czech", "cp1250"), ("Polish", "iso8859_2")),
    *(("Polish", "cp1250"), ("French", "mac_roman"), ("Turkish", "cp1254")),
    *(("Greek", "cp1253"), ("Arabic", "cp1256"), ("Hebrew", "cp1255"), ("Thai", "cp874")),
    *(("Chinese", "utf-16-le"), ("Japanese", "utf-16-le"), ("Korean", "utf-16-be")),
    *(("Russian", "utf-16-be"), ("English", "utf-16-le"), ("English", "utf-32-be")),
]


def readable(language, encoding):
    """Return a text in an encoding, and the text without what the encoding lacks."""
    data = TEXTS[language].encode(encoding, "replace")
    return data, data.decode(encoding)


@pytest.mark.parametrize("length", [100, 1_000])
@pytest.mark.parametrize("language, encoding", RIGHT)
def test_the_text_is_read_rightly(language, encoding, length):
    _, text = readable(language, encoding)
    part = text[:length].encode(encoding)
    found = detect_encoding(part)
    assert part.decode(found.encoding) == text[:length]
    assert codecs.lookup(found.encoding).name == found.encoding
    assert detect.RIVAL < found.confidence <= 1


@pytest.mark.parametrize(
    "language, encoding, larger",
    [
        ("Chinese", "gb2312", "gb18030"),
        ("Chinese", "gbk", "gb18030"),
        ("Japanese", "shift_jis", "cp932"),
        ("Korean", "euc_kr", "cp949"),
    ],
)
def test_of_nested_encodings_it_is_the_largest(language, encoding, larger):
    assert detect_encoding(readable(language, encoding)[0]).encoding == larger


def test_dos_french_is_beyond_it_but_it_is_not_sure():
    data, text = readable("French", "cp850")
    found = detect_encoding(data)
    assert data.decode(found.encoding) != text
    assert found.confidence < 0.8


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_certain(language, encoding):
    found = detect_encoding(TEXTS[language].encode(encoding))
    assert found == detect.Detected(encoding.removesuffix("-sig"), 1.0)


def test_the_sample_may_end_within_a_character():
    data = TEXTS["Chinese"].encode()
    assert {detect_encoding(data[:-i]).encoding for i in (1, 2, 3)} == {"utf-8"}
    data = TEXTS["Chinese"].encode("gb18030")
    assert {detect_encoding(data[:-i]).encoding for i in (1, 2, 3)} == {"gb18030"}
    data = TEXTS["Chinese"].encode("utf-16-le")
    assert {detect_encoding(data[:-i]).encoding for i in (1, 2, 3)} == {"utf-16-le"}


def test_ascii_and_nothing_are_utf_8():
    assert (
        detect_encoding(b"plain") == detect_encoding(b"") == detect.Detected("utf-8", 1.0)
    )


def test_no_more_than_a_sample_is_looked_at(monkeypatch):
    data = TEXTS["Russian"].encode("cp1251") + bytes(range(256))
    monkeypatch.setattr(detect, "MAX_SAMPLE", len(data) - 256)
    assert detect_encoding(data).encoding == "cp1251"


def test_short_lines_of_chinese_are_no_thai():
    poem = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n" * 20
    assert detect_encoding(poem.encode("gb18030")).encoding == "gb18030"
    data = (TEXTS["Thai"] * 3).encode("cp874")
    assert detect_encoding(data).encoding == "cp874"


def test_damaged_utf_8_is_nothing_else():
    data = TEXTS["French"].encode().replace("é".encode(), b"\xff", 1)
    with pytest.raises(
        TextError, match=r"diary is UTF-8 with some bad bytes, .* offset 100"
    ):
        detect_encoding(data, name="diary")


def test_what_is_no_text_at_all():
    with pytest.raises(TextError, match="in no encoding that chargen knows of"):
        detect_encoding(bytes(range(256)) * 40)


def test_marks():
    assert marked(codecs.BOM_UTF32_LE + b"x") == "utf-32"
    assert marked(codecs.BOM_UTF16_LE + b"x\0") == "utf-16"
    assert marked(b"x") is None


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("language", ["English", "Russian", "Korean", "Arabic"])
def test_wide_characters_without_a_mark(language, encoding):
    assert wide(TEXTS[language].encode(encoding)) == encoding


@pytest.mark.parametrize(
    "data", [b"", b"plain", b"\0" * 50, b"\0\x1f" * 50, b"\x7fELF\2\1\1" + b"\0" * 9]
)
def test_what_is_not_wide(data):
    assert wide(data) is None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_give_an_encoding_or_a_text_error(data):
    try:
        found = detect_encoding(data)
    except TextError:
        return
    assert 0 <= found.confidence <= 1
    assert codecs.lookup(found.encoding)
