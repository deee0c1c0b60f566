"""The look process: what a folder or a repository supplies is read there, and comes to the window as plain values.

`questions` is what can be asked. `client` asks it from any thread, by way of `asking` and `link`. On the other side of
the pipe is `process`; `answer` knows the answers. `limits` says how much memory they take, `plain` how large they are.
"""
