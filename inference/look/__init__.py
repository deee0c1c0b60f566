"""The look process: what a folder or a repository supplies is read there, and comes to the window as plain values.

`questions` is what can be asked, `client` asks it from any thread, `process` is the other side of the pipe, `answer`
knows the answers, `limits` says how much memory they may take, and `plain` how large an answer may be.
"""
