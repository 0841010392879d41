"""LangChain and LangGraph interfaces: middleware, nodes, history, memory, retriever and store."""
