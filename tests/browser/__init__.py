"""The page in a real browser, over accounts that the tests make. No control plane is needed."""
