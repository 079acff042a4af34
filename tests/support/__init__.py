"""What tests share: fakes, builders, samples, a reference ledger. No test is defined here."""
