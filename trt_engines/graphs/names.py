"""Names of files beside graph templates, and of graphs; nothing of what reads them."""

MANIFEST = "templates.json"
# Graphs, and the parts made of them, that a plain step does without: they are opened when they are first asked.
LOGITS, BELIEFS, MIXED = ASKED = "logits", "beliefs", "mixed"
