"""Names in an unsaid encoding: how many made-up files of one, three and eight names are read.

python -m benchmarks.midi_names [FILES=200]

Names of parts, whose letters the finder knows to be frequent, and titles of songs, which it was not told.
"""

# ruff: noqa: RUF001 - names in many scripts

from __future__ import annotations

import random
from unicodedata import normalize

from etl.midi.encodings import decode, find_encoding
from tests.support.figures import show, sizes

PARTS = {
    "cp1251": "Ударные|Бас|Гитара соло|Мелодия|Фортепиано|Скрипка|Ритм-гитара|Струнные|Аккордеон|Флейта",
    "cp1253": "Τύμπανα|Μπάσο|Κιθάρα σόλο|Μελωδία|Πιάνο|Βιολί|Ακορντεόν|Φωνή|Κρουστά|Μπουζούκι|Φλάουτο",
    "cp1255": "תופים|בס|גיטרה|מנגינה|פסנתר|כינור|אקורדיון|שירה|כלי הקשה|חליל|קלידים|מקהלה",
    "gb18030": "鼓|贝斯|电吉他|主旋律|钢琴|小提琴|人声|合唱|弦乐|小号|萨克斯|二胡|古筝|笛子|伴奏|打击乐",
    "big5": "鼓組|貝斯|電吉他|主旋律|鋼琴|小提琴|人聲|合唱|弦樂|小號|二胡|古箏|笛子|伴奏|打擊樂",
    "euc_kr": "드럼|베이스|기타 솔로|멜로디|피아노|바이올린|보컬|합창|스트링|트럼펫|색소폰|오르간|플루트",
    "euc_jp": "ドラム|ベース|ギターソロ|メロディー|ピアノ|バイオリン|合唱|三味線|琴|尺八|伴奏|打楽器",
    "shift_jis": "ドラム|ベース|ギターソロ|メロディー|ピアノ|バイオリン|合唱|三味線|琴|尺八|伴奏|ﾄﾞﾗﾑ",
    "latin-1": "Schlagzeug|Baß|Flöte|Mélodie|Violão|Percussão|Acordeón|Blåsare|Säckpipa|Hörner",
}
PARTS |= {
    "cp1250": "Bicí|Kytara|Zpěv|Klavír|Příčná flétna|Smyčce|Śpiew|Trąbka|Żeńskie chóry|Hegedű"
    "|Szólógitár|Ütősök",
    "cp1254": "Bağlama|Şarkı|Yaylılar|Vokal|Çığlık|Davul|Keman|Kırmızı|Zurna|Üflemeli|Solo gitar|Klarnet",
    "cp1256": "طبلة|عود|كمان|قانون|ناي|صوت|إيقاع|بيانو|جيتار|أورج|لما بدا يتثنى",
    "cp1257": "Būgnai|Gitara|Smuikas|Balsas|Daina|Pianīns|Bungas|Vijole|Žvaigždė|Ąžuolas",
    "cp1258": "Trống|Đàn tranh|Sáo|Ghi ta|Dương cầm|Giọng hát|Hợp xướng|Mùa xuân|Cát bụi",
    "cp874": "กลอง|กีตาร์|เบส|เปียโน|ขลุ่ย|ร้องนำ|คอรัส|เครื่องสาย|ลอยกระทง|แสงเทียน",
}
PARTS |= {"cp866": PARTS["cp1251"], "cp850": PARTS["latin-1"], "cp852": PARTS["cp1250"]}
TITLES = {
    "cp1250": "Jožin z bažin|Holky z naší školky|Sametová|Múzy|Niech żyje bal|Małgośka|Chłopaki nie płaczą"
    "|Elmegyek|Gyöngyhajú lány|Szerelemről szó sincs|Dnes večer|Cesta",
    "cp1254": "Aşk|Dönence|Islak ıslak|Kuzu kuzu|Ölürüm sana|Yalnızlık senfonisi|Unutamadım|Gönül dağı"
    "|Şıkıdım|Haydi gel",
    "cp1256": "الأطلال|سواح|قارئة الفنجان|بنت الشلبية|يا طير|على بالي|أهواك|سألتك حبيبي|طلع البدر علينا",
    "cp1257": "Tūkstantis žingsnių|Laužo šviesa|Palauk|Tylos nebus|Mēness meitiņa|Ziemeļmeita"
    "|Lēna dziesma|Meldijos pinu",
    "cp1258": "Nối vòng tay lớn|Để gió cuốn đi|Phượng hồng|Bài ca hy vọng|Làng tôi|Tình ca|Hà Nội mùa thu"
    "|Đôi bờ",
    "cp874": "ชะตาชีวิต|รักเธอ|ดาวเรือง|ส้มตำ|คู่กัด|บุพเพสันนิวาส|ทะเลใจ|เพื่อนสนิท|คนไม่มีแฟน",
    "cp1251": "Белые розы|Ты неси меня река|День Победы|Очи чёрные|Мурка|Кукушка|Группа крови|Катюша",
    "cp1253": "Ζορμπάς|Δυο πόρτες έχει η ζωή|Συννεφιασμένη Κυριακή|Στο περιγιάλι|Όμορφη πόλη|Μισιρλού|Καημός"
    "|Φραγκοσυριανή",
    "cp1255": "הבה נגילה|ירושלים של זהב|התקווה|שיר לשלום|עוד לא אהבתי די|אני ואתה|ערב של שושנים|לך לך",
    "gb18030": "朋友别哭|吻别|同桌的你|千千阙歌|光辉岁月|海阔天空|童话|老鼠爱大米|真的爱你|水手",
    "big5": "朋友別哭|吻別|同桌的你|千千闋歌|光輝歲月|海闊天空|童話|龍的傳人|真的愛你|水手",
    "euc_kr": "사랑의 미로|돌아와요 부산항에|그대에게|만남|비처럼 음악처럼|이별|거위의 꿈|아리랑",
    "euc_jp": "津軽海峡冬景色|北国の春|赤とんぼ|荒城の月|涙そうそう|千本桜|昴|天城越え",
    "shift_jis": "津軽海峡冬景色|北国の春|赤とんぼ|荒城の月|涙そうそう|千本桜|昴|天城越え",
    "latin-1": "Für Elise|À la claire fontaine|Corazón espinado|Garçon|Größe|Noël|L'été|Coração|Où êtes-vous",
}


TITLES |= {"cp866": TITLES["cp1251"], "cp850": TITLES["latin-1"], "cp852": TITLES["cp1250"]}

_TONES = "\u0300\u0301\u0303\u0309\u0323"


def share_read(names: list[str], encoding: str, count: int, files: int) -> float:
    """Give the share of files of so many names, all of which are read as they were written."""
    draw = random.Random(count)
    right = 0
    for _ in range(files):
        texts = draw.sample(names, count)
        raws = [b"".join(_written(mark, encoding) for mark in text) for text in texts]
        found = find_encoding(raws).name
        right += [decode(raw, found) for raw in raws] == texts
    return right / files


def _written(mark: str, encoding: str) -> bytes:
    """Encode a letter; in code page 1258 some tones of Vietnamese stand behind it."""
    try:
        return mark.encode(encoding)
    except UnicodeEncodeError:
        parts = normalize("NFD", mark)
        base, marks = parts[0], parts[1:]
        shape = normalize("NFC", base + "".join(each for each in marks if each not in _TONES))
        return (shape + "".join(each for each in marks if each in _TONES)).encode(encoding)


def main(files: int) -> None:
    """Measure and print."""
    for what, of in (("parts", PARTS), ("titles", TITLES)):
        for encoding, names in of.items():
            shares = [share_read(names.split("|"), encoding, count, files) for count in (1, 3, 8)]
            figure = ", ".join(f"{share:.0%}" for share in shares)
            show({encoding: f"{figure} of files of 1, 3, 8"}, what)


if __name__ == "__main__":
    main(*sizes(200))
