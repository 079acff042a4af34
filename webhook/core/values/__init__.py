"""The values that all other rooms use: amounts, quantities, scopes, notations, scales."""
