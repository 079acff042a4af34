"""Reports: what people ask about what happened, from what was written down."""
