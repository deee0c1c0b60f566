"""Names of files beside graph templates; nothing of what reads them."""

MANIFEST = "templates.json"
