"""The one door to the network, why nobody answered, and the list of all reasons for asking; no Qt."""
