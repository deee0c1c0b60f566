"""How fast models answer on this computer: prompts, runs, figures, and what is printed of them; no Qt."""
