from contextlib import nullcontext as serving
make = make_config = make_tokenizer = make_weights = make_files = None
