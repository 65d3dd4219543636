"""Corporate actions: what they are, how prices show them, and which of them count.

Feeds give what is stated and what their columns show (`evidence`); `judgement` decides, row by row, what of
it moves prices and cash and what is asked of a person; `restatement` reads a history that came back changed.
"""
