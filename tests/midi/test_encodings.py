"""The encoding of names: found over all of a file, and never at the cost of those that are plain."""

# ruff: noqa: RUF001 - names in many scripts

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from etl.midi.alphabets import flaws
from etl.midi.encodings import decode, find_encoding
from etl.midi.text import decode_text

NAMES = {
    "cp1251": "Белые розы|Ты неси меня река|День Победы|Мурка|Очи чёрные|Кукушка|Группа крови|Ударные",
    "cp1253": "Καλημέρα ήλιε|Χάρτινο φεγγάρι|Ένα το χελιδόνι|Μισιρλού|Ρόζα|Νύχτα μαγικιά|Κρουστά|Φωνή",
    "cp1255": "צור משלו|היו לילות|אור וירושלים|יד ענוגה|זמר נוגה|תפילה|קלרינט|תזמורת|מלודיה",
    "gb18030": "朋友别哭|吻别|同桌的你|千千阙歌|光辉岁月|海阔天空|童话|老鼠爱大米|钢琴|小提琴|打击乐",
    "big5": "朋友別哭|吻別|同桌的你|光輝歲月|海闊天空|童話|龍的傳人|真的愛你|鋼琴|打擊樂",
    "euc_kr": "사랑의 미로|돌아와요 부산항에|그대에게|만남|단발머리|이별|거위의 꿈|피아노|드럼|바이올린",
    "euc_jp": "津軽海峡冬景色|北国の春|赤とんぼ|荒城の月|涙そうそう|千本桜|ピアノ|ドラム|打楽器",
    "shift_jis": "津軽海峡冬景色|北国の春|赤とんぼ|荒城の月|涙そうそう|千本桜|ピアノ|ドラム|打楽器",
}
NAMES |= {
    "cp1250": "Skákal pes|Pražské jaro|Ježek v kleci|Bílý kůň|Řeka lásky|Měsíc v úplňku|Klávesy|Dětský sbor",
    "cp1254": "Şekerleme|Bağrı yanık|Çoban yıldızı|Yıldızlar|Işıklar|Gökyüzü|Şehir ışıkları",
    "cp1256": "يا ليلي يا عيني|حبيبي|القمر|شمس الأصيل|لحن الخلود|موسيقى|الوتريات|كلارينيت",
    "cp874": "ความรัก|คิดถึง|ฝันดี|หัวใจ|สายลม|แซกโซโฟน|เสียงร้อง|ไวโอลิน|จังหวะ",
}
NAMES |= {"cp866": NAMES["cp1251"], "cp852": NAMES["cp1250"]}
LATIN = [
    "Für", "Hörner", "Baß", "Flöte", "Größe", "Fußgängerübergang", "Süßer", "Äußerst", "Mélodie",
    "Été", "Où", "êtes", "Noël", "Ça", "À", "Déjà", "Naïveté", "Violão", "Órgão", "Coração", "Não",
    "Acordeón", "Señorita", "Corazón", "Bås", "Blåsare", "Säckpipa", "Ægir", "Første", "Kööri",
    "Mäßig", "L'été", "Château", "Fête", "Goût", "Cœur", "Sœur", "Flûte à bec", "Maître", "Forêt", "Être",
    "Île", "Perché", "Città", "Più", "Lunedì", "Però", "Canções", "Irmã", "Pão", "Avô", "España", "Año",
    "Mañana", "Über", "Straße", "Müßiggang", "Ångström", "Själ", "Søren", "Kærlighed", "På", "Både",
    "Ísland", "Það er gott", "België", "Één", "Coöperatie", "Català", "Cançó", "¿Qué?",
    "“Hello”", "Rock…", "It’s", "Ñandú", "Hüsker Dü", "Motörhead", "Beyoncé", "Björk", "Sigur Rós",
]  # fmt: skip
PLAIN = ["Piano", "Bass", "Gtr", "Lead", "(2)", "128bpm", "Am", "Drums", "-"]


@pytest.mark.parametrize("encoding", NAMES)
def test_files_of_several_names_are_read(encoding: str) -> None:
    """Of 60 files of five names 19 in 20 are right, plain names beside them or not; one name, 13 in 20."""
    names, draw = NAMES[encoding].split("|"), random.Random(5)
    right = dict.fromkeys((1, 5), 0)
    for count in right:
        for _ in range(60):
            texts = [*draw.sample(names, count), *draw.sample(PLAIN, 2)]
            raws = [text.encode(encoding) for text in texts]
            found = find_encoding(raws)
            right[count] += [decode(raw, found.name) for raw in raws] == texts
            assert found.is_guess
    assert right[5] >= 57
    assert right[1] >= 39


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_utf_8_is_never_damaged(texts: list[str]) -> None:
    """Whatever is UTF-8 is read as that, and no guess; where every other byte is zero it may be UTF-16."""
    raws = [text.encode() for text in texts]
    found = find_encoding(raws)
    if not any(mark < " " for text in texts for mark in text):  # of controls UTF-16 may be made
        assert not found.is_guess
        assert [decode(raw, found.name) for raw in raws] == [text.removeprefix("\ufeff") for text in texts]


@pytest.mark.parametrize(
    "names",
    [
        ["Nº 1"], ["Sinfonia nº 5", "Björk - Jóga"], ["Mª José"],
        ["Þú"], ["Ég veit þú kemur"], ["Stjörnur", "Maður", "Sæglópur"], ["Við", "Nótt"],
        ["Ísafold", "Maður", "Þursaflokkurinn"], ["Þorri", "Æði", "Ýta"],
    ],
)  # fmt: skip
def test_western_names_are_not_taken_for_those_of_a_neighbour(names: list[str]) -> None:
    """A numero is no letter of Romanian; words that may be Turkish go with those that are Icelandic."""
    raws = [name.encode("cp1252") for name in names]
    assert [decode(raw, find_encoding(raws).name) for raw in raws] == names


@pytest.mark.parametrize(
    ("names", "page"),
    [
        (["Beyoncé", "Doğan Şarkı", "Gökyüzü", "Şehir ışığı"], "cp1254"),
        (["Oraş", "Bucureşti", "Ţară"], "cp1250"),
        (["Motörhead", "Łódź"], "cp1250"),
    ],
)
def test_names_of_neighbours_stay_theirs_beside_western_ones(names: list[str], page: str) -> None:
    """An artist from the West does not outvote words that are none there."""
    raws = [name.encode(page) for name in names]
    assert [decode(raw, find_encoding(raws).name) for raw in raws] == names


@given(st.lists(st.lists(st.sampled_from([*LATIN, *PLAIN]), min_size=1, max_size=5), min_size=1, max_size=5))
def test_latin_1_is_never_damaged(words: list[list[str]]) -> None:
    """Accents, one or two in a row, are not taken for letters of other scripts, in a file or alone."""
    texts = [" ".join(each) for each in words]
    raws = [text.encode("cp1252") for text in texts]
    found = find_encoding(raws)
    assert [decode(raw, found.name) for raw in raws] == texts
    assert [decode_text(raw) for raw in raws] == texts


@given(st.binary(max_size=60), st.sampled_from(["ascii", "utf-16", "big5", "shift_jis", "latin-1"]))
def test_any_bytes_can_be_read(raw: bytes, encoding: str) -> None:
    """There is always a text, also in an encoding that is not the right one."""
    assert isinstance(decode(raw, find_encoding([raw]).name), str)
    assert isinstance(decode(raw, encoding), str)
    assert "\0" not in decode_text(raw)


@pytest.mark.parametrize(("codec", "is_guess"), [("utf-16", False), ("utf-16-le", True), ("utf-16-be", True)])
def test_utf_16_is_found_with_and_without_its_mark(codec: str, is_guess: bool) -> None:
    """The mark is no part of the text."""
    raws = [text.encode(codec) for text in ("Flöte", "Drums")]
    found = find_encoding(raws)
    assert (found.name, found.is_guess) == (codec, is_guess)
    assert [decode(raw, codec) for raw in raws] == ["Flöte", "Drums"]


def test_accents_of_dos_are_no_kanji() -> None:
    """Zips of Windows have names in code page 850, which Shift-JIS can read as well."""
    texts = ["Größe", "Für Elise", "Noël", "Coração", "Señorita", "Blåsare"]
    found = find_encoding([text.encode("cp850") for text in texts])
    assert found == ("cp850", True)
    for text in ("Flöte", "Für Elise", "Señorita", "Corazón", "Violão"):
        raw = text.encode("cp850")
        assert decode(raw, find_encoding([raw]).name) == text


@pytest.mark.parametrize(
    "text", ["Don\u2019t Stop", "“Quoted” song", "wait…", "A\u2013B", "Œuvre", "Žena", "5£"]
)
def test_marks_of_windows_stay_what_they_are(text: str) -> None:
    """Quotation marks, dashes and signs are not taken for letters of DOS."""
    raw = text.encode("cp1252")
    assert decode(raw, find_encoding([raw]).name) == text


def test_what_is_longer_than_any_word_speaks_against_an_alphabet() -> None:
    """One accent, a final sigma: all as in Greek, but for the length."""
    assert flaws("ά" + "λ" * 38 + "ς", "cp1253") == 0
    assert flaws("ά" + "λ" * 39 + "ς", "cp1253") == 1


def test_vietnamese_has_marks_of_its_own_and_reads_as_one() -> None:
    """Code page 1258 has some tones behind the letters; what is read has them in one character."""
    raws = [
        "Phu\u031bo\u031b\u0323ng".replace("u\u031b", "\u01b0").replace("o\u031b", "\u01a1").encode("cp1258"),
        "Biê\u0309n nhó".encode("cp1258"),
    ]
    found = find_encoding(raws)
    assert found.name == "cp1258"
    assert [decode(raw, found.name) for raw in raws] == ["Phượng", "Biển nhó"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["Бас гитара", "Κιθάρα", "ניגון", "عود", "กลอง", "Bass 2"])
def test_utf_16_without_a_mark_is_told_by_its_controls(text: str, encoding: str) -> None:
    """Of scripts of which a byte of each letter is a control; no other text has such in every place."""
    assert find_encoding([text.encode(encoding)]) == (encoding, True)
