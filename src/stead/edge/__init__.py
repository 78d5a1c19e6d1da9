"""The proxy host: pulls a snapshot of routes and serves it with Traefik and nginx."""
