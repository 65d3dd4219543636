"""``python -m nightdesk`` is the `nightdesk` command."""

from nightdesk.cli import main

main()
