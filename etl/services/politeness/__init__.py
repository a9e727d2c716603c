"""How every service is asked: rates, delay, pauses, breaker, budget, retries, caps. Written once."""
