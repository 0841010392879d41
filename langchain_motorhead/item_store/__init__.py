"""What LangGraph's BaseStore needs below its interface: items, filters, search."""
