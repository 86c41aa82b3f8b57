"""What runs beside the student's code: the standard library and NumPy, nothing of ours.

From the moment the student's module is imported, everything in this folder belongs to the
adversary. It decides nothing; it does what it is asked and answers in bytes. Only `wire` and
`devices` are also used on the trusted side. PyTorch is imported where an assignment asks for it.
"""
