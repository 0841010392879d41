"""Words are found in scripts with and without spaces between words, by the function and by a search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead, Recall
from langchain_motorhead.recall.words.scripts import fold, words

SAID: dict[str, tuple[list[str], list[tuple[str, int]]]] = {
    "chinese": (
        [
            "我三月搬到了成都。",
            "我对虾过敏，不能吃海鲜。",
            "我的儿子叫小明，今年九岁。",
            "我养了一只黑猫。",
            "上周我买了iPhone手机。",
        ],
        [("对什么过敏？", 1), ("海鲜", 1), ("儿子几岁", 2), ("搬到哪里", 0), ("猫", 3), ("手机", 4), ("IPHONE", 4)],
    ),
    "japanese": (
        [
            "三月に札幌へ引っ越しました。",
            "エビアレルギーがあります。",
            "息子の名前は健太で九歳です。",
            "黒い猫を飼っています。",
            "昨日サッカーを見た。",
        ],
        [("アレルギー", 1), ("ｱﾚﾙｷﾞｰ", 1), ("息子は何歳", 2), ("札幌", 0), ("猫は好き？", 3), ("サッカー", 4)],
    ),
    "thai": (
        ["ฉันย้ายไปขอนแก่นเดือนมีนาคม", "ฉันแพ้กุ้ง", "ลูกชายชื่อต้นอายุเก้าขวบ", "ฉันกลัวงูมาก", "เมื่อวานดูฟุตบอล"],
        [("เขาแพ้อะไร", 1), ("แพ้กุ้ง", 1), ("ลูกชายอายุเท่าไร", 2), ("ขอนแก่น", 0), ("งู", 3), ("ฟุตบอล", 4)],
    ),
    "korean": (
        [
            "저는 삼월에 대전으로 이사했어요.",
            "저는 새우 알레르기가 있어요.",
            "아들 이름은 민준이고 아홉 살이에요.",
            "딸은 의사예요.",
            "어제 축구를 봤어요.",
        ],
        [("무슨 알레르기", 1), ("새우", 1), ("아들", 2), ("대전", 0), ("딸", 3), ("딸이", 3), ("축구", 4)],
    ),
    "arabic": (
        [
            "انتقلت إلى الرباط في مارس.",
            "لدي حساسية من الروبيان.",
            "ابني اسمه يوسف وعمره تسع سنوات.",
            "رقم الطلب هو ٤٧١١.",
            "شاهدت المباراة أمس.",
        ],
        [("حساسيّة", 1), ("روبيان", 1), ("يوسف", 2), ("رباط", 0), ("4711", 3), ("مباراة", 4), ("إنتقلت", 0)],
    ),
    "persian": (
        [
            "در فروردین به تبریز رفتم.",
            "به میگو حساسیت دارم.",
            "پسرم نه ساله است.",
            "گربه‌ای سیاه دارم.",
            "دیروز فوتبال دیدم.",
        ],
        [("تبريز", 0), ("حساسیت", 1), ("پسرم", 2), ("گربهای", 3), ("فوتبال", 4)],
    ),
    "hindi": (
        ["मैं मार्च में जयपुर आया।", "मुझे झींगे से एलर्जी है।", "मेरा बेटा नौ साल का है।", "ऑर्डर नंबर ४७११ है।", "कल मैंने क्रिकेट देखा।"],
        [("एलर्जी", 1), ("जयपुर", 0), ("बेटा", 2), ("4711", 3), ("क्रिकेट", 4)],
    ),
    "khmer": (["ខ្ញុំរស់នៅបាត់ដំបង", "ខ្ញុំមានឆ្មាខ្មៅ", "កូនខ្ញុំអាយុប្រាំបួនឆ្នាំ"], [("បាត់ដំបង", 0), ("ឆ្មា", 1), ("អាយុ", 2)]),
    "lao": (["ຂ້ອຍຢູ່ສະຫວັນນະເຂດ", "ຂ້ອຍມີແມວສີດຳ", "ລູກຊາຍອາຍຸເກົ້າປີ"], [("ສະຫວັນນະເຂດ", 0), ("ແມວ", 1), ("ອາຍຸ", 2)]),
    "burmese": (["ကျွန်တော် မန္တလေးမှာ နေတယ်", "ကြောင်အနက် တစ်ကောင်ရှိတယ်", "သားက ကိုးနှစ်"], [("မန္တလေး", 0), ("ကြောင်", 1), ("သား", 2)]),
}


class Blind(Embeddings):
    """A model that gives every text the same vector, so that words decide."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector, as often as there are texts."""
        return [[1.0, 0.0]] * len(texts)

    def embed_query(self, text: str) -> list[float]:
        """Return that vector."""
        return [1.0, 0.0]


@pytest.fixture(scope="module", params=["english", "none"])
def motorhead(request: pytest.FixtureRequest) -> Iterator[Motorhead]:
    """A memory that is searched by words only, with and without a stemmer."""
    with Motorhead.from_url(
        "embedded://",
        namespace=f"scripts {request.param}",
        embeddings=Blind(),
        compaction="manual",
        recall=Recall(language=request.param),
    ) as made:
        for language, (said, _) in SAID.items():
            made.session(language).append([HumanMessage(text) for text in said])
        made.flush()
        yield made


@pytest.mark.parametrize(
    ("language", "query", "place"), [(name, query, at) for name, (_, asked) in SAID.items() for query, at in asked]
)
def test_words_find_the_message(motorhead: Motorhead, language: str, query: str, place: int) -> None:
    """A search by words finds the message first, in scripts without spaces and whatever the width, marks or digits."""
    (first, *_) = motorhead.session(language).search(query, k=1)
    assert first.page_content == SAID[language][0][place]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京に", ["東京", "京に", "東", "京"]),
        ("猫", ["猫"]),
        ("用Python写", ["用", "python", "写"]),
        ("alef写真beta", ["alef", "写真", "写", "真", "beta"]),
        ("กข กขค", ["กข", "กข", "ขค"]),
        ("딸은 서울에서", ["딸은", "딸", "서울", "울에", "에서"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("ｶﾞｷﾞ", ["ガギ"]),
        ("٤٧ ४७ ๔๗", ["47", "47", "47"]),
        ("\u0645\u064f\u0640\u0646", ["\u0645\u0646"]),
        ("co\u00adop", ["coop"]),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    """Scripts without spaces give bigrams and Chinese characters; words of other scripts beside them stay whole."""
    assert words(text) == expected


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    """A text in folded form stays as it is, and gives the words that it gave before."""
    assert words(fold(text)) == words(text)


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=2), st.text(max_size=5))
def test_a_part_of_a_text_shares_its_words(text: str, around: str) -> None:
    """Each word of a text without spaces is a word of a longer text that contains it."""
    assert set(words(text)) <= set(words(f"{around}\u3002{text}\u3002{around}"))
    assert set(words(text)) <= set(words(f"\u4f60{text}\u597d"))
