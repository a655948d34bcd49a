"""The ladder from the paper's recipe to a better one: its steps, how it is climbed and judged."""
