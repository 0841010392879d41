"""Tools of memory for models: what each does, its arguments and its answer. LangChain and MCP have a face for them."""
