"""Selects the model of `chat` and `demo`, from `--model` and the variables that the server reads too."""

from __future__ import annotations

from typing import Any

from langchain_motorhead.exceptions import MotorheadError

_NO_EXTRA = 'a model needs {missing}. Try: pip install "langchain-motorhead[cli]"'
_ASK_SECONDS = 5.0
# Without a name, this one is used if the address has it.
_USUAL = "gpt-4o-mini"


def models(name: str | None) -> tuple[Any, Any, str] | None:
    """Return the model to talk to, the model that summarizes, and the first one's name; None if there is none.

    Args:
        name: The name that was given, or None for that of the environment, or one that the address offers.

    Raises:
        InvalidInputError: The model cannot be built.
        MotorheadError: An extra is not installed.
    """
    try:
        from langchain_motorhead.cli.serve import read_settings
        from langchain_motorhead.models.by_name import chat_model
        from langchain_motorhead.server import model_factory as factory

        settings = read_settings({"model": name} if name else {})
    except ImportError as error:
        raise MotorheadError(_NO_EXTRA.format(missing=error.name or "pydantic-settings")) from None
    if settings.model is None and settings.openai_api_base and not settings.azure_deployment_id:
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        settings = settings.model_copy(update={"model": _offered(settings.openai_api_base, key)})
    build = factory.chat_model(settings)
    model = None if build is None else build()
    if isinstance(model, str):
        model = chat_model(model, "--model")
    if model is None:
        return None
    own = factory.summarizer(settings) if settings.summarizer_api_base else None
    summarizes = model if own is None else own.get()
    return model, summarizes, settings.model or getattr(model, "model_name", "") or _USUAL


def _offered(base: str, key: str | None) -> str:
    """Return the name of a model that an OpenAI-compatible address offers: the usual one, or else its first.

    Not every such server lists its models. Then the usual one is asked for, and the answer says whether it is there.
    """
    import httpx

    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = httpx.get(f"{base.rstrip('/')}/models", headers=headers, timeout=_ASK_SECONDS)
        names = [str(each["id"]) for each in answer.json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        names = []
    return next((each for each in names if each.rpartition("/")[2] == _USUAL), names[0] if names else _USUAL)
