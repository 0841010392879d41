"""Integrations: LangChain's chat history, chain memory and retriever; LangGraph's nodes and store; agent middleware."""
