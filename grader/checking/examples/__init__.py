"""Public checks as worked examples: what is called with what, and what must come out.

A check needs the reference, which students must not have. So the public checks run once against
the reference, with a seed that is for nothing else, and what they asked and accepted is written
down as numbers. Students replay that on their own machine.
"""
