"""Attacks on every route and page: what there is, who comes, what each may see."""
