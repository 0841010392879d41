"""A model that declines in words is noticed, in many languages; a summary that tells of it is not taken for one."""

import pytest

from langchain_motorhead.sessions.checks.refusals import is_refusal

REFUSALS = [
    "I'm sorry, but I can't help with that.", "I’m sorry, but I can’t assist with that request.",
    "Sorry, I cannot do that.", "I am unable to summarize this conversation.",
    "I cannot provide a summary of this conversation.", "I can't help with that.",
    "I apologize, but I cannot fulfill this request.", "As an AI language model, I cannot summarize personal data.",
    "As an AI, I don't have the ability to do that.", "Unfortunately, I am not able to process this content.",
    "I won't be able to help with that.", "I must decline to summarize this.", "I'm not able to assist with that.",
    "This request violates our usage policies.", "Please provide the conversation that you want me to summarize.",
    "Sure, please share the messages you'd like me to summarize.", "There is no conversation to summarize.",
    "I don't see any messages to summarize. Could you please provide them?",
    "I'd be happy to help! Please share the conversation.", "I do not feel comfortable summarizing this.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Tut mir leid, ich kann diese Unterhaltung nicht zusammenfassen.",
    "Leider kann ich diese Anfrage nicht bearbeiten.", "Als KI-Sprachmodell kann ich das nicht.",
    "Désolé, je ne peux pas vous aider.", "Je suis désolé, mais je ne peux pas répondre à cette demande.",
    "Je ne peux pas résumer cette conversation.", "En tant que modèle de langage, je ne peux pas.",
    "Lo siento, pero no puedo ayudar con eso.", "No puedo ayudarte con eso.",
    "Como modelo de lenguaje, no puedo hacerlo.", "Desculpe, mas não posso ajudar com isso.",
    "Sinto muito, não posso fazer isso.", "Mi dispiace, ma non posso aiutarti.",
    "Het spijt me, maar daar kan ik niet bij helpen.", "Извините, я не могу помочь с этим.",
    "К сожалению, я не могу ответить на этот запрос.", "对不起，我无法帮助您完成这个请求。",
    "很抱歉,我不能总结这段对话。", "作为一个人工智能语言模型，我无法做到。",
    "申し訳ありませんが、お手伝いできません。", "すみませんが、その要約はできません。",
    "죄송합니다만 도와드릴 수 없습니다.", "عذرًا، لا أستطيع المساعدة في ذلك.",
    "क्षमा करें, मैं इसमें मदद नहीं कर सकता।",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_noticed(text: str) -> None:
    """A refusal in words is one, in whatever language."""
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sorry is the name of Bob's boat.",
        "The assistant apologized: it could not find the order, and Bob will call on Monday.",
        "The user asked for help with a bomb; the assistant said that it cannot help with that.",
        "As an AI engineer at a bank, Bob looks for a course on agents.",
        "Unfortunately, Bob's flight BA117 was cancelled and he cannot travel before 16 May.",
        "Leider kann Anna am Freitag nicht kommen; sie schlägt Montag vor.",
        "Désolé de son retard, Paul a proposé mardi à 15 h.",
        "Lo siento es el título de la canción que Ana busca.",
        "I'm sorry, but I can't help with that, said the assistant. " + "Bob then asked for tea. " * 40,
    ],
)
def test_summaries_are_no_refusals(text: str) -> None:
    """A summary may tell of apologies, of what cannot be done, and quote a refusal among other things."""
    assert not is_refusal(text)
