"""`python -m konomi`."""

from konomi.cli import main

main()
