"""Reviews: from what the API server asks to a verdict and its words."""
