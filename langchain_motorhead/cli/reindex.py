"""The command `reindex`: builds the search index anew, with a progress bar.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys

import typer

from langchain_motorhead.cli.common import ApiKey, Embeddings, Namespace, Url, is_server, open_motorhead
from langchain_motorhead.exceptions import RecallNotConfiguredError, UnsupportedError
from langchain_motorhead.messages.wording import counted


def reindex(
    *, url: Url = None, api_key: ApiKey = None, namespace: Namespace = "default", embeddings: Embeddings = None
) -> None:
    """Rebuild the search index, for example for another embedding model.

    Messages that are not indexed yet are indexed too. Searches go on meanwhile.
    """
    if is_server(url):
        raise UnsupportedError("an index is built anew on Redis itself: give the Redis URL of the server as --url")
    if embeddings is None:
        raise RecallNotConfiguredError("an index needs an embedding model: --embeddings NAME")
    with open_motorhead(url, namespace, embeddings, api_key) as motorhead:
        count = motorhead.reindex(progress=sys.stderr.isatty())
    anew = f"; {counted(count, 'document')} embedded anew" if count else ""
    typer.echo(f"the index is complete{anew}")
