"""Clients of web services: one contract, one file per service, and politeness written once for all."""
