"""Speed, judged against the reference: who is asked what, on which clock, and what follows."""
