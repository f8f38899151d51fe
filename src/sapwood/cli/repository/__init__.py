"""Commands of a repository: git's names and habits."""
