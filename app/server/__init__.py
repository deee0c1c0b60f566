"""The local server: the interfaces of OpenAI, Anthropic and Ollama over the model process; no Qt."""
