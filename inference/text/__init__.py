"""Between text and token ids: templates, tokenizer, context, thinking, drafts, answers."""
