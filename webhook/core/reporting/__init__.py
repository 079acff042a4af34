"""Reports: answers about past decisions, made from audit lines that were recorded."""
