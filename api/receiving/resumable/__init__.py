"""Bundles that arrive in several requests, by tus 1.0.0 or by the IETF draft, over the same resources."""
