"""The DiffusionGemma architecture as one small torch module: embed, one phase-aware stack, head.

It is used for training, for export and by the reference backend; chatting never imports it.
"""
