"""Who is calling, how they prove it, and what they may: found out before a request's body is read."""
