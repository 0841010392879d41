"""The command `motorhead mcp`: memory for a program that starts it and speaks MCP with it, by stdio.

Typer reads the annotations at run time, so they are not postponed.
"""

from typing import Annotated

import typer

from langchain_motorhead.cli.common import ApiKey, Embeddings, Namespace, Url, is_server, open_motorhead
from langchain_motorhead.exceptions import InvalidInputError, MissingExtraError

_MISSING_EXTRA = 'this command needs {missing}. Try: pip install "langchain-motorhead[mcp]"'


def mcp(
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    user: Annotated[
        str | None, typer.Option(help="User whose conversations and facts the program can read.", metavar="ID")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="The current conversation. Without --user, the only one.", metavar="ID")
    ] = None,
    embeddings: Embeddings = None,
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only", help="Leave out the tools that change facts.", envvar="MOTORHEAD_MCP_READ_ONLY",
            show_envvar=True,
        ),
    ] = False,
) -> None:  # fmt: skip
    """Serve memory over MCP, on standard input and output.

    Claude Desktop is such a program. They talk by standard input and output.
    """
    if user is None and session is None:
        raise InvalidInputError("whose memory is it? Give --user with the id of a user, or --session")
    try:
        import anyio
        from mcp.server.stdio import stdio_server

        from langchain_motorhead.server.mcp.tools import McpAccess, create_server
    except ImportError as error:
        raise MissingExtraError(_MISSING_EXTRA.format(missing=error.name or "mcp")) from None
    from langchain_motorhead.facts.config import Facts
    from langchain_motorhead.tools.scope import ToolScope

    async def serve() -> None:
        options = {} if is_server(url) else {"facts": Facts()}
        async with open_motorhead(url, namespace, embeddings, api_key, **options) as motorhead:
            access = McpAccess(ToolScope(motorhead.backend, user, session), read_only)
            server = create_server(lambda _: access)
            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())

    anyio.run(serve)
