"""Tables that tell of the database, the code and who took a book back: no decision leaves a row there."""

OF_THE_DATABASE = frozenset(
    {"migrations", "installation", "role_grants", "code_versions", "taken_back", "rebuilds"}
)
