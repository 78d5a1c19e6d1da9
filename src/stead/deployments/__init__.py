"""Deployments: an app from the catalog, installed into an instance and served by routes."""
