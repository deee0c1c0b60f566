"""What this computer has and lacks for running Dewpoint; no Qt."""
