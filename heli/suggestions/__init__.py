"""人民建议: calls for suggestions, what people suggest, who seconds it, what a unit answers, and what came of it."""
