"""What the tests share: fakes, builders, samples, and a reference ledger. This package defines no tests."""
