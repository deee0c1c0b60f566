"""The models of this machine: which run, how they are fetched, checked, moved and removed; no Qt."""
