"""Values that everything is made of: amounts, quantities, scopes, words."""
