"""Changes of single messages: forgetting and editing, complete down to the summary."""
