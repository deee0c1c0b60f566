"""The starter model: corpus, objective, training loop, evaluation. Needs torch; never imported while chatting."""
