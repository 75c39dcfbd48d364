"""From a query to an answer: what may be shown, the best of it, in a varied order where asked, and why."""
