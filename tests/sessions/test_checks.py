"""A text replaces a summary only if it can be one; people's summaries pass in every language."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead.sessions.checks.reasons import Reason, reason_code
from langchain_motorhead.sessions.checks.summary import check_summary


def said(*texts: str) -> list[BaseMessage]:
    """Make a conversation of two, the human first."""
    return [(AIMessage if at % 2 else HumanMessage)(text) for at, text in enumerate(texts)]


TRIP = said(
    "Hello, I'm Bob. I'd like to take a bus from Oslo to Bergen on the 14th of May.",
    "Hello Bob! When do you want to leave, and how many tickets do you need?",
    "Around half past nine in the morning. Three tickets, please. My daughter uses a wheelchair.",
    "There is a bus at 9:40 for 45 euros each, with a ramp. It arrives at Bergen Bus Station.",
    "That's fine. Please book it.",
    "Your three tickets are booked, the number is 48213. Anything else?",
    "Yes, we need a hotel for two nights, not above 1,200 euros in all.",
    "Hotel Fjordblick has a family room for 540 euros a night.",
    "Sounds good, but let me ask my wife Karin first.",
    "Of course. I hold it until Friday.",
)
TRIP_SUMMARY = (
    "Bob booked three bus tickets from Oslo to Bergen on 14 May at 9:40 (number 48213, a ramp for his daughter's "
    "wheelchair). For two nights he considers a family room at Hotel Fjordblick, held until Friday; he asks "
    "Karin first."
)

GOOD: list[tuple[Sequence[BaseMessage], str]] = [
    (TRIP, TRIP_SUMMARY),
    (TRIP, "A father travels with his family by bus and thinks about a hotel that is within his budget of 1200 euros."),
    (TRIP, "Bob's family goes to Bergen in May; a hotel is still to be decided."),
    (TRIP, "Summary: Bob booked a bus to Bergen and will decide on a hotel by Friday."),
    (TRIP, "- Bob, Oslo to Bergen, 14 May, 09:40, 3 tickets (48213)\n- daughter uses a wheelchair\n- hotel: open"),
    (
        TRIP,
        "1. Bob booked a bus to Bergen.\n2. He needs a hotel for 2 nights.\n10. He asks Karin, his wife, "
        "before Friday.",
    ),
    (
        TRIP,
        "Bob hat drei Bustickets von Oslo nach Bergen für den 14. Mai um 9:40 Uhr gebucht; das Hotel ist noch offen.",
    ),
    (TRIP, "Bob a réservé trois billets de bus d'Oslo à Bergen pour le 14 mai ; l'hôtel Fjordblick reste à confirmer."),
    (TRIP, "Боб забронировал автобус на 14 мая в 9:40, номер 48213. Гостиница за 540 евро пока не выбрана."),
    (TRIP, "Bob预订了5月14日9:40从Oslo到Bergen的三张车票,编号48213。酒店还没有决定。"),
    (said("Hi, I'm Bob. I moved to Oslo in May.", "Nice to meet you, Bob!"), "Bob moved to Oslo in May."),
    (said("hi", "Hello! How can I help?"), "The user and the assistant greeted each other."),
    (said("What's the capital of Australia?", "Canberra."), "The user asked for Australia's capital: Canberra."),
    (
        said("are you home?", "nope, still at work", "can I have your drill?", "sure, in the garage"),
        "He lends him a drill.",
    ),
    (
        said(
            "I'm so tired of this job, my boss shouts at everybody.",
            "Why don't you quit?",
            "I can't, I have to pay the rent.",
            "Look for something else while you are still there.",
        ),
        "The user is unhappy with the job because of the manager's behaviour, and is advised to search for a "
        "new position.",
    ),
    (
        said(
            "The room costs two hundred and fifty a week.",
            "And the deposit?",
            "Twelve hundred. Come at quarter to five.",
        ),
        "The room is 250 a week and the deposit 1200; a visit is planned at 4:45.",
    ),
    (
        said("Meet me at 5 pm on 3 October.", "In twenty twenty-five?", "Yes, at noon the shop closes."),
        "They meet at 17:00 on 2025-10-03; the shop closes at 12.",
    ),
    (
        said("It is 91.5 miles, and I paid $23,383.84.", "My phone is 555-123-4567."),
        "92 miles, 23.383,84 dollars, 5551234567.",
    ),
    (
        said(
            "Ich heiße Anna, mein Vater wird am 12. Juni sechzig.",
            "Was mag er?",
            "Er angelt und hört Jazz in Hamburg.",
            "Ein Konzert am 14. Juni um halb acht kostet fünfunddreißig Euro.",
        ),
        "Anna sucht zum 60. Geburtstag des Vaters am 12. Juni ein Geschenk; ein Konzert am 14. Juni um 19:30 "
        "Uhr kostet 35 Euro.",
    ),
    (
        said(
            "Bonjour, une table pour quatre vendredi vers vingt heures.",
            "À quel nom ?",
            "Lefèvre. Ma femme est végétarienne et mon fils est allergique aux noix.",
            "C'est noté : vendredi à 20 h 15.",
        ),
        "M. Lefèvre a réservé pour quatre vendredi à 20 h 15. Son épouse ne mange pas de viande, son enfant "
        "pas de noix.",
    ),
    (
        said(
            "Perdí mi maleta azul en el vuelo IB3456 de Madrid a Lima.",
            "¿Dónde se aloja?",
            "Calle Schell 210, Miraflores, hasta el 23 de abril.",
            "La maleta está en Madrid y llega mañana.",
        ),
        "Al usuario se le extravió una maleta azul en el vuelo IB3456; se la entregarán en Miraflores, donde "
        "está hasta el 23.",
    ),
    (
        said(
            "你好,我想订一张去上海的高铁票,下周五上午十点以前。",
            "有一趟9:15从北京南站出发的G107,二等座553元。",
            "好的。我叫王伟,我母亲晕车,想要靠窗的座位。",
            "已为您预订两张票,7车12A和12B。",
        ),
        "王伟和母亲下周五乘G107从北京去上海,9:15发车,座位12A、12B。母亲容易晕车,希望坐窗边。",
    ),
    (
        said(
            "来月、家族で京都に旅行します。父は足が悪いです。",
            "ご予算は?",
            "一泊3万円までです。",
            "駅から3分のホテルさくら、28,000円です。",
        ),
        "ユーザーは家族で京都へ旅行し、足の悪い父親のため駅に近い宿を探す。候補はホテルさくら(28,000円)。",
    ),
    (
        said(
            "다음 주 수요일에 부산 출장이 있어요.",
            "몇 박을 원하세요?",
            "이틀이요. 조식이 필요해요.",
            "해운대 호텔이 12만 원입니다.",
        ),
        "사용자는 수요일 부산 출장을 위해 조식이 있는 해운대 호텔(12만 원)을 이틀간 예약하려 한다.",
    ),
    (
        said(
            "أريد حجز غرفة في دبي من 5 إلى 19 مارس.", "كم عدد الأشخاص؟", "أنا وزوجتي.", "فندق المرجان بسعر 450 درهما."
        ),
        "يريد المستخدم حجز غرفة له ولزوجته في فندق المرجان بدبي من 5 إلى 19 مارس بسعر 450 درهما.",
    ),
    (
        said(
            "मुझे कल दिल्ली से जयपुर जाना है।",
            "शताब्दी एक्सप्रेस सुबह 6:10 बजे है।",
            "दो टिकट चाहिए, पिता भी साथ हैं।",
            "किराया 1,250 रुपये।",
        ),
        "उपयोगकर्ता कल पिता के साथ 6:10 की शताब्दी एक्सप्रेस से जयपुर जाएगा, किराया 1,250 रुपये।",
    ),
    (
        said("ผมอยากจองตั๋วไปเชียงใหม่วันศุกร์นี้", "กี่ท่านคะ", "สองคนครับ ผมกับภรรยา", "เที่ยวบิน 8:40 ราคา 1,890 บาท"),
        "ผู้ใช้จองตั๋วไปเชียงใหม่วันศุกร์นี้กับภรรยา เที่ยวบิน 8:40 ราคา 1,890 บาท",
    ),
]


@pytest.mark.parametrize(("messages", "summary"), GOOD)
def test_good_summaries_pass(messages: Sequence[BaseMessage], summary: str) -> None:
    """A short, abstractive or translated summary that a person could have written passes."""
    assert check_summary(summary, messages) == []


BAD: list[tuple[str, Reason]] = [
    ("", Reason.EMPTY),
    (" \n…", Reason.EMPTY),
    ("Summary:", Reason.EMPTY),
    ("I'm sorry, but I can't help with that.", Reason.REFUSED),
    ("There is no conversation to summarize.", Reason.REFUSED),
    ("Bob goes from Oslo to Bergen by bus. " * 6, Reason.REPEATS),
    ("Bob Bob Bob Bob Bob Bob Bob Bob Bob", Reason.REPEATS),
    ("The AI has now finished the summary. " * 20, Reason.REPEATS),
    ("奥斯陆到卑尔根的车票已经预订。" * 6, Reason.REPEATS),
    ("Summary: (none yet)\nNew messages: Bob books a bus to Bergen.", Reason.PROMPT),
    ("Bob books a bus.\n\nNew messages:\nBob asks for a hotel in Bergen.", Reason.PROMPT),
    ("You keep the memory of a conversation with Bob on a bus to Bergen.", Reason.PROMPT),
    ("Human: I want a bus to Bergen.\nAI: It leaves at 9:40.", Reason.CONTINUES),
    ("**User:** a bus to Bergen\n**Assistant:** booked\n", Reason.CONTINUES),
    ("Bob has a bus to Bergen on 14 May. How can I help you with the hotel?", Reason.CONTINUES),
    ("Bob booked three tickets to Bergen for 77 euros.", Reason.INVENTED),
    ("Bob flies on 2024-05-14 to Bergen.", Reason.INVENTED),
    ("Bob goes to Bergen on 14 May at 18:20.", Reason.INVENTED),
    (
        "In San Francisco, a beautiful stretch of coast is perfect for beach bungalows, surfing lessons, "
        "vineyards and dolphins.",
        Reason.UNRELATED,
    ),
    (
        "Der Roman handelt von einem Seemann, der jahrelang einen weißen Wal verfolgt und dabei Schiff und "
        "Mannschaft verliert.",
        Reason.UNRELATED,
    ),
    ("这部小说讲述了一个船长多年追逐白鲸的故事,最后失去了船只和所有船员。", Reason.UNRELATED),
    (TRIP_SUMMARY + " " + " ".join(message.text for message in TRIP), Reason.TOO_LONG),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_what_is_no_summary_is_rejected(text: str, reason: Reason) -> None:
    """Each fault is named, in a sentence that begins with its code."""
    assert reason in [reason_code(each) for each in check_summary(text, TRIP)]


@pytest.mark.parametrize("ended", ["length", "max_tokens", "MAX_TOKENS", "FinishReason.MAX_TOKENS", "incomplete"])
def test_a_text_that_was_cut_off_is_rejected(ended: str) -> None:
    """A good text is rejected if the model says that it was cut off."""
    assert check_summary(TRIP_SUMMARY, TRIP, finish_reason="stop") == []
    assert [reason_code(each) for each in check_summary(TRIP_SUMMARY, TRIP, finish_reason=ended)] == [Reason.CUT_OFF]


MORE = said(
    "Karin agrees, please book the room.",
    "Hotel Fjordblick is booked from 14 to 16 May. The number is HF-7731.",
    "Great. We are vegetarians, by the way.",
    "I have told the hotel.",
)


@pytest.mark.parametrize(
    "text",
    [
        TRIP_SUMMARY.replace("considers", "booked (HF-7731)") + " They are vegetarians.",
        "Bob has three bus tickets from Oslo to Bergen on 14 May at 9:40 (48213) and Hotel Fjordblick to 16 May "
        "(HF-7731). Karin agreed. His daughter uses a wheelchair; they are vegetarians.",
    ],
)
def test_a_summary_goes_on(text: str) -> None:
    """A new summary may have what the previous one has, numbers that only stand there, and grow by what is new."""
    assert check_summary(text, MORE, previous=TRIP_SUMMARY) == []


@pytest.mark.parametrize(
    ("previous", "text"),
    [
        (TRIP_SUMMARY, "The family booked the room (HF-7731) and is vegetarian."),
        (TRIP_SUMMARY, "Hotel Fjordblick is booked."),
        (
            "Ann lives in Rome, works for Fiat and has been allergic to nuts since 1998.",
            "Hotel Fjordblick is booked to 16 May.",
        ),
        (
            "王伟住在北京,他的母亲晕车,喜欢靠窗的座位,周五去上海看望朋友并参加会议。",
            "酒店已经订好,编号HF-7731,客人吃素。",
        ),
    ],
)
def test_what_the_previous_summary_had_stays(previous: str, text: str) -> None:
    """A text that drops most numbers, dates and names of the previous summary is rejected, and says which."""
    (reason,) = [each for each in check_summary(text, MORE, previous=previous) if reason_code(each) is Reason.FORGETS]
    assert reason.startswith("forgets the previous summary: it says") or reason.partition("missing: ")[2]


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ("The room is booked (HF-7731), and they are vegetarians.", None),
        ("Das Zimmer ist gebucht (HF-7731), und sie essen kein Fleisch.", None),
        ("I'm sorry, but I can't help with that.", Reason.REFUSED),
        ("Beautiful beaches with dolphins, vineyards and surfing lessons attract many visitors.", Reason.UNRELATED),
        ("This is no response to a question.", Reason.UNRELATED),
        ("The room is booked now. The room is booked now. The room is booked now.", Reason.REPEATS),
    ],
)
def test_what_is_added_is_checked_alone(added: str, reason: Reason | None) -> None:
    """A bad addition does not hide behind the good summary that it follows."""
    reasons = check_summary(f"{TRIP_SUMMARY}\n\n{added}", MORE, previous=TRIP_SUMMARY)
    assert [reason_code(each) for each in reasons] == ([] if reason is None else [reason])


def test_lines_of_the_previous_summary_may_be_kept() -> None:
    """A previous summary that quotes speakers, as extracts do, may be repeated."""
    previous = "Human: I'm Bob, I want a bus from Oslo to Bergen.\nAI: It leaves at 9:40.\nHuman: Three tickets."
    assert (
        check_summary(f"{previous}\nThey are vegetarians and stay at Hotel Fjordblick.", MORE, previous=previous) == []
    )


def test_what_tools_were_given_and_found_was_said() -> None:
    """Numbers in arguments and results of tools, and in content blocks, are no inventions."""
    messages = [
        HumanMessage([{"type": "text", "text": "Book seat 31 for me."}]),
        AIMessage("", tool_calls=[{"name": "book", "args": {"seat": 31, "date": "2019-03-08"}, "id": "1"}]),
        ToolMessage('{"fare": "45", "gate": "B17"}', tool_call_id="1"),
    ]
    assert check_summary("Seat 31 was booked for 8 March 2019; the fare is 45, the gate B17.", messages) == []
    assert check_summary("Seat 31 was booked; the fare is 46.", messages) == ["invented numbers: 46 was never said"]


@settings(max_examples=150, deadline=None)
@given(st.text(), st.lists(st.text(), max_size=4), st.text())
def test_any_text_can_be_checked(text: str, messages: list[str], previous: str) -> None:
    """Checks never raise, and each of their reasons begins with a code."""
    for reason in check_summary(text, said(*messages), previous=previous):
        assert reason_code(reason) in Reason


@pytest.mark.parametrize("part", ["\n", "a-", "1", "1 ", "<", "没有", "Bob ", "? ", "Human: a\n", "*", "I "])
def test_long_texts_take_linear_time(part: str) -> None:
    """No text of 100,000 characters, however odd, holds a check up."""
    text = part * (100_000 // len(part))
    check_summary(text, [HumanMessage(text)], previous=text)
    check_summary(TRIP_SUMMARY, [HumanMessage(text)])
