"""Guards and builders that all tests share."""
