"""A folder that a user points at: model, adapter, or neither; its tensors, its name, merging."""
