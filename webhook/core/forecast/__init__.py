"""Foresight: what an edit would come to, said before it does."""
