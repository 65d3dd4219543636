"""The user's own files as modules: `nightdesk.own.pullback` is `plugins/own/pullback.py` of the project.

Importing one imports all: which plug-in has which name never depends on which was asked for first.
"""

from nightdesk.plug_ins import search

# Its modules are found by `nightdesk.plug_ins` alone, wherever the project is.
__path__.clear()

search()
