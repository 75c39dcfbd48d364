"""promptrec: a recommender that is trained once, frozen, and then steered by prompts."""
