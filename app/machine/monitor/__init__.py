"""What this computer does at this moment: its cards, its processor, and how fast answers are made; no Qt."""
