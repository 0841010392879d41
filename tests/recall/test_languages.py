"""Seven languages in one index: what was said is found by the words of a question."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead import EmbeddingError
from langchain_motorhead.recall.words.languages import script_language, text_language
from langchain_motorhead.recall.words.terms import terms
from support.embeddings import Scripted
from support.factory import MakeMotorhead

# For each language what somebody said, and a question about it in other words where a speaker would use others.
SAID: dict[str, list[tuple[str, str]]] = {
    "Chinese": [
        ("我下个月要搬到上海工作。", "他什么时候搬到上海？"),
        ("我的猫叫小花，今年三岁了。", "她的猫叫什么名字？"),
        ("昨天我和妹妹一起去爬山了。", "谁和他一起爬山？"),
        ("我对花生过敏，不能吃坚果。", "他对什么过敏？"),
        ("我正在学习弹钢琴，每天练习一个小时。", "她每天练习钢琴多久？"),
        ("我们的会议改到星期五下午三点。", "会议改到几点了？"),
    ],
    "Japanese": [
        ("来月から大阪で働くことになりました。", "いつから大阪で働きますか？"),
        ("私の犬の名前はポチで、五歳です。", "犬の名前は何ですか？"),
        ("先週、友達と富士山に登りました。", "誰と富士山に登った？"),
        ("エビのアレルギーがあります。", "何のアレルギーですか？"),
        ("毎朝ギターの練習をしています。", "ギターはいつ練習する？"),
        ("会議は金曜日の三時に変更になりました。", "会議の時間はどう変わった？"),
    ],
    "Thai": [
        ("เดือนหน้าฉันจะย้ายไปเชียงใหม่", "จะย้ายไปเชียงใหม่เมื่อไร"),
        ("แมวของฉันชื่อส้มโอ อายุสามปี", "แมวชื่ออะไร"),
        ("เมื่อวานฉันไปปีนเขากับน้องสาว", "ใครไปปีนเขาด้วย"),
        ("ฉันแพ้ถั่วลิสง", "แพ้อะไร"),
        ("ฉันกำลังเรียนเปียโนทุกวันเสาร์", "เรียนเปียโนวันไหน"),
        ("การประชุมเลื่อนไปเป็นวันศุกร์", "ประชุมเลื่อนไปวันไหน"),
    ],
    "Korean": [
        ("다음 달에 부산으로 이사합니다.", "언제 부산에 이사해요?"),
        ("우리 고양이 이름은 나비예요.", "고양이의 이름이 뭐예요?"),
        ("어제 동생과 등산을 갔어요.", "누구랑 등산했어요?"),
        ("저는 땅콩 알레르기가 있어요.", "무슨 알레르기예요?"),
        ("매일 피아노를 연습하고 있어요.", "피아노는 얼마나 자주 연습해요?"),
        ("회의가 금요일 오후로 바뀌었어요.", "회의는 무슨 요일이에요?"),
    ],
    "Arabic": [
        ("سأنتقل إلى القاهرة في الشهر القادم.", "متى ينتقل إلى القاهرة؟"),
        ("قطتي اسمها لولو وعمرها ثلاث سنوات.", "ما اسم القطة لولو؟"),
        ("ذهبت أمس إلى الجبل مع أختي.", "من ذهب معه إلى الجبال؟"),
        ("عندي حساسية من الفول السوداني.", "ما هي الحساسية عنده؟"),
        ("أتعلم العزف على البيانو كل يوم سبت.", "متى يتعلم البيانو؟"),
        ("تأجل الاجتماع إلى يوم الجمعة.", "متى الاجتماع؟"),
        ("أعمل مهندسًا في شركة للطيران.", "في أي شركة يعمل المهندس؟"),
        ("زرت المتحف المصري في الصيف الماضي.", "متى زار المتحف؟"),
        ("أختي تدرس الطب في دمشق.", "أين تدرس أخته الطب؟"),
        ("اشتريت سيارة حمراء جديدة.", "ما لون السيارة الجديدة؟"),
    ],
    "Hindi": [
        ("मैं अगले महीने मुंबई जा रहा हूँ।", "वह मुंबई कब जाएगा?"),
        ("मेरी बिल्ली का नाम मिनी है।", "बिल्ली का नाम क्या है?"),
        ("कल मैं अपनी बहन के साथ पहाड़ पर गया था।", "पहाड़ों पर किसके साथ गया?"),
        ("मुझे मूंगफली से एलर्जी है।", "किस चीज़ से एलर्जी है?"),
        ("मैं हर शनिवार पियानो सीखता हूँ।", "पियानो कब सीखती है?"),
        ("बैठक शुक्रवार को होगी।", "बैठकें कब होंगी?"),
    ],
    "Russian": [
        ("В следующем месяце я переезжаю в Казань.", "Когда он переезжает в Казань?"),
        ("Мою кошку зовут Мурка, ей три года.", "Как зовут кошек?"),
        ("Вчера мы с сестрой ходили в горы.", "С кем он ходил в горах?"),
        ("У меня аллергия на арахис.", "На что у него аллергии?"),
        ("По субботам я учусь играть на пианино.", "Когда он играет на пианино по субботу?"),
        ("Встречу перенесли на пятницу.", "Когда будет встреча?"),
    ],
}


def test_words_find_what_was_said_in_any_language(make: MakeMotorhead) -> None:
    """With the model down, nine of ten questions in each language find their message first, in an index with all."""
    model = Scripted()
    motorhead = make(embeddings=model)
    motorhead.setup()
    model.down = True
    for language, pairs in SAID.items():
        messages: list[BaseMessage] = []
        for at, (text, _) in enumerate(pairs):
            messages += [HumanMessage(text, id=f"{language} {at}"), AIMessage(f"ok {at}")]
        motorhead.session(language, "u").append(messages)
    with suppress(EmbeddingError):
        motorhead.flush()
    retriever = motorhead.retriever(user_id="u", k=2)
    found = Counter(
        language
        for language, pairs in SAID.items()
        for at, (_, question) in enumerate(pairs)
        if f"{language} {at}" in [document.id for document in retriever.invoke(question)]
    )
    assert all(found[language] / len(pairs) >= 0.9 for language, pairs in SAID.items()), found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("книга", "книги"),
        ("किताबें", "किताब"),
        ("der Tisch und die Häuser sind nicht alt", "das Haus"),
        ("los gatos que tengo en mi casa son para mí", "el gato"),
    ],
)
def test_forms_of_a_word_match_in_an_index_of_another_language(one: str, other: str) -> None:
    """A word is stemmed by the language of its script, or by that of its text, whatever language is configured."""
    assert script_language("книга", "english") == "russian"
    assert script_language("किताब", "nepali") == "nepali"
    wanted = terms(other, {"d": "german", "e": "spanish"}.get(other[0], "english"))
    assert set(wanted) & set(terms(one, "english"))


def test_a_text_in_the_configured_language_is_no_other() -> None:
    """Some words that other languages have too make no other language of a text."""
    for text in ("The man in the bar said no to me", "die hard", "I am in a no go area", "42"):
        assert text_language(text.lower().split(), "english") is None
    assert text_language("ich habe die katze nicht gesehen".split(), "english") == "german"
    assert text_language("ich habe die katze nicht gesehen".split(), "german") is None
