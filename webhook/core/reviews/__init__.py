"""Reviews: from the AdmissionReview that the API server sends to a verdict, its response and its sentences."""
