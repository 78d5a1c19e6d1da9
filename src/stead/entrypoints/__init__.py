"""Where processes begin: each module collects parts and holds no logic of its own."""
