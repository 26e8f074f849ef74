"""Jobs without a server: classify, explain, mappings."""
